"""Scripted faults: what goes wrong, for whom, how often; the same again with the same seed.

Protects rehearsals of failure: a fault strikes only what would have succeeded, it says how often it
was met and how often it struck, and with a seed the same requests meet the same fate.

Invariants
----------
- Whether a fault strikes follows from the seed, the fault's number, the target and how many of that
  target's requests the fault has met; never from the clock, and never from the order in which
  requests of different targets happen to come in.
- The kinds are a closed list (``catalogue``); one that a channel does not have is refused when it
  is set.

What a fault does is not here: each edge (``api``, ``smtp``) answers as its service would. May never
import ``mock_push.fcm``, ``oauth``, ``phones``, ``mail`` or ``telegram``.
"""
