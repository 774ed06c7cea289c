"""Drills: what must never happen, looked for at length, on real parts.

Protects: that "never" is something anybody can try to break with one command and a seed.
Invariants: a drill runs on a service of its own, in its own directory, on loopback; its verdict
is made offline, from what was recorded; it ends by itself and takes away what it made. The short
form of a drill is a test of the suite.
"""
