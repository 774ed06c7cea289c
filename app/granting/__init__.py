"""Granting: an approved request becomes a sealed grant or platform token, and changes of those.

Runs in the signer.

Protects: P5 at birth. The grant is what was shown: its limits are the approved bytes, its key the
one whose thumbprint was on the screen, its path below the credential's.
A change is another sealed version: narrower by one device's statement, other addresses by an
approval; nothing ever beyond any grant above.
Invariants: a grant's token is dead until this row exists; nothing is granted under a fence.
May never import: the other paths, HTTP, push, `vault.unwrap`.
"""
