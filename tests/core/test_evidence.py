"""Different rows never encode alike: an independent decoder gets every row back."""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.approvals.models import Decision
from app.core.evidence import Value, encode_row, row_evidence
from app.credentials.models import Credential, LinkState
from app.devices.models import Device
from app.grants.models import Grant
from app.otp.models import TotpFactor
from app.sessions.models import Session

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DOMAIN = b"tripcord/evidence/v1\0"
NOW = datetime(2026, 11, 21, 1, 2, 3, 456789, tzinfo=UTC)
ID = UUID(int=7)

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.binary(max_size=6)
    | st.uuids()
    | st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(  # noqa: DTZ001
        lambda moment: moment.replace(tzinfo=UTC)
    )
    | st.decimals(allow_nan=False, allow_infinity=False).filter(
        lambda value: abs(value.adjusted()) < 60 and not (value == 0 and value.is_signed())
    )
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda children: st.lists(children, max_size=4), max_leaves=8
)
ROWS = st.lists(_VALUES, max_size=5)
# Values that look like one another, and like the encoding itself.
_TWINS: st.SearchStrategy[Any] = st.sampled_from(
    [None, False, True, 0, 1, "", "0", "1", b"", b"0", b"1", Decimal(0), Decimal(1), UUID(int=0),
     EPOCH, "N", "F", "\0", "s\0\0\0\0", b"s\0\0\0\0", "i\0\0\0\x010", [], [[]], [None], ["", ""],
     [b"", ""]]
)  # fmt: skip


READ: dict[bytes, Callable[[bytes], Any]] = {
    b"i": int,
    b"s": bytes.decode,
    b"b": bytes,
    b"t": lambda raw: EPOCH + timedelta(microseconds=int(raw)),
    b"d": lambda raw: Decimal(raw.decode()),
}


class Reader:
    """Takes an evidence message apart. Written from the format, not from our encoder."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def rest(self) -> bytes:
        return self._raw

    def take(self, count: int) -> bytes:
        assert len(self._raw) >= count
        taken, self._raw = self._raw[:count], self._raw[count:]
        return taken

    def value(self) -> Any:
        tag = self.take(1)
        if tag in b"NTF":
            return {b"N": None, b"T": True, b"F": False}[tag]
        if tag == b"u":
            return UUID(bytes=self.take(16))
        (length,) = struct.unpack(">I", self.take(4))
        if tag == b"l":
            return [self.value() for _ in range(length)]
        return READ[tag](self.take(length))


def typed(value: Any) -> Any:
    """A key in which True is not 1, "1" is not b"1", and Decimal("1.0") is Decimal(1)."""
    if isinstance(value, list | tuple):
        return ("list", tuple(typed(item) for item in value))
    return (type(value), value)


def read(raw: bytes) -> tuple[str, list[Any]]:
    assert raw.startswith(DOMAIN)
    reader = Reader(raw.removeprefix(DOMAIN))
    kind, row = reader.value(), reader.value()
    assert reader.rest() == b""
    return kind, row


@given(st.text(max_size=6), ROWS)
def test_every_row_can_be_read_back_from_its_evidence(kind: str, row: Sequence[Value]) -> None:
    found_kind, found = read(encode_row(kind, row))
    assert found_kind == kind
    assert typed(found) == typed(list(row))


@given(st.lists(_TWINS, max_size=4), st.lists(_TWINS, max_size=4))
def test_rows_that_look_alike_never_encode_alike(one: list[Any], other: list[Any]) -> None:
    same = typed(one) == typed(other)
    assert (encode_row("k", one) == encode_row("k", other)) is same


def test_the_kind_is_part_of_the_message() -> None:
    assert encode_row("ab", ["c"]) != encode_row("a", ["bc"])
    assert encode_row("a", []) != encode_row("b", [])


def test_equal_numbers_and_equal_moments_have_one_encoding() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    assert encode_row("k", [NOW]) == encode_row("k", [NOW.astimezone(east)])
    for twin in ("1.0", "1.000", "1E+0", "0.1E1"):
        assert encode_row("k", [Decimal(twin)]) == encode_row("k", [Decimal(1)])
    assert encode_row("k", [Decimal("1E+3")]) == encode_row("k", [Decimal(1000)])


def test_a_decimal_is_never_rounded() -> None:
    long = Decimal("1." + "0" * 40 + "1")
    assert encode_row("k", [long]) != encode_row("k", [Decimal(1)])


def test_a_moment_counts_to_the_microsecond() -> None:
    later = NOW + timedelta(microseconds=1)
    assert encode_row("k", [NOW]) != encode_row("k", [later])


@pytest.mark.parametrize("value", [1.5, {"a": 1}, object(), NOW.replace(tzinfo=None)])
def test_a_value_without_an_exact_encoding_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_row("k", [value])


DEVICE = Device(
    trader_id=ID, device_id=ID, root_id=ID, public_jwk=b"{}", name="phone", bound_at=NOW,
    version=1, mac=b"",
)  # fmt: skip
FACTOR = TotpFactor(
    trader_id=ID, factor_id=ID, root_id=ID, device_id=ID, algorithm="SHA1", digits=6,
    period_seconds=30, label="app", bound_at=NOW, version=1, mac=b"",
)  # fmt: skip
CREDENTIAL = Credential(
    trader_id=ID, credential_id=ID, root_id=ID, path=[ID], device_id=ID, venue_id="sandbox",
    api_key_id="key", algorithm="hmac-sha256", label="mine", envelope_sha256=b"1",
    state=LinkState.PENDING, refused_reason=None, permissions=None, attested_at=None,
    approval_id=None, linked_at=NOW, version=1, mac=b"",
)  # fmt: skip
GRANT = Grant(
    trader_id=ID, grant_id=ID, root_id=ID, path=[ID], credential_id=ID, approval_id=ID,
    model_jwk=b"{}", limits=b"{}", expires_at=NOW, granted_at=NOW, version=1, mac=b"",
)  # fmt: skip
DECISION = Decision(
    trader_id=ID, approval_id=ID, root_id=ID, device_id=ID, nonce=b"1", digest=b"2",
    decision="approve", method="totp", factor_id=ID, statement="jws", decided_at=NOW, version=1,
    mac=b"",
)  # fmt: skip
EVIDENT = (DEVICE, FACTOR, CREDENTIAL, GRANT, DECISION)


def _changed(value: Any) -> Any:
    """Another value that the same column could hold."""
    if isinstance(value, UUID):
        return UUID(int=value.int + 1)
    more = {datetime: timedelta(microseconds=1), int: 1, bytes: b"x", list: [ID]}.get(type(value))
    if more is not None:
        return value + more
    return "x" if value is None else value + "x"


@pytest.mark.parametrize("row", EVIDENT, ids=lambda row: type(row).__name__)
def test_every_column_but_the_mac_is_part_of_the_evidence(row: Any) -> None:
    for field in row.__struct_fields__:
        changed = msgspec.structs.replace(row, **{field: _changed(getattr(row, field))})
        assert (changed.evidence() == row.evidence()) is (field == "mac"), field


def test_no_two_tables_share_a_kind() -> None:
    kinds = {read(row.evidence())[0] for row in EVIDENT}
    assert kinds == {
        "device/1", "totp_factor/1", "exchange_credential/1", "bot_grant/1", "decision/1",
    }  # fmt: skip
    assert row_evidence("one", DEVICE) != row_evidence("other", DEVICE)


def test_the_evidence_of_a_code_names_attempt_approval_key_factor_and_time() -> None:
    session = Session(
        trader_id=ID, session_id=ID, jkt="key", address="", user_agent="", approval_id=ID,
        code_verified_at=None, code_factor_id=None, code_mac=None, state="pending",
        created_at=NOW, expires_at=NOW,
    )  # fmt: skip
    evidence = session.code_evidence(ID, NOW)
    for field in ("trader_id", "session_id", "jkt", "approval_id"):
        other = msgspec.structs.replace(session, **{field: _changed(getattr(session, field))})
        assert other.code_evidence(ID, NOW) != evidence, field
    assert session.code_evidence(UUID(int=8), NOW) != evidence
    assert session.code_evidence(ID, NOW + timedelta(microseconds=1)) != evidence
    assert read(evidence)[0] == "session_code/1"
