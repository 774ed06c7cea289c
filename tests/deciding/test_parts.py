"""What may come beside a decision: exactly what its signed method takes."""

import uuid
from typing import Any

import msgspec
import pytest

from app.core.errors import Malformed
from app.core.statements import Decision
from app.deciding.methods import check_parts
from app.guardrails.strength import METHOD_STRENGTH, Strength

PARTS = {"code": "123456", "assertion": b"{}", "number": "1234"}
TAKES = {"totp": "code", "push_otp": "code", "webauthn": "assertion", "device_number": "number"}


def decision(method: str, *, says: str = "approve", number: Any = msgspec.UNSET) -> Decision:
    return Decision(
        domain="tripcord/decision/v1",
        trader_id=uuid.UUID(int=1),
        device_id=uuid.UUID(int=2),
        approval_id=uuid.UUID(int=3),
        nonce="A" * 43,
        digest="A" * 43,
        decision=says,  # type: ignore[arg-type]
        method=method,  # type: ignore[arg-type]
        iat=0,
        number=number,
    )


def check(method: str, *parts: str, says: str = "approve") -> None:
    sent = {name: PARTS[name] for name in parts}
    number = sent.pop("number", msgspec.UNSET)
    check_parts(
        decision(method, says=says, number=number),
        code=sent.get("code"),  # type: ignore[arg-type]
        assertion=sent.get("assertion"),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("method", TAKES)
def test_a_method_takes_its_own_part_and_no_other(method: str, part: str) -> None:
    if TAKES[method] == part:
        check(method, part)
    else:
        with pytest.raises(Malformed):
            check(method, part)
        with pytest.raises(Malformed):
            check(method, TAKES[method], part)


@pytest.mark.parametrize("says", ["deny", "fraud"])
@pytest.mark.parametrize("method", [*TAKES, "none"])
def test_a_no_takes_nothing(method: str, says: str) -> None:
    if method == "none":
        check(method, says=says)
        for part in PARTS:
            with pytest.raises(Malformed):
                check(method, part, says=says)
    else:
        with pytest.raises(Malformed):
            check(method, says=says)


def test_a_yes_without_a_method_is_refused() -> None:
    with pytest.raises(Malformed):
        check("none")


def test_the_order_of_strengths_is_the_designs() -> None:
    assert sorted(METHOD_STRENGTH, key=METHOD_STRENGTH.__getitem__) == [
        "push_otp",
        "totp",
        "device_number",
        "webauthn",
    ]
    assert METHOD_STRENGTH["webauthn"] is Strength.PHISHING_RESISTANT
