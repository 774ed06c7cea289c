"""The trader's policy on an order that nobody has to be asked about: it may still deny it."""

from app.approvals import needs
from app.db.pool import Tx
from app.policies import rules
from app.policies.errors import PolicyDenies
from app.policies.models import Amount, Facts, Need, Standing
from app.signing.rows import Begun, OrderRow

_ACTION = "trade.order"


async def check_policy(tx: Tx, begun: Begun, order: OrderRow, address: str | None) -> None:
    """Raise unless orders like this one can be approved, or need no approval, as things are.

    The policy's row was read with the others; whether it is the signer's is verified with them
    too, before anything is signed. What no rule looks at is not looked up.

    Raises
    ------
    PolicyDenies
        The policy denies it.
    """
    policy = needs.policy_in(Standing(row=begun.policy, floor=None))
    facts = Facts()
    if rules.has_rules(policy, _ACTION):
        moment = needs.Moment(asked_from=address, asked_at=begun.now, now=begun.now)
        facts = await needs.facts_of(tx, policy, order.trader_id, _ACTION, _about(order), moment)
    if rules.needed(policy, _ACTION, facts) is Need.DENY:
        raise PolicyDenies(rule=_ACTION)


def _about(order: OrderRow) -> needs.About:
    worth = None
    if order.notional is not None and order.quote is not None:
        worth = Amount(amount=order.notional, quote=order.quote)
    return needs.About(
        venue=order.venue_id,
        markets=[] if order.market is None else [order.market],
        amount=worth,
    )
