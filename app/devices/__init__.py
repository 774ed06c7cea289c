"""Enrolled phones: their keys, and where to ring them.

Protects: which key may speak for a trader. A device row is believed only with the HSM's MAC.
Invariants: a row is written once and never changed; its MAC covers every column.
May never import: another room beside it.
"""
