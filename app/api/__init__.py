"""HTTP: what phones, bots, browsers and platforms send and see. Relays bytes, decides nothing.

Protects: that nothing comes in unauthenticated, oversize or misshapen, and nothing internal goes
out. Handlers are a few statements; the rooms do the rest.
Invariants: every refusal is an RFC 9457 problem, at /oauth an RFC 6749 error; every use of a token
is in the log before its answer leaves; replies are never cached.
May never import: vault, signing, linking, enrolment, granting, loosening, telling, deciding,
egress, pkcs11, ccxt, firebase_admin.
"""
