"""Forms of the OAuth routes: each parameter once, in the one encoding that RFC 6749 names."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from app.api.edge import AnyRequest
from app.core.errors import Malformed

FORM_TYPE = "application/x-www-form-urlencoded"


async def form_of(request: AnyRequest) -> Mapping[str, str]:
    """Fields of a request's form (RFC 6749 section 3.1 and appendix B), or raise Malformed."""
    if request.content_type[0].lower() != FORM_TYPE:
        raise Malformed
    return parse_form(await request.body())


def parse_form(raw: bytes) -> Mapping[str, str]:
    """Fields of an encoded form, or raise Malformed where one stands twice.

    What is no UTF-8 becomes replacement characters: no value of ours has any.
    """
    pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed
    return fields
