"""OKX v5, spot: HMAC-SHA-256 in base64, and a passphrase that goes along in clear (P4 names it)."""
