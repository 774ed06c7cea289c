"""A stand-in for Firebase Cloud Messaging: the HTTP v1 API, its token endpoint and virtual phones.

Protects the truth of a rehearsal: a sender that works here works against Google, and one that
Google would refuse is refused here with Google's own body. So nothing is made easier than it is:
the assertion's signature is verified, the message is validated against the published schema, an
undelivered message expires and collapses.

Invariants
----------
- It is a program of its own. It never imports ``app``, and nothing in ``app`` imports it.
- It never keeps a private key: `mock_push.credentials` writes one to the sender's file and hands
  only the public half on.
- It listens on loopback unless it is told otherwise in so many words.

Rooms, from the top: ``cli`` and ``server`` start it, ``api`` is its HTTP, ``world`` is everything
one mock holds. Below are ``fcm`` (what a message must be), ``oauth`` (service accounts and access
tokens) and ``phones`` (registrations and inboxes), which do not know one another, and below those
``status`` (refusals), ``clock``, ``draw`` and ``disk``. Another sink is another room beside
``phones``, a field of ``world`` and a module of ``api``.
"""
