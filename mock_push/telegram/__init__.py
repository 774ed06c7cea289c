"""Telegram: bots, the people who talk to them, and what waits for a bot to fetch.

Protects the rehearsal of Telegram as a channel: a person must have pressed Start before a bot can
write, may block it at any time, and a bot learns who pressed Start only from its updates.

Invariants
----------
- Of a bot's token only a digest is kept.
- An update is kept until the bot confirms it: by a higher `offset`, or by a 2xx of its webhook.
- Every refusal has Telegram's own body: ``ok``, ``error_code``, ``description``, ``parameters``.

May never import ``mock_push.fcm``, ``oauth``, ``phones`` or ``mail``.
"""
