"""Where a change of policy lowers what an action needs. Exact: every case that differs is tried.

An answer depends on the action's type, on four circumstances and on where an amount lies between
the bands, so the cases are few and all of them are looked at. Night is two circumstances while a
change moves it: each policy has its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations

from app.guardrails.amounts import plain, plus
from app.policies.models import ANY_ACTION, Amount, Band, Context, Facts, Loosened, Need, Policy
from app.policies.presets import ACTION_TYPES, WITH_AMOUNT
from app.policies.rules import is_night_at, looks_at, needed

_DAY = 24 * 60
_OTHER_QUOTE = "?"
"""A currency of no band."""


def loosened(before: Policy, after: Policy) -> list[Loosened]:
    """Where `after` needs less than `before`; nothing where it only tightens.

    Of circumstances that differ only by more of them the fewest are named.
    """
    # The nights are the same for every action and amount, and 1,440 minutes to look at.
    found, nights = [], sorted(_nights(before, after))
    for action in sorted(ACTION_TYPES | {b.action for p in (before, after) for b in p.base}):
        seen: list[tuple[Amount | None, Need, Need, frozenset[Context]]] = []
        moments = list(_moments(before, after, action, nights))
        for amount in _amounts(before, after, action):
            for when, then in moments:
                old = needed(before, action, Facts(contexts=when, amount=amount))
                new = needed(after, action, Facts(contexts=then, amount=amount))
                if new >= old or _is_said(seen, (amount, old, new, when)):
                    continue
                seen.append((amount, old, new, when))
        found += [
            Loosened(action=action, when=sorted(when), amount=_shown(amount), before=old, after=new)
            for amount, old, new, when in seen
        ]
    return found


def strength_of(changes: Iterable[Loosened]) -> Need:
    """What has to approve these: as much as the strongest thing they take away."""
    return max(change.before for change in changes)


def _is_said(
    seen: list[tuple[Amount | None, Need, Need, frozenset[Context]]],
    case: tuple[Amount | None, Need, Need, frozenset[Context]],
) -> bool:
    amount, old, new, when = case
    return any((amount, old, new) == said[:3] and said[3] <= when for said in seen)


def _moments(
    before: Policy, after: Policy, action: str, nights: Sequence[tuple[bool, bool]]
) -> Iterator[tuple[frozenset[Context], frozenset[Context]]]:
    """Circumstances as the two policies see the same moment, the fewest first."""
    plain_ones = sorted((looks_at(before, action) | looks_at(after, action)) - {Context.NIGHT})
    for size in range(len(plain_ones) + 1):
        for chosen in combinations(plain_ones, size):
            for old_night, new_night in nights:
                yield _with_night(chosen, old_night), _with_night(chosen, new_night)


def _with_night(chosen: Iterable[Context], is_night: bool) -> frozenset[Context]:  # noqa: FBT001
    return frozenset(chosen) | ({Context.NIGHT} if is_night else frozenset())


def _nights(before: Policy, after: Policy) -> set[tuple[bool, bool]]:
    """What the two can say of the same moment: night for one, for both, for none.

    Between two time zones everything happens on some day of the year, so nothing is ruled out.
    """
    if before.time_zone != after.time_zone:
        return {(False, False), (False, True), (True, False), (True, True)}
    return {(is_night_at(before, minute), is_night_at(after, minute)) for minute in range(_DAY)}


def _amounts(before: Policy, after: Policy, action: str) -> list[Amount | None]:
    """One amount of each range between the bands, and one in a currency that has no band."""
    if action not in WITH_AMOUNT:
        return [None]
    edges: dict[str, set[Decimal]] = {_OTHER_QUOTE: set()}
    for rule in (*before.rules, *after.rules):
        if rule.above is not None and rule.action in {ANY_ACTION, action}:
            edges.setdefault(rule.above.quote, set()).add(Decimal(rule.above.amount))
    return [
        Amount(amount=edge, quote=quote)
        for quote in sorted(edges)
        # At an edge one is still below it, and a whole unit past the last above all of them.
        for edge in (*sorted(edges[quote]), plus(max(edges[quote], default=Decimal(0)), Decimal(1)))
    ]


def _shown(amount: Amount | None) -> Band | None:
    if amount is None or amount.quote == _OTHER_QUOTE:
        return None
    return Band(amount=plain(amount.amount) if amount.amount else "0", quote=amount.quote)
