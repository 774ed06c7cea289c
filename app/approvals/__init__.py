"""Approvals: a typed action, its canonical bytes, and the one decision about it.

Protects: P2. What is asked never changes, what is decided is decided once, and what is executed
is what was shown.
Invariants: the digest is SHA-256 of the canonical action; states move one way; expiry is a
comparison with the clock, not a job.
May never import: the ways of proving (otp, webauthn) or whoever executes.
"""
