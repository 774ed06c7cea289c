"""The mock's HTTP: Google's two endpoints, and ``/mock`` for virtual phones.

Protects the likeness: every answer, refusals included, has the body Google would send. Handlers
only translate; the rules are in the rooms below.

May never import ``mock_push.server`` or ``mock_push.cli``.
"""
