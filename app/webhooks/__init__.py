"""Webhooks: platforms learn at once, by a signed request to the address they registered.

Protects: who may learn what (a webhook gets events of its own platform's traders alone), what our
machine can be made to talk to (https to public addresses, checked at the very connect), and that a
receiver can tell our word from anybody's (Standard Webhooks `v1a`, Ed25519, and a security event
token inside).
Invariants: a private half exists only while the dispatcher signs: it is derived, per webhook and
version, from one secret that no other process is given, and the dispatcher publishes the public
half itself, once. What a receiver answers is a number; its body is thrown away. A receiver that
stays away is disabled after eight attempts over 27 hours, with an entry in the log.
May never import: vault, signing, push, the tokens' rooms, HTTP servers.
"""
