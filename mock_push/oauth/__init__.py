"""Google's token endpoint: service accounts, JWT-bearer assertions, access tokens.

Protects the claim that a sender's credentials are real: an assertion is verified as Google does it,
with the public key named by ``kid``, and FCM's permission follows from the account's project and
the scopes granted.

Invariants
----------
- Only public keys are here; the private half never leaves the file the sender reads.
- ``aud`` is Google's token endpoint whatever address was asked: google-auth always writes that.
- Access tokens live in memory and die with the process, as a revoked token does.

May never import ``mock_push.fcm`` or ``mock_push.phones``.
"""
