"""Requests that a person must decide: a bot's grant, a sign-in. Runs in the api.

Protects: P7 on the way in. What is asked is stored with its canonical bytes, nothing takes effect
here: a grant's token is dead until the signer sealed its row, a session until both halves are in.
Invariants: what is asked, its log entry and its doorbells are one commit under the trader lock.
May never import: vault, signing, verbs.
"""
