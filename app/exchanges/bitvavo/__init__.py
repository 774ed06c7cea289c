"""Bitvavo, spot: HMAC-SHA-256 in hex over time, verb, path and body. No call tells rights."""
