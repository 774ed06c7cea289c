"""Who really decided: device statements, codes, numbers, passkeys, their evidence. In the signer.

Protects: P2 and P3. A row is believed only with its MAC, a statement only with the key of a device
whose row is believed, a code only once; at execution all of it is verified again.
Invariants: verifiers raise; a failed guess is charged in its own transaction; a proof is spent in
the transaction of the decision.
May never import: the paths above it, HTTP, push.
"""
