"""Traders and the one-time codes that enrol their first device.

Protects: that a platform creates traders but can never enrol a device in their place for long:
the code is hashed, short-lived, and bound to the first key that answers it.
Invariants: a code answers one key; a trader that two keys wanted is frozen while still empty.
May never import: another room beside it.
"""
