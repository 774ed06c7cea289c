"""Linked exchange keys: their public half, state and attested rights.

Protects: that a key is used only as it was linked: who sealed it, for which venue, with which
rights. The wrapped secret is a row only the signer may read.
Invariants: states go one way; each change is a new version with a new MAC; a refused key keeps
no blob.
May never import: another room beside it.
"""
