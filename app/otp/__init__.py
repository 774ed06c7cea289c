"""One-time passwords (RFC 6238): which step a code belongs to, and that it counts once.

Protects: P3 for codes, and the guessing limit. The seed is never here: HMACs come from the HSM.
Invariants: the attempt is charged before the code is compared, in a transaction of its own; the
accepted time step is stored and only grows.
May never import: another room beside it.
"""
