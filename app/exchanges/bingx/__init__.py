"""BingX, spot: every parameter in the query, HMAC-SHA-256 in hex as the last of them."""
