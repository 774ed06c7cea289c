"""What others may believe of us: security event tokens (RFC 8417, OpenID CAEP). Runs in the signer.

Protects: that our signature stands only under what happened. The dispatcher names a queued message
and nothing else; every word of the token is read here, from the rows that prove it.
Invariants: `rules.TEMPLATES` is the closed list of what can be said; there is no free claim and no
free text, so nothing a trader wrote reaches a platform. A message goes only to the platform of its
trader.

Proven, each time a token is signed: a revocation has its fence at level 5 and its entry on the
trader's chain, with hashes that fit the entry before it; a device, a factor or a credential has a
row the HSM vouches for, and its entry. Not proven: which platform a trader belongs to (that row has
no MAC), and that the chain up to the entry is whole (checkpoints do that, offline). Somebody who
writes the database can so have a true statement sent to a wrong platform, or revoke: then it is
true.

A redeemed approval (`redeeming`) is told the same way, to the platform that asked: once, because
its use is in the same commit, and only of what is carried out elsewhere.
May never import: webhooks, push, HTTP, or another path.
"""
