"""Linking an exchange key: sealed by the phone, read back at the venue, approved, then active.

Protects: P4 on the way in, and that a key with rights it must not have is never linked.
Invariants: `pending -> verifying -> active | refused(reason)`; the venue's own answer decides what
a key may do, before anybody is asked; the approval covers the envelope that was imported.
May never import: the other paths, HTTP, push, `vault.unwrap`.
"""
