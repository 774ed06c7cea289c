"""The cord: revoke a node and everything beneath it. One row, one log entry, one commit.

Protects: P1 and P7. One factor is enough; nothing else is waited for: no HSM, no push, no venue.
Invariants: the fence, the receipt's hash, the clean-up job and the doorbells are one transaction
of the database function `tighten`; counting and cleaning come later, on pages of their own, and no
page costs more in a larger tree. What was "not me" or lost is told in the commit that cuts it.
May never import: vault, signing, push, exchanges, verbs.
"""
