"""The token tree and its fences.

Protects: P1 and P5. A child's path and expiry come from its parent's row; a fence anywhere on the
path holds; only `tighten` and `lift` touch fences.
Invariants: only hashes of secrets are stored; minting happens under the trader lock, in SQL, and
never under a fenced parent.
May never import: another room beside it.
"""
