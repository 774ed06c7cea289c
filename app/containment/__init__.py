"""An operator's containment of one trader or of a whole venue. Runs in the command line.

Protects: P7 for the house. Tighten only: nothing here lifts, loosens, approves or reads a secret,
and the database role it runs as could not.
Invariants: planning reads and carrying out writes, in two objects; what is rehearsed has no way to
write; a fence never waits for telling people, and telling people goes on where it stopped.
May never import: vault, signing, push, exchanges, verbs.
"""
