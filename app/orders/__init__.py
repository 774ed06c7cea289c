"""Orders of bots and the items of clean-up: one row each, moved forward only.

Protects: that an order's story is told once and never backwards: a late or repeated answer of the
venue changes nothing, and what was reserved for an order is given back exactly once.
Invariants: rows are changed under the trader lock, from an expected state; an unclear answer never
replaces a clear one; a final state stays; filled quantities only grow.
May never import: another room beside it, verbs, or anything that talks to a venue.
"""
