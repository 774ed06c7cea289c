"""Bybit v5: spot, USDT-settled perpetuals (linear) and coin-settled ones (inverse).

One key serves all three, and "BTCUSDT" is a market in two of them; the row says which is meant.
"""
