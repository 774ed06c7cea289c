"""Venue dialects: what one venue's requests and answers look like, and nothing about when.

Protects: that the bytes that are signed say what the trader's order says. Every request is built
by ccxt once, with a sentinel where the signature goes, and is read back field by field before
anyone may sign it; every answer is read strictly or counts as unknown.
Invariants: pure (no database, no network, no clock, no exchange secret); money is Decimal; one
signing operation per request; an unknown or repeated parameter refuses; no request names a host.
May never import: vault, signing, db, verbs, or a sibling room. Only `binance` and each venue's
`requests` import ccxt, so that a process that only reads answers (`answers`) does not load it.

A venue is: a row in `venues`; a table and a scheme that read its requests back (`readback`),
written from the venue's documents and not from ccxt; the requests that ccxt makes (`building`,
`capture`); the answers (`reading`, `pinning`); a guide in `data/` with the documents it was taken
from; and a case in tests/exchanges/cases that every venue's tests run on.
"""
