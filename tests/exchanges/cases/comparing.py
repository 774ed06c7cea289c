"""Our request beside plain ccxt's, to the byte."""

from app.exchanges.models import SignedRequest
from tests.exchanges.cases.case import Case, Seen


def assert_identical(case: Case, ours: SignedRequest, theirs: Seen) -> None:
    """The same but for the broker tags, which are ccxt's and unsigned, and which we leave out."""
    headers = {
        name: value for name, value in theirs.headers.items() if name not in case.broker_headers
    }
    assert (ours.method, case.origin + ours.path_and_query) == (theirs.method, theirs.url)
    assert dict(ours.headers) == headers
    assert ours.body == (theirs.body or "").encode()
