"""Binance's futures: USD-M perpetuals (linear) and COIN-M ones (inverse), each at its own host.

The key is Binance's one kind of key; what it may do is told at a third host (`other_hosts`).
"""
