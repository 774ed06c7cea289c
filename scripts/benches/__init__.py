"""Benchmarks: ratios measured in turn on one machine, each against a goal.

Protects: that a claim about cost is a number anybody can measure again with one command.
Invariants: a benchmark runs on a service of its own, in a directory of its own, on loopback; it
ends by itself and takes away what it made; a figure is never an assertion of a test.
"""
