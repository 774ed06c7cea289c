"""One file per venue: a market as the venue describes it, and plain ccxt doing what we do."""
