"""Policies a trader can start with, as data: action type to required strength.

An action type that a preset does not name is refused, not free.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.guardrails.errors import GuardrailRefused
from app.guardrails.strength import Strength

NORMAL = MappingProxyType(
    {
        "trade.key_link": Strength.MEDIUM,
        "bot.grant": Strength.MEDIUM,
        "trade.order": Strength.MEDIUM,  # above the free limit; below it no approval is asked
        "session.sign_in": Strength.MEDIUM,
        "factor.recovery_codes": Strength.MEDIUM,
        "factor.add": Strength.MEDIUM,
        "factor.remove": Strength.MEDIUM,
        "device.add": Strength.MEDIUM,
        "token.lift": Strength.MEDIUM,
        "token.child": Strength.MEDIUM,
        "net.ip_change": Strength.MEDIUM,
        "trade.key_rotate": Strength.MEDIUM,
        "trade.external": Strength.MEDIUM,
        "contact.change": Strength.MEDIUM,
        "webhook.change": Strength.MEDIUM,
        "trader.re_enrol": Strength.MEDIUM,
        "batch": Strength.MEDIUM,  # and never below what its leaves need
    }
)
PRESETS = MappingProxyType({"normal": NORMAL})


def required_strength(required: Mapping[str, Strength], action_type: str) -> Strength:
    """Strength an approval of `action_type` needs.

    Raises
    ------
    GuardrailRefused
        With rule `no_policy`: nothing says how this action is approved.
    """
    strength = required.get(action_type)
    if strength is None:
        raise GuardrailRefused(rule="no_policy")
    return strength
