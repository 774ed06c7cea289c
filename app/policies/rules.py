"""What an action needs by a policy. Pure: no clock, no I/O; whatever is in doubt counts as so."""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from app.core.canonical import canonical_json
from app.core.errors import Malformed
from app.guardrails.amounts import parse_amount
from app.guardrails.errors import AmountRefused
from app.guardrails.strength import Strength
from app.policies.errors import PolicyDenies, PolicyMalformed
from app.policies.models import ANY_ACTION, Band, Base, Context, Facts, Need, Policy, Rule
from app.policies.presets import ACTION_TYPES, NEEDED, WITH_AMOUNT

_MINUTES = 60


def needed(policy: Policy, action_type: str, facts: Facts) -> Need:
    """The most that base and rules ask for; what no base names is denied."""
    base = [item.need for item in policy.base if item.action == action_type]
    if not base and policy.preset is not None:
        preset = NEEDED[policy.preset].get(action_type)
        base = [] if preset is None else [preset]
    if not base:
        return Need.DENY
    raised = [rule.need for rule in policy.rules if _holds(rule, action_type, facts)]
    return max([*base, *raised])


def strength_for(
    policy: Policy, floor: Strength | None, action_type: str, facts: Facts
) -> Strength:
    """The strength an approval must have: the policy's, and never below the operator's floor.

    Raises
    ------
    PolicyDenies
        `rule` is the action's type.
    """
    need = needed(policy, action_type, facts)
    if need is Need.DENY:
        raise PolicyDenies(rule=action_type)
    return need.strength if floor is None else max(need.strength, floor)


def looks_at(policy: Policy, action_type: str) -> frozenset[Context]:
    """The circumstances that can change the answer: only these have to be found out."""
    spoken = [r for r in policy.rules if r.action in {ANY_ACTION, action_type}]
    return frozenset(context for rule in spoken for context in rule.when)


def has_rules(policy: Policy, action_type: str) -> bool:
    """Whether anything but the base can bear on this type of action."""
    return any(rule.action in {ANY_ACTION, action_type} for rule in policy.rules)


def _holds(rule: Rule, action_type: str, facts: Facts) -> bool:
    if rule.action not in {ANY_ACTION, action_type}:
        return False
    return facts.contexts.issuperset(rule.when) and _is_above(rule.above, facts)


def _is_above(band: Band | None, facts: Facts) -> bool:
    # An amount in another currency, or none at all, cannot be compared: it counts as above.
    if band is None or facts.amount is None or facts.amount.quote != band.quote:
        return True
    return facts.amount.amount > _decimal(band.amount)


@lru_cache(maxsize=1024)
def _decimal(text: str) -> Decimal:
    return Decimal(0) if text == "0" else parse_amount(text)


def is_night(policy: Policy, now: datetime) -> bool:
    """Whether `now` (aware) is within the night where the trader lives.

    A zone that is not known here (any more) is in doubt, and there it is always night.
    """
    try:
        zone = ZoneInfo(policy.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return True
    local = now.astimezone(zone)
    return is_night_at(policy, local.hour * _MINUTES + local.minute)


def is_night_at(policy: Policy, minute: int) -> bool:
    """Whether a minute of the local day (0 to 1439) is within the night."""
    begins, ends = _minute(policy.night.begins), _minute(policy.night.ends)
    if begins < ends:
        return begins <= minute < ends
    return minute >= begins or minute < ends


def _minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * _MINUTES + int(minutes)


def read_policy(value: object) -> Policy:
    """A policy from what a device signed, checked and in its one form.

    Raises
    ------
    PolicyMalformed
        The rule names what is wrong: a field nobody knows, an action there is none of, a band on an
        action without an amount, a way to change the policy that nobody could ever go.
    """
    try:
        policy = msgspec.convert(value, Policy)
    except msgspec.ValidationError:
        raise PolicyMalformed(rule="shape") from None
    named = [item.action for item in policy.base]
    if len(set(named)) < len(named):
        raise PolicyMalformed(rule="base")
    if not set(named) <= ACTION_TYPES:
        raise PolicyMalformed(rule="base")
    for rule in policy.rules:
        _check_rule(rule)
    if policy.night.begins == policy.night.ends:
        raise PolicyMalformed(rule="night")
    try:
        ZoneInfo(policy.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PolicyMalformed(rule="time_zone") from None
    if needed(policy, "policy.change", Facts()) is Need.DENY:
        # Nothing could ever be loosened again, by anybody.
        raise PolicyMalformed(rule="policy.change")
    return tidy(policy)


def _check_rule(rule: Rule) -> None:
    if rule.action != ANY_ACTION and rule.action not in ACTION_TYPES:
        raise PolicyMalformed(rule="rules.action")
    if len(set(rule.when)) < len(rule.when):
        raise PolicyMalformed(rule="rules.when")
    if rule.above is not None:
        if rule.action not in WITH_AMOUNT:
            raise PolicyMalformed(rule="rules.above")
        try:
            _decimal(rule.above.amount)
        except AmountRefused:
            raise PolicyMalformed(rule="rules.above") from None


def tidy(policy: Policy) -> Policy:
    """The same policy with every preset line written out, sorted, each rule once."""
    base = {item.action: item for item in policy.base}
    if policy.preset is not None:
        for action, need in NEEDED[policy.preset].items():
            base.setdefault(action, Base(action=action, need=need))
    rules = {
        canonical_json(msgspec.to_builtins(rule)): rule
        for rule in (msgspec.structs.replace(r, when=sorted(r.when)) for r in policy.rules)
    }
    return msgspec.structs.replace(
        policy,
        base=[base[action] for action in sorted(base)],
        rules=[rules[key] for key in sorted(rules)],
    )


def policy_bytes(policy: Policy) -> bytes:
    return canonical_json(msgspec.to_builtins(policy))


@lru_cache(maxsize=4096)
def policy_of(raw: bytes) -> Policy:
    """A stored policy. What is kept is the meaning of bytes; whose they are, a MAC says each time.

    Raises
    ------
    PolicyMalformed
        Not what a policy looks like.
    """
    try:
        return msgspec.json.decode(raw, type=Policy)
    except (msgspec.DecodeError, Malformed):
        raise PolicyMalformed(rule="stored") from None
