"""What FCM accepts as a message: the published schema, and the limits the reference states.

Protects senders from finding out in production: unknown fields, wrong types, reserved keys,
oversized payloads and impossible lifetimes are refused as FCM refuses them.

Invariants
----------
- Shape comes from Google's discovery document in ``data/``, never from code: a field exists
  because the document says so. Its revision is in ``data/NOTICE``.
- Only what Google documents or was seen to answer is refused; where its wording is not known, the
  code says so.

May never import ``mock_push.oauth`` or ``mock_push.phones``.
"""
