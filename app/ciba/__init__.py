"""OpenID CIBA Core 1.0: a platform asks, the trader's phone answers, the platform hears of it.

Protects: that the standard face asks for nothing the other one could not, and lets nothing through
that the approval itself did not. A request here is an approval with a name its client polls by.
Invariants: of `auth_req_id` a hash is kept; it is good for its own client alone, once, and what
redeems it is the approval's consumption. A ping tells that there is something to fetch and no more;
its two secrets are in clear only until it was delivered, and only the dispatcher can read them.
May never import: a path, HTTP, or another room beside it.
"""
