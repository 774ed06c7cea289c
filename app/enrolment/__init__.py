"""Binding devices and factors, first and further ones, and coming back. Runs in the signer.

Protects: who may speak for a trader. A device row exists only after its key signed for it, a
factor row only after the device signed the sealed seed and a code confirmed it, or signed what an
authenticator made and all of it was verified; another root only after a recovery code or a passkey
signed for its key and every old device had its day to veto.
Invariants: `bind_device` without a believed device makes a new root, and only for a trader that
has none; a code answers one key; nothing here opens a secret outside the HSM.
May never import: the other paths, HTTP, push.
"""
