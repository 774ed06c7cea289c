"""The mock's HTTP: Google's endpoints, Telegram's Bot API, ``/mock`` for virtual phones, a page.

Protects the likeness: every answer, refusals included, has the body Google or Telegram would
send. Handlers only translate; the rules are in the rooms below.

May never import ``mock_push.server`` or ``mock_push.cli``.
"""
