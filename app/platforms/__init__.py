"""Platforms: registered by an operator, authenticated by private_key_jwt (RFC 7523).

Protects: that only public keys of a platform are here, that an assertion counts once, and that a
platform reaches only traders it created.
Invariants: an assertion is spent by one conditional insert; only hashes of access tokens are kept.
May never import: another room beside it.
"""
