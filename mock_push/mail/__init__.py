"""Where mail ends: who may hand it in, and a box for every address.

Protects the rehearsal of e-mail: a sender must log in as it would anywhere, and what it sent can be
read as the person would find it.

Invariants
----------
- Every address has a box; nothing is ever sent on.
- Of a password only a digest is kept.

May never import ``mock_push.fcm``, ``oauth``, ``phones`` or ``telegram``.
"""
