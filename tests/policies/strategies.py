"""Generated policies, facts and moments, small enough to meet each other."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from app.policies.models import (
    ANY_ACTION,
    Amount,
    Band,
    Base,
    Context,
    Facts,
    Need,
    Night,
    Policy,
    Rule,
)
from app.policies.presets import WITH_AMOUNT
from app.policies.rules import is_night

ACTIONS = ("trade.order", "bot.grant", "session.sign_in", "token.lift")
_QUOTES = ("USDT", "EUR")
_EDGES = ("0", "10", "10.5", "100")

NEEDS = st.sampled_from(list(Need))
_CONTEXTS = st.lists(st.sampled_from(list(Context)), unique=True, max_size=2)
BANDS = st.builds(Band, amount=st.sampled_from(_EDGES), quote=st.sampled_from(_QUOTES))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    action = draw(st.sampled_from((ANY_ACTION, *ACTIONS)))
    above = draw(st.none() | BANDS) if action in WITH_AMOUNT else None
    return Rule(action=action, need=draw(NEEDS), when=draw(_CONTEXTS), above=above)


def bases() -> st.SearchStrategy[list[Base]]:
    return st.lists(
        st.builds(Base, action=st.sampled_from(ACTIONS), need=NEEDS),
        unique_by=lambda item: item.action,
        max_size=len(ACTIONS),
    )


NIGHTS = st.sampled_from(
    [Night(begins=begins, ends=ends) for begins, ends in (
        ("22:00", "07:00"), ("23:30", "06:00"), ("00:00", "05:00"), ("01:00", "22:00"),
    )]
)  # fmt: skip


def policies(zones: tuple[str, ...] = ("UTC", "Europe/Berlin")) -> st.SearchStrategy[Policy]:
    return st.builds(
        Policy,
        preset=st.sampled_from([None, None, "careful", "normal", "bots_only"]),
        base=bases(),
        rules=st.lists(rules(), max_size=4),
        time_zone=st.sampled_from(zones),
        night=NIGHTS,
    )


AMOUNTS = st.none() | st.builds(
    Amount,
    amount=st.sampled_from([Decimal(text) for text in ("1", "10", "10.2", "10.6", "99", "1000")]),
    quote=st.sampled_from((*_QUOTES, "BTC")),
)
FACTS = st.builds(Facts, contexts=st.frozensets(st.sampled_from(list(Context))), amount=AMOUNTS)

_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 365 * 24 * 60 - 1).map(lambda minute: _YEAR + timedelta(minutes=minute))


def facts_at(
    policy: Policy, moment: datetime, contexts: frozenset[Context], amount: Amount | None
) -> Facts:
    """The same moment as this policy sees it: night is by its own zone and hours."""
    night = {Context.NIGHT} if is_night(policy, moment) else set()
    return Facts(contexts=(contexts - {Context.NIGHT}) | night, amount=amount)
