"""PKCS#11, and nothing else that is ours to run: the inside of a worker child.

Protects: secrets are unwrapped here as sensitive, non-extractable session objects and destroyed
here. Also the wrapping keys: hardened when made, checked at every start, attacked by the self-test
before the first request is served.

Invariants
- One thread, one HSM session, one login per process. `session.close()` would log the whole process
  out (C_Logout), so the session lives as long as the child.
- RFC 3394 key wrap only: the numbers of the padded variants mean different things in different
  modules, and SoftHSM 2.6.1 loses the length.
- No attribute enters a template unless our mapper packed it before (`attributes.vetted`): a value
  without a handler crashes python-pkcs11 0.10.1.

May never import: asyncio, a database, any room but `core` and the vault's `models`, `wire`,
`errors`. Nothing outside imports it; it runs as `python -m app.vault.hsm.worker` and inside
`python -m app.vault.setup`.
"""
