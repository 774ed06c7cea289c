"""Watching: what happens to a trader, told live to the trader's own devices.

Protects: that nothing is missed over reconnects, and that nothing is heard by a token that may not.
Invariants: the source is the trader's locked chain alone. Its positions are given out under the
row lock of its head, held until commit, so what can be read is always a prefix: a reader that goes
on after the last position it saw has no gap and no repeat, on any node. What is told are ids and
public words, never a detail (P9); who wants more asks with a proof of its own. Idle clients cost no
query each: one look at the heads serves all who wait in this process.
May never import: another path, vault, or HTTP.
"""
