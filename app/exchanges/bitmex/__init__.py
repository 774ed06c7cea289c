"""BitMEX, inverse perpetuals. Left ccxt after 4.5.60: the requests are made here, by hand.

They are read back by the same engine as everybody's, with a table that does not share a line with
what builds them; the signature is held against BitMEX's own documented examples.
"""
