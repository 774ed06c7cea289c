"""Kraken, spot: forms signed with HMAC-SHA-512 under a base64 secret.

Market ids are Kraken's `altname` ("XBTUSD"): orders name their market by it, requests take it.
"""
