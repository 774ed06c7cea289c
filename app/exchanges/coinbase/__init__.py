"""Coinbase Advanced, spot: a token of one request, signed with ES256 (the body is not in it).

Coinbase cancels and finds orders by its own id only, so those two need `venue_order_id`.
"""
