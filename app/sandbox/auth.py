"""Who signed this request, and may they do this.

(1) an API key of the right form, (2) that the venue knows, (3) a timestamp inside the window,
(4) a signature over the bytes exactly as they arrived, (5) an address and a permission the key
has. Nothing of the request is used before (5).
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from app.sandbox.errors import VenueError, bad_key_format, illegal_characters, key_refused
from app.sandbox.errors import mandatory as mandatory_parameter
from app.sandbox.keys import ALPHABET, KEY_LENGTH, ApiKey
from app.sandbox.params import DECIMAL, INTEGER, SIGNATURE, Params, decode

DEFAULT_WINDOW_MS = Decimal(5_000)
MAX_WINDOW_MS = 60_000
MAX_AHEAD_MS = 1_000
MICROSECONDS_FROM = 10**14  # a timestamp this large is in microseconds: in ms it is the year 5138

_ALPHABET = frozenset(ALPHABET)


class Permission(StrEnum):
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"
    ANY = "ANY"  # a key may always read its own restrictions


class SignedRequest(msgspec.Struct, frozen=True):
    api_key: str | None
    query: bytes
    body: bytes
    remote: str


def authenticate(
    request: SignedRequest,
    params: Params,
    keys: Mapping[str, ApiKey],
    *,
    now: int,
    permission: Permission,
) -> ApiKey:
    presented = request.api_key or ""
    if len(presented) != KEY_LENGTH or not _ALPHABET.issuperset(presented):  # (1)
        raise bad_key_format()
    key = keys.get(presented)
    if key is None:  # (2)
        raise key_refused()
    _check_timestamp(params, now)  # (3)
    payload, signature = split_signature(request.query, request.body)
    key.verifier.verify(payload, signature)  # (4)
    _check_permission(key, request.remote, permission)  # (5)
    return key


def split_signature(query: bytes, body: bytes) -> tuple[bytes, str]:
    """The signed bytes (query and body without separator, the signature taken out) and the
    decoded signature. Exactly one `signature` in both together, or a refusal.
    """
    found: list[bytes] = []
    payload = b""
    for part in (query, body):
        kept = []
        for pair in part.split(b"&") if part else ():
            name, _, value = pair.partition(b"=")
            if name == SIGNATURE.encode():
                found.append(value)
            else:
                kept.append(pair)
        payload += b"&".join(kept)
    if len(found) > 1:
        raise VenueError(-1101, "Duplicate values for a parameter detected.")
    if not found or not found[0]:
        raise mandatory_parameter(SIGNATURE)
    # `+` is a character of base64; only a percent-encoded signature is decoded further.
    return payload, decode(found[0].replace(b"+", b"%2B"))


def _check_timestamp(params: Params, now: int) -> None:
    params.required("timestamp")
    timestamp = params.integer("timestamp")
    if timestamp is None:
        raise illegal_characters("timestamp", INTEGER)
    if timestamp >= MICROSECONDS_FROM:
        timestamp //= 1_000
    sent = params.matching("recvWindow", DECIMAL)
    window = DEFAULT_WINDOW_MS if sent is None else Decimal(sent)
    if window > MAX_WINDOW_MS:
        raise VenueError(
            -1102,
            f"'recvWindow' contains unexpected value. Cannot be greater than {MAX_WINDOW_MS}.",
        )
    if timestamp >= now + MAX_AHEAD_MS:
        raise VenueError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - timestamp > window:
        raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _check_permission(key: ApiKey, remote: str, permission: Permission) -> None:
    allowed = key.restrictions
    if allowed.ip_restrict and remote not in key.ip_list:
        raise key_refused()
    if permission is Permission.USER_DATA and not allowed.enable_reading:
        raise key_refused()
    if permission is Permission.TRADE and not allowed.enable_spot_and_margin_trading:
        raise key_refused()
