"""The vault: exchange secrets, TOTP seeds and row evidence, used only inside the HSM.

Protects: every secret sealed to us is unwrapped inside the HSM, as an object that cannot be read,
and used there (P4). Also the keys that say "a signer wrote this row" and "this is our identity".

Invariants
- `app.vault.hsm` alone speaks PKCS#11, and it runs in worker children that `client` starts, watches
  and kills; a key handle never leaves its child, and neither does a secret.
- Two doors: `wrap` takes sealed secrets in, `unwrap` uses them. `evidence`, `identity`,
  `issuer` and `bootstrap` use keys of our own and never see a trader's secret.
- A PIN that was refused once is not tried again until a person has looked.
- Whatever is missing or late refuses (P8): `HsmUnavailable`, within the deadline of the call.

May never import: any other room but `core`. `client` and the doors never import `app.vault.hsm`.
"""
