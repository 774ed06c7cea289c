"""Policies: how strongly an action must be approved, in which circumstances, or that it may not be.

Protects: P7 and P8 on the way to an approval. What an action needs is the most that the trader's
policy and the operator's floor ask for; a change that lowers it anywhere takes an approval as
strong as what it takes away, and a day.
Invariants: deny overrides, the order of rules does not matter, a further rule never weakens; an
action nobody wrote of is denied, a field nobody knows refuses. A policy is MACed evidence of the
signer, one row per version, never changed: which one is in force is a comparison with the clock.
What the MAC cannot say is that a newer row was deleted: the log tells, as for every row.
May never import: approvals, devices, whoever proves or executes.
"""
