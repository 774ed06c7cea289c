"""The sandbox venue: a demo exchange that speaks the Binance spot dialect over HTTP.

Protects: that the product is tried against a venue that does not trust it. The venue keeps its
own copy of every secret or public key, verifies every signature itself over the bytes as sent,
and refuses in the codes and words of the published interface (binance-spot-api-docs), so the
unmodified `ccxt.binance` trades here.
Invariants: amounts are `Decimal`, never `float`; per asset, what all accounts hold plus what was
taken in fees is what was ever credited; an order's reserve is part of its account's `locked`;
one event loop, and a request is executed without an await in the middle, so books need no locks;
it binds and serves loopback only.
May never import: any room but `app.core`; litestar. Nothing imports it.

Pointing ccxt at it (every name of `urls["api"]` the unmodified client asks for)::

    ccxt.binance({"apiKey": ..., "secret": ..., "urls": {"api": {
        "public": base + "/api/v3", "private": base + "/api/v3", "sapi": base + "/sapi/v1",
        "fapiPublic": base + "/fapi/v1", "dapiPublic": base + "/dapi/v1"}}})

No option is required; `{"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False}` saves
three requests at `load_markets`. What is not here: stop and iceberg orders, order lists,
withdrawals, klines, streams.
"""
