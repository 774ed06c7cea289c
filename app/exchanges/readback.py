"""Reading a request back: what it says, compared with what was meant, for every venue alike.

A venue brings two things: a table (which verb, path and parameters an intent means there) and a
scheme (which headers and which signed message belong to such a request). Written without ccxt on
purpose: a fault there must not agree with itself here.
"""

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Protocol
from urllib.parse import quote

import msgspec

from app.exchanges import strictjson
from app.exchanges.errors import RequestMismatch, VenueAnswerUnknown
from app.exchanges.models import Algorithm, Expected, Method, SignedRequest, Unsigned
from app.exchanges.spelling import SPELLINGS, Spelling

Place = Literal["query", "form", "json"]
Fields = Mapping[str, Any]
"""Name to str, Decimal, int, bool or (JSON only) a further table or list of these."""

# What may stand in a query or form value: nothing that could be read in two ways. The few letters
# that a query has to spell with "%" are those of times and of small JSON filters.
_VALUE = re.compile(r"(?:[A-Za-z0-9._-]|%3A|%22|%7B|%7D){1,96}\Z")
_NAME = re.compile(r"[A-Za-z_]{1,32}\Z")
_PLAIN = re.compile(r"(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?\Z")
_CLEAR = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?\Z")
_SIGNATURES: dict[Spelling, str] = {
    "hex": r"[0-9a-f]{64}",
    "base64": r"[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==",
    "base64url": r"[A-Za-z0-9_-]{86}",
}


class Number(msgspec.Struct, frozen=True):
    """An amount that a venue wants as a JSON number instead of a string."""

    value: Decimal


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a request must say: `fields` in `place`, nothing anywhere else."""

    method: Method
    path: str
    place: Place
    fields: Fields = {}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a request that agreed with its intent; a scheme signs over these."""

    method: str
    path: str
    query: str
    body: str
    api_key_id: str
    now_ms: int

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Scheme(Protocol):
    """How a venue knows who asks."""

    algorithm: Algorithm

    def fields(self, now_ms: int) -> Fields:
        """Parameters of the scheme itself: a time, a nonce, a window."""

    def check(self, request: Unsigned | SignedRequest, facts: Facts) -> None:
        """Headers and signed message, exactly; or raise RequestMismatch."""


class Table(Protocol):
    def wanted_of(self, expected: Expected) -> Wanted:
        """What `expected` means on this venue, without time and signature.

        Raises
        ------
        RequestRefused
            The intent itself cannot be said on this venue; `rule` names the field.
        """


def check(
    request: Unsigned | SignedRequest,
    *,
    wanted: Wanted,
    scheme: Scheme,
    api_key_id: str,
    now_ms: int,
    tail: bytes = b"",
) -> None:
    """Read `request` back and compare it with what was `wanted`, in the steps below.

    `tail` is what stands before a signature that comes last among the parameters ("&signature=").

    Raises
    ------
    RequestMismatch
        `rule` names the part or the parameter that differs, is unknown, missing or repeated.
    """
    # (1) verb and path
    if request.method != wanted.method:
        raise RequestMismatch(rule="method")
    path, _, query = request.path_and_query.partition("?")
    if path != wanted.path:
        raise RequestMismatch(rule="path")
    # (2) one place for parameters, the other one empty
    in_query = wanted.place == "query"
    text, idle = (query.encode(), request.body) if in_query else (request.body, query.encode())
    if idle:
        raise RequestMismatch(rule="stray_parameters")
    # (3) a signature among the parameters comes last and covers all the rest
    if tail:
        text, separator, signature = text.rpartition(tail)
        if not separator:
            raise RequestMismatch(rule="signature")
        check_signature(request, signature.decode("ascii", "replace"), "hex")
    # (4) who asks, nothing else in the headers, and a message that is this request
    spelled = text.decode("ascii", "replace")
    facts = Facts(
        method=request.method,
        path=path,
        query=spelled if in_query else "",
        body="" if in_query else spelled,
        api_key_id=api_key_id,
        now_ms=now_ms,
    )
    scheme.check(request, facts)
    # (5) every parameter, once, with the value that was meant
    own = scheme.fields(now_ms)
    if wanted.place == "json":
        _compare_json(text, wanted.fields)
    else:
        _compare(_parameters(spelled), {**wanted.fields, **own})


def check_headers(
    request: Unsigned | SignedRequest,
    expected: Mapping[str, str],
    *,
    signature: tuple[str, Spelling] | None = None,
    clear: str | None = None,
    prefix: str = "",
) -> None:
    """Every header that is `expected`, and no other.

    `signature` is name and spelling of the header with the signature, `clear` the name of the one
    with a secret in clear (a passphrase, or a bearer after `prefix`).
    """
    found = dict(request.headers)
    if len(found) != len(request.headers):
        raise RequestMismatch(rule="headers")
    if signature is not None:
        check_signature(request, found.pop(signature[0], ""), signature[1])
    if clear is not None:
        text = found.pop(clear, "")
        if not text.startswith(prefix):
            raise RequestMismatch(rule="headers")
        _check_clear(request, text.removeprefix(prefix))
    if found != dict(expected):
        raise RequestMismatch(rule="headers")


def check_signature(request: Unsigned | SignedRequest, found: str, spelling: Spelling) -> None:
    """The sentinel in an unsigned request, a signature's shape in a signed one."""
    if isinstance(request, Unsigned):
        if not request.sentinel or found != SPELLINGS[spelling](request.sentinel):
            raise RequestMismatch(rule="signature")
    elif not re.fullmatch(_SIGNATURES[spelling], found):
        raise RequestMismatch(rule="signature")


def check_message(request: Unsigned | SignedRequest, message: bytes, algorithm: Algorithm) -> None:
    """What is to be signed is `message`, with the venue's algorithm."""
    if isinstance(request, Unsigned):
        if request.message != message:
            raise RequestMismatch(rule="message")
        if request.algorithm != algorithm:
            raise RequestMismatch(rule="algorithm")


def from_base64url(text: str) -> str:
    """Decode a segment of a token, or raise RequestMismatch."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        raise RequestMismatch(rule="spelling") from None


def _check_clear(request: Unsigned | SignedRequest, found: str) -> None:
    if isinstance(request, Unsigned):
        if not request.clear_sentinel or found != request.clear_sentinel:
            raise RequestMismatch(rule="headers")
    elif not _CLEAR.match(found):
        raise RequestMismatch(rule="headers")


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.match(name) or not _VALUE.match(value):
            raise RequestMismatch(rule="spelling")
        if name in found:
            raise RequestMismatch(rule=name)
        found[name] = value
    return found


def _compare(found: dict[str, str], wanted: Fields) -> None:
    unknown_or_missing = sorted(found.keys() ^ wanted.keys())
    if unknown_or_missing:
        raise RequestMismatch(rule=unknown_or_missing[0])
    for name, value in wanted.items():
        text = found[name]
        if isinstance(value, Decimal):
            if not _PLAIN.match(text) or Decimal(text) != value:
                raise RequestMismatch(rule=name)
        elif text != str(value) and text != quote(str(value), safe=""):
            raise RequestMismatch(rule=name)


def _compare_json(text: bytes, wanted: Any) -> None:
    try:
        found = strictjson.decode(text) if text else {}
    except VenueAnswerUnknown:
        raise RequestMismatch(rule="spelling") from None
    _compare_value("body", found, wanted)


def _compare_value(name: str, found: Any, wanted: Any) -> None:
    """Same shape, same types, same values; `name` is what a difference is called."""
    if isinstance(wanted, Mapping):
        _compare_table(name, found, wanted)
    elif isinstance(wanted, list | tuple):
        if not isinstance(found, list) or len(found) != len(wanted):
            raise RequestMismatch(rule=name)
        for one, other in zip(found, wanted, strict=True):
            _compare_value(name, one, other)
    elif isinstance(wanted, Decimal):
        if not isinstance(found, str) or not _PLAIN.match(found) or Decimal(found) != wanted:
            raise RequestMismatch(rule=name)
    elif isinstance(wanted, Number):
        if type(found) not in (int, Decimal) or Decimal(found) != wanted.value:
            raise RequestMismatch(rule=name)
    elif type(found) is not type(wanted) or found != wanted:
        raise RequestMismatch(rule=name)


def _compare_table(name: str, found: Any, wanted: Fields) -> None:
    if not isinstance(found, dict):
        raise RequestMismatch(rule=name)
    unknown_or_missing = sorted(found.keys() ^ wanted.keys())
    if unknown_or_missing:
        raise RequestMismatch(rule=unknown_or_missing[0][:64])
    for key, value in wanted.items():
        _compare_value(key, found[key], value)
