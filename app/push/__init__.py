"""Doorbells to phones: from the outbox to Firebase Cloud Messaging.

Protects: P9. What leaves is version, topic and a random request id beside a text that is the same
for everyone; the phone fetches the rest over its own authenticated channel.
Invariants: an expired message is never sent; a message is leased before it is sent and finished
after, so a killed dispatcher repeats and never loses (phones drop repeats by `rid`); nothing a
provider says reaches the database or the log except as one of our own codes; a registration shows
its last six characters at most.
May import: outbox, db, core. Only `fcm` imports firebase_admin.
"""
