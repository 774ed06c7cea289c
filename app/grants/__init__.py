"""Bot grants: which model key may sign orders on which credential, inside which limits.

Protects: P5 on the path to an order. A grant row is believed only with the HSM's MAC, and what it
allows is the canonical action that a person approved.
Invariants: its limits are the bytes a person approved, or narrower ones that a device signed for;
each change is another version under another MAC.
May never import: another room beside it.
"""
