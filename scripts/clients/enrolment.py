"""The enrolment QR: the one moment in which the phone learns whom to trust.

`tripcord://enrol?o=<origin>&c=<enrolment code>&i=<thumbprint of the HSM's identity key>`. The
thumbprint is pinned from the picture, not from an answer, so a service that later presents
another identity cannot make this phone seal anything to it.
"""

import io
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import segno

from scripts.clients.encoding import BadFormat, Secret, b64url_decode
from scripts.clients.tokens import trader_of

_THUMBPRINT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Enrolment:
    origin: str
    code: Secret
    identity_jkt: str
    trader_id: UUID
    """Read from the code itself, so that the first statement can name it."""


def parse_enrolment(uri: str) -> Enrolment:
    """Take a scanned QR apart.

    Raises
    ------
    BadFormat
        Another scheme, a missing, repeated or foreign field, plain HTTP to anywhere but this
        machine, a mistyped code.
    """
    parts = urlsplit(uri)
    fields = parse_qs(parts.query, keep_blank_values=True)
    if (parts.scheme, parts.netloc) != ("tripcord", "enrol") or fields.keys() != {"o", "c", "i"}:
        raise BadFormat("not an enrolment code of Tripcord")
    if any(len(values) != 1 for values in fields.values()):
        raise BadFormat("an enrolment field is repeated")
    origin, code, identity_jkt = (fields[name][0] for name in ("o", "c", "i"))
    if len(b64url_decode(identity_jkt)) != _THUMBPRINT_BYTES:
        raise BadFormat("the enrolment code names no identity key")
    trader_id = trader_of(code, expected_kind="enrol")
    return Enrolment(_checked_origin(origin), Secret(code), identity_jkt, trader_id)


def qr_text(content: str) -> str:
    """A QR code in half-block characters, for a terminal or for paper."""
    out = io.StringIO()
    segno.make(content, error="l", micro=False).terminal(out=out, border=2, compact=True)
    return out.getvalue()


def _checked_origin(origin: str) -> str:
    parts = urlsplit(origin)
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise BadFormat("the enrolment code names no origin")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return f"{parts.scheme}://{parts.netloc}"
    raise BadFormat("plain HTTP is refused outside this machine")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
