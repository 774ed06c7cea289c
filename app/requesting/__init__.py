"""Requests that a person must decide: a grant, a platform token, other addresses, the way up, a
sign-in, one more phone, a factor that goes, what a platform does itself (also by CIBA). Runs in the
api. Rotating a secret is here too: it asks nobody and gives nothing more.

Protects: P7 on the way in. What is asked is stored with its canonical bytes, nothing takes effect
here: a grant's token is dead until the signer sealed its row, a session until both halves are in.
Invariants: what is asked, its log entry and its doorbells are one commit under the trader lock.
May never import: vault, signing, verbs.
"""
