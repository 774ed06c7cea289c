"""Bitget v2, spot (classic account): HMAC-SHA-256 in base64, and a passphrase in clear (P4)."""
