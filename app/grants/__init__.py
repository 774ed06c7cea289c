"""Bot grants: which model key may sign orders on which credential, inside which limits.

Protects: P5 on the path to an order. A grant row is believed only with the HSM's MAC, and what it
allows is the canonical action that a person approved.
Invariants: a row is written once; its limits are the bytes a person approved.
May never import: another room beside it.
"""
