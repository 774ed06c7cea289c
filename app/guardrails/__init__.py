"""Guardrails: may this order go out, on every node of its path, and must somebody say so.

Protects: that no order exceeds what any node above it allows (P5), that doubt means no (P8), and
that a child is born no wider than its parent.
Invariants: pure (no database, no network, no clock); exact decimal arithmetic, never a float;
refusals raise with the rule and the node; an empty allow-list allows nothing; tightening a limit
never turns a refusal into a permit; the order of the nodes does not matter.
May never import: any room but core.
"""
