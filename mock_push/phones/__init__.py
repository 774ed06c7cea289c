"""Virtual phones: registrations, and the messages waiting for each.

Protects the delivery rules of FCM: a message is delivered once per collapse key, never after its
time to live, and a phone that was unregistered gets nothing more.

Invariants
----------
- A message counts as delivered when it was first handed to a reader, or at once while a reader
  waits. Only undelivered messages expire or collapse; delivered ones can be read again.
- ``n`` only grows for a registration, across restarts too, so a phone's cursor stays good.

May never import ``mock_push.oauth`` or ``mock_push.fcm``.
"""
