"""The transactional outbox: a message is committed with what it tells of (P9).

Protects: that no notice is lost and none tells more than its channel may: a doorbell only that
there is something to fetch, a webhook only ids and public words.
Invariants: rows carry no secret and no capability; an expired row is never sent; each channel is
drained by a loop of its own, so that one that hangs delays no other. `topic` is the kind of notice
on every channel, `subject` what the channel tells.
May never import: push, webhooks, or anything that knows what a message means.
"""
