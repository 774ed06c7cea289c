"""A stand-in for Firebase Cloud Messaging, a mail server and Telegram, that fails when told.

Protects the truth of a rehearsal: a sender that works here works against the real services, and one
they would refuse is refused here in their own words. So nothing is made easier than it is: the
assertion's signature is verified, the message is validated against the published schema, an
undelivered message expires and collapses, mail needs TLS and a login, a bot needs a person who
pressed Start.

Invariants
----------
- It is a program of its own. It never imports ``app``, and nothing in ``app`` imports it.
- It never keeps a sender's secret: `mock_push.credentials` and `mock_push.logins` write it to the
  sender's file and hand only the public half, or a digest, on.
- It listens on loopback unless it is told otherwise in so many words.
- With a seed, the same requests draw the same identifiers and meet the same faults.

Rooms, from the top: ``cli`` and ``server`` start it, ``api`` is its HTTP and ``smtp`` its mail,
``world`` is everything one mock holds. Below are ``fcm`` (what a message must be), ``oauth``
(service accounts and access tokens), ``phones`` (registrations and inboxes), ``mail`` (logins and
mailboxes), ``telegram`` (bots and chats) and ``faults`` (what goes wrong, and when), which do not
know one another, and below those ``box`` and ``transit`` (how a message reaches its receiver),
``status`` (refusals), ``clock``, ``draw``, ``disk`` and ``waiting``. Another sink is another room
beside ``phones``, a field of ``world`` and a module of ``api``.
"""
