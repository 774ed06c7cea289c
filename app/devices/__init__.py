"""Enrolled phones: their keys, and where to ring them.

Protects: which key may speak for a trader. A device row is believed only with the HSM's MAC.
May never import: another room beside it.
"""
