"""Leases at signing: a device was seen as recently as every grant on the path asks."""

from app.db.pool import Tx
from app.devices import heartbeats
from app.devices.models import Heartbeat
from app.guardrails.leases import check_lease
from app.signing.guard import limits_of
from app.signing.rows import Begun


async def check_leases(tx: Tx, begun: Begun) -> tuple[Heartbeat, ...]:
    """The heartbeat that the decision rests on, to be verified with the other rows; none without
    a lease, which costs nothing. The caller holds the trader lock.

    Raises
    ------
    GuardrailRefused
        `lease_expired`, with the node whose lease it is.
    """
    path = (*begun.ancestors, begun.grant)
    leases = [(grant.grant_id, limits_of(grant).lease_hours) for grant in path]
    if all(hours is None for _, hours in leases):
        return ()
    newest = await heartbeats.newest(tx, begun.grant.trader_id, begun.grant.root_id)
    seen_at = None if newest is None else newest.seen_at
    for node_id, hours in leases:
        check_lease(hours, seen_at, begun.now, node_id=node_id)
    return () if newest is None else (newest,)
