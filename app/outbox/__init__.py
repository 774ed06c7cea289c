"""The transactional outbox: a message is committed with what it tells of (P9).

Protects: that no doorbell is lost and none tells more than that there is something to fetch.
Invariants: rows carry no secret, no detail, no capability; an expired row is never sent.
May never import: push, or anything that knows what a message means.
"""
