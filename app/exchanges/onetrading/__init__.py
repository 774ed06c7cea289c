"""One Trading (was Bitpanda Pro), spot: a bearer in every request and no signature (P4 names it).

Whoever sees a request can trade with the account until the token is deleted.
"""
