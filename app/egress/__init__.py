"""The way out to the venues, and the only one: what was signed leaves here, what was said enters.

Protects: that a signed request reaches the venue it was signed for, at most once if it is an
order, and nobody else; and that what the venue answered becomes rows under the trader lock.
Invariants: a request goes to the base URL pinned in the venue's row, with the certificate checked,
no redirect followed and no private address connected to (only the sandbox's row may name loopback
and plain HTTP); an order is never sent a second time, whatever became of the first: doubt is
resolved by asking; a path, query, header or body of a signed request is a capability and never
reaches a log, an exception or a row; nothing here decides to trade, and a revoke never waits for
anything done here. All that must survive a crash is in rows.
May never import: vault, signing, linking, enrolment, deciding, pkcs11, ccxt, litestar,
firebase_admin, asyncpg.
"""
