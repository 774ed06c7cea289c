"""The access log: every use of every token, before its answer leaves (P6).

Protects: that nothing happens unlogged and that no entry can change unnoticed.
Invariants: one hash chain per (trader, writer); the nil writer is the `locked` chain, appended in
the transaction of the change it tells of; heads are signed as Merkle roots. Fields are an
allow-list of public halves.
May never import: anything above it.
"""
