"""Many questions of one kind within two seconds become one: an array, decided once.

t0  A1 rings. t1 … t3: A2 … A4 are `gathered`: listed, without a doorbell.
t4  The fifth arrives: one batch of all five is asked, A1 … A4 are superseded, in this commit.
t5  A sixth within the two seconds: a batch of six in the place of the batch of five.

All of it, and every decision, is under the trader lock: A1 is either decided before t4, and then
not in the batch, or superseded, and then its decision finds nothing pending.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.approvals.actions import Amount, read_action
from app.approvals.errors import ActionMismatch
from app.approvals.governing import BURST
from app.approvals.models import Approval
from app.approvals.other_actions import BATCH, MOST_LEAVES, Batch
from app.core.canonical import canonical_json, parse_canonical
from app.guardrails.amounts import EXACT, plain


def batch_of(open_now: Sequence[Approval], new: Approval) -> Batch | None:
    """The batch of what is open and `new`, in the order of asking; None while there are too few.

    Raises
    ------
    ActionMismatch
        More than a person can look through; the last one is not asked then.
    """
    leaves: list[dict[str, Any]] = []
    for approval in (*open_now, new):
        action = parse_canonical(approval.action)
        leaves += action["actions"] if approval.action_type == BATCH else [action]
    if len(leaves) < BURST:
        return None
    if len(leaves) > MOST_LEAVES:
        raise ActionMismatch
    return Batch(
        trader_id=new.trader_id,
        requested_by=new.lineage,
        of=new.action_type,
        count=len(leaves),
        total=_total(leaves),
        actions=leaves,
    )


def judged(approval: Approval, leaf: int | None = None) -> list[tuple[str, bytes]]:
    """(type, canonical bytes) of what a policy is asked about: of a batch, each action too.

    With `leaf` that one action alone.
    """
    whole = (approval.action_type, approval.action)
    if approval.action_type != BATCH:
        return [whole]
    batch = read_action(approval.action, Batch)
    actions = batch.actions if leaf is None else batch.actions[leaf : leaf + 1]
    return [whole, *((batch.of, canonical_json(one)) for one in actions)]


def _total(leaves: Sequence[dict[str, Any]]) -> list[Amount]:
    """What they are worth together, by currency: shown first, and summed again by the phone."""
    sums: dict[str, Decimal] = {}
    for leaf in leaves:
        worth = leaf.get("notional")
        if worth is not None:
            before = sums.get(worth["quote"], Decimal(0))
            sums[worth["quote"]] = EXACT.add(before, Decimal(worth["amount"]))
    return [Amount(amount=plain(sums[quote]), quote=quote) for quote in sorted(sums)]
