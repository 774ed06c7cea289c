"""Passkeys (WebAuthn Level 3): which ceremony is believed, and what a passkey has become.

Protects: P2 and P3 where a passkey approves. An assertion counts only for the challenge that was
expected, from an origin that is ours, by a key that this trader registered, with the user verified.
Invariants: every step of sections 7.1 and 7.2 is taken here or named as the library's; verifiers
raise; a row is believed only with the HSM's MAC; a challenge is a row and is deleted by whoever
uses it; a passkey whose counter went back approves nothing until it was removed.
May never import: another room beside it. Only this room imports the library.
"""
