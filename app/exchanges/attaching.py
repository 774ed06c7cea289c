"""The signature takes the sentinel's place, and a secret in clear its own sentinel's."""

from collections.abc import Callable

from app.core.secret import Secret
from app.exchanges.errors import RequestRefused
from app.exchanges.models import Headers, SignedRequest, Unsigned
from app.exchanges.spelling import SPELLINGS


def _in_query(raw: bytes) -> str:
    """Percent-encoding of base64; `urllib.parse.quote` takes longer than all the rest here."""
    text = SPELLINGS["base64"](raw)
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


_SPELLINGS: tuple[Callable[[bytes], str], ...] = (
    SPELLINGS["hex"],
    SPELLINGS["base64"],
    _in_query,
    SPELLINGS["base64url"],
)


def attach(request: Unsigned, signature: bytes, clear: Secret | None = None) -> SignedRequest:
    """Put the HSM's signature where the sentinel is, spelled as the sentinel is.

    `clear` is the passphrase or bearer of the few venues that want one in a header; a bearer's
    request has no signature (b"").

    Raises
    ------
    RequestRefused
        The signature has another length, or a sentinel is not there exactly once, or a secret in
        clear is missing, not wanted, or no header value.
    """
    if len(signature) != len(request.sentinel):
        raise RequestRefused(rule="signature_length")
    path, headers, body, found = request.path_and_query, request.headers, request.body.decode(), 0
    for spell in _SPELLINGS if request.sentinel else ():
        old = spell(request.sentinel)
        here = path.count(old) + body.count(old) + sum(value.count(old) for _, value in headers)
        if here:
            new = spell(signature)
            found += here
            path, body = path.replace(old, new), body.replace(old, new)
            headers = _replace(headers, old, new)
    if found != (1 if request.sentinel else 0):
        raise RequestRefused(rule="sentinel_count")
    return SignedRequest(
        method=request.method,
        path_and_query=path,
        headers=_with_clear(request, headers, clear),
        body=body.encode(),
    )


def _with_clear(request: Unsigned, headers: Headers, clear: Secret | None) -> Headers:
    if (clear is not None) != bool(request.clear_sentinel):
        raise RequestRefused(rule="secret_in_clear")
    if clear is None:
        return headers
    old, new = request.clear_sentinel, clear.reveal().decode("ascii", "replace")
    if not new or not new.isascii() or not new.isprintable() or new != new.strip():
        raise RequestRefused(rule="secret_in_clear")
    elsewhere = request.path_and_query.count(old) + request.body.decode().count(old)
    if elsewhere or sum(value.count(old) for _, value in headers) != 1:
        raise RequestRefused(rule="sentinel_count")
    return _replace(headers, old, new)


def _replace(headers: Headers, old: str, new: str) -> Headers:
    return tuple((name, value.replace(old, new)) for name, value in headers)
