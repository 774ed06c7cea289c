"""The signing path: from a bot's signed order to a signed venue request. Runs in the signer.

Protects: P1, P2, P4, P5, P6 at the one place where money moves.
Invariants: the trader lock comes first, as a statement of its own; every row that matters is
believed only with its MAC; the request is read back before it is signed; the log entry is in the
same commit; only then does the courier get it. Steps are numbered as in the design.
May never import: the other paths, HTTP, push.
"""
