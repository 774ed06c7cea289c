"""Three policies a trader can start with, as data. A trader without a policy has `normal`.

A new action type needs a line in each of them, or it is denied. A released line never gets weaker:
stored policies lean on it for what they do not name.
"""

from types import MappingProxyType

from app.policies.models import ANY_ACTION, Base, Context, Need, Night, Policy, PresetName, Rule

DEFAULT: PresetName = "normal"

_OUT, _MEDIUM, _STRONG, _DENY = Need.OUT_OF_BAND, Need.MEDIUM, Need.STRONG, Need.DENY

_NEEDS: dict[str, tuple[Need, Need, Need]] = {
    # action type: careful, normal, bots_only
    "trade.key_link": (_STRONG, _MEDIUM, _STRONG),
    "bot.grant": (_STRONG, _MEDIUM, _STRONG),
    "trade.order": (_MEDIUM, _MEDIUM, _MEDIUM),  # above the free limit; below it nobody is asked
    "session.sign_in": (_MEDIUM, _MEDIUM, _DENY),
    "factor.recovery_codes": (_STRONG, _MEDIUM, _STRONG),
    "factor.add": (_STRONG, _MEDIUM, _STRONG),
    "factor.remove": (_STRONG, _MEDIUM, _STRONG),
    "device.add": (_STRONG, _MEDIUM, _STRONG),
    "token.lift": (_STRONG, _MEDIUM, _STRONG),
    "token.child": (_STRONG, _MEDIUM, _DENY),
    "net.ip_change": (_STRONG, _MEDIUM, _STRONG),
    "policy.change": (_STRONG, _MEDIUM, _STRONG),
    "trade.key_rotate": (_STRONG, _MEDIUM, _STRONG),
    # The platform does it by itself, and can ask for more (`acr_values`).
    "trade.external": (_STRONG, _OUT, _DENY),
    "contact.change": (_STRONG, _MEDIUM, _STRONG),
    "webhook.change": (_STRONG, _MEDIUM, _STRONG),
    "trader.re_enrol": (_STRONG, _STRONG, _STRONG),
    "trade.batch": (_OUT, _OUT, _OUT),  # and never below what any of its actions needs
}

_CAREFUL_RULES = [
    Rule(action="trade.order", when=[Context.NEW_MARKET], need=_STRONG),
    Rule(action="trade.order", when=[Context.NEW_ADDRESS], need=_STRONG),
    Rule(action="session.sign_in", when=[Context.NEW_ADDRESS], need=_STRONG),
    Rule(action=ANY_ACTION, when=[Context.NIGHT], need=_STRONG),
    Rule(action=ANY_ACTION, when=[Context.YOUNG_DEVICE], need=_STRONG),
]


def _preset(name: PresetName, place: int, rules: list[Rule]) -> Policy:
    return Policy(
        preset=name,
        base=[Base(action=action, need=_NEEDS[action][place]) for action in sorted(_NEEDS)],
        rules=rules,
        time_zone="UTC",
        night=Night(),
    )


PRESETS: MappingProxyType[PresetName, Policy] = MappingProxyType(
    {
        "careful": _preset("careful", 0, _CAREFUL_RULES),
        "normal": _preset("normal", 1, []),
        "bots_only": _preset("bots_only", 2, []),
    }
)

ACTION_TYPES = frozenset(_NEEDS)
"""Every action type there is; the typed actions are compared with it by a test."""

WITH_AMOUNT = frozenset({"trade.order", "bot.grant"})
"""Actions with an amount in the allocation's currency: what an order is worth, what a bot gets."""

NEEDED = MappingProxyType(
    {
        preset: MappingProxyType({base.action: base.need for base in policy.base})
        for preset, policy in PRESETS.items()
    }
)
