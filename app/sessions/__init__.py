"""Sign-ins and the sessions they become.

Protects: that a browser is signed in only by a code and the phone's decision together, and that
every attempt is told. A session can make no signature.
Invariants: an attempt ends once; that its code was proven is the signer's evidence, not a flag.
May never import: how codes or statements are verified.
"""
