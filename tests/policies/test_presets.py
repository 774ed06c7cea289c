"""The presets: each action there is has its line in each, and a released line never weakens."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from app.approvals.actions import TEMPLATES
from app.guardrails.strength import Strength
from app.policies.errors import PolicyDenies, PolicyMalformed
from app.policies.models import Amount, Context, Facts, Need, Night, Policy, Rule
from app.policies.presets import ACTION_TYPES, DEFAULT, NEEDED, PRESETS
from app.policies.rules import is_night, needed, read_policy, strength_for

RELEASED: dict[str, tuple[str, str, str]] = {
    # careful, normal, bots_only: at least this; a stored policy leans on it
    "trade.key_link": ("strong", "medium", "strong"),
    "bot.grant": ("strong", "medium", "strong"),
    "trade.order": ("medium", "medium", "medium"),
    "session.sign_in": ("medium", "medium", "deny"),
    "factor.recovery_codes": ("strong", "medium", "strong"),
    "factor.add": ("strong", "medium", "strong"),
    "factor.remove": ("strong", "medium", "strong"),
    "device.add": ("strong", "medium", "strong"),
    "token.lift": ("strong", "medium", "strong"),
    "token.child": ("strong", "medium", "deny"),
    "net.ip_change": ("strong", "medium", "strong"),
    "policy.change": ("strong", "medium", "strong"),
    "trade.key_rotate": ("strong", "medium", "strong"),
    "trade.external": ("strong", "out_of_band", "deny"),
    "contact.change": ("strong", "medium", "strong"),
    "webhook.change": ("strong", "medium", "strong"),
    "trader.re_enrol": ("strong", "strong", "strong"),
    "trade.batch": ("out_of_band", "out_of_band", "out_of_band"),
}


def test_every_action_that_can_be_asked_has_its_line_in_every_preset() -> None:
    assert set(TEMPLATES) == ACTION_TYPES
    for preset in PRESETS.values():
        assert {item.action for item in preset.base} == ACTION_TYPES


def test_a_released_line_is_never_weaker_than_it_was() -> None:
    assert set(RELEASED) == ACTION_TYPES
    for action, needs in RELEASED.items():
        for preset, need in zip(("careful", "normal", "bots_only"), needs, strict=True):
            assert NEEDED[preset][action] >= Need(need), (preset, action)  # type: ignore[index]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_policy_and_no_weaker_than_the_one_everybody_starts_with(name: str) -> None:
    preset = {**PRESETS}[name]  # type: ignore[index]
    assert read_policy(msgspec.to_builtins(preset)).preset == name
    for action in ACTION_TYPES:
        assert needed(preset, action, Facts()) >= needed(PRESETS[DEFAULT], action, Facts())


BY_THEMSELVES = {"trade.external": Strength.OUT_OF_BAND, "trade.batch": Strength.OUT_OF_BAND}
"""What a platform does without us, and what needs as much as what is in it."""
COMES_BACK = {"trader.re_enrol": Strength.STRONG}


def test_a_new_trader_can_do_everything_of_ours_with_a_code_and_nothing_with_less() -> None:
    for action in ACTION_TYPES - set(COMES_BACK):
        needed = strength_for(PRESETS[DEFAULT], None, action, Facts())
        assert needed is BY_THEMSELVES.get(action, Strength.MEDIUM)


def test_a_later_action_type_is_the_presets_to_answer_or_denied() -> None:
    bare = Policy(preset="normal", base=[], rules=[])
    assert needed(bare, "token.lift", Facts()) is Need.MEDIUM
    with pytest.raises(PolicyDenies):
        strength_for(bare, None, "a.later_one", Facts())


@pytest.mark.parametrize(
    ("zone", "hour", "night"),
    [
        ("UTC", 21, False), ("UTC", 22, True), ("UTC", 6, True), ("UTC", 7, False),
        # In March 2026 Berlin is an hour ahead, New York five behind, or four.
        ("Europe/Berlin", 20, False), ("Europe/Berlin", 21, True), ("Europe/Berlin", 6, False),
        ("America/New_York", 1, False), ("America/New_York", 3, True),
    ],
)  # fmt: skip
def test_night_is_where_the_trader_lives(zone: str, hour: int, *, night: bool) -> None:
    policy = Policy(preset=None, base=[], rules=[], time_zone=zone)
    assert is_night(policy, datetime(2026, 3, 3, hour, 30, tzinfo=UTC)) is night


def test_a_summer_night_is_an_hour_elsewhere() -> None:
    policy = Policy(
        preset=None, base=[], rules=[], time_zone="Europe/Berlin",
        night=Night(begins="23:00", ends="05:00"),
    )  # fmt: skip
    assert not is_night(policy, datetime(2026, 1, 5, 21, 30, tzinfo=UTC))
    assert is_night(policy, datetime(2026, 7, 5, 21, 30, tzinfo=UTC))


def test_in_a_time_zone_that_is_gone_it_is_always_night() -> None:
    policy = Policy(preset=None, base=[], rules=[], time_zone="Europe/Atlantis")
    assert is_night(policy, datetime(2026, 3, 3, 12, tzinfo=UTC))
    for name in ("Europe/Atlantis", "../etc/passwd", "/etc/localtime", "UTC\0", "."):
        with pytest.raises(PolicyMalformed) as refused:
            read_policy(msgspec.to_builtins(PRESETS["normal"]) | {"time_zone": name})
        assert refused.value.rule == "time_zone"


def test_an_amount_that_cannot_be_compared_is_above_every_band() -> None:
    band = {"amount": "1000000", "quote": "USDT"}
    rule = msgspec.convert({"action": "trade.order", "need": "deny", "above": band}, Rule)
    policy = Policy(preset="normal", base=[], rules=[rule])
    assert needed(policy, "trade.order", Facts()) is Need.DENY
    for amount, quote, need in (
        ("1", "EUR", Need.DENY), ("1000000", "USDT", Need.MEDIUM), ("1000000.1", "USDT", Need.DENY),
    ):  # fmt: skip
        facts = Facts(amount=Amount(amount=Decimal(amount), quote=quote))
        assert needed(policy, "trade.order", facts) is need
    assert needed(policy, "token.lift", Facts(contexts=frozenset(Context))) is Need.MEDIUM
