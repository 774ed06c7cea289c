"""Forms of the OAuth routes: each parameter once, as text, in the one encoding RFC 6749 names."""

import asyncpg
import pytest

from tests.api.assertions import good_form
from tests.api.caller import Caller, refused, refused_by_oauth
from tests.api.rows import PlatformRow, TraderRow, counts

pytestmark = pytest.mark.asyncio(loop_scope="module")

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PART = '--x\r\nContent-Disposition: form-data; name="token"{}\r\n\r\nabc\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"token=a&token=a", _FORM),
        (b"token=a&token=b", _FORM),
        (b"token=a&%74oken=b", _FORM),
        (b"token=a&hint=1&hint=1", _FORM),
        (b'{"token":"a"}', {"Content-Type": "application/json"}),
        (b"token=a", {"Content-Type": "text/plain"}),
        (b"token=a", {"Content-Type": ""}),
        (_PART.format("").encode(), {"Content-Type": "multipart/form-data; boundary=x"}),
        (
            _PART.format('; filename="f"').encode(),
            {"Content-Type": "multipart/form-data; boundary=x"},
        ),
        (b"--x", {"Content-Type": "multipart/form-data"}),
        (b"", {}),
    ],
)
async def test_a_form_with_another_shape_is_refused(
    body: bytes, headers: dict[str, str], caller: Caller, platform: PlatformRow
) -> None:
    for path in ("/oauth/introspect", "/oauth/token"):
        response = await caller.call(
            "POST", path, client=platform.token, body=body, headers=headers
        )
        refused_by_oauth(response, 400, "invalid_request")


@pytest.mark.parametrize("size", [65_537, 300_000])
async def test_a_form_above_64_kb_is_refused(
    size: int, caller: Caller, platform: PlatformRow
) -> None:
    for path in ("/oauth/introspect", "/oauth/token"):
        response = await caller.form(path, {"token": "a" * size}, client=platform.token)
        refused(response, 413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"token=%ff%fe",
        b"token=%00",
        b"token",
        b"=",
        b"&&&",
        b"token=%",
        b"token=" + b"%f0%9f%92%80",
        b"\xff\xfe",
        b"&".join(b"f%d=1" % n for n in range(5000)),
    ],
)
async def test_a_form_that_names_no_token_of_ours_is_answered_inactive(
    body: bytes, caller: Caller, platform: PlatformRow
) -> None:
    response = await caller.call(
        "POST", "/oauth/introspect", client=platform.token, body=body, headers=_FORM
    )
    assert (response.status_code, response.json()) == (200, {"active": False})


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "somebody else"},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": None},
        {"client_assertion": None},
        {"client_assertion": ""},
        {"client_assertion": "not a JWT"},
    ],
)
async def test_another_way_to_authenticate_is_refused_and_no_token_made(
    change: dict[str, str | None],
    caller: Caller,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    fields = good_form(platform) | change
    form = {name: value for name, value in fields.items() if value is not None}
    refused_by_oauth(await caller.form("/oauth/token", form), 401, "invalid_client")
    assert await counts(rows) == before


@pytest.mark.parametrize(
    ("grant_type", "error"),
    [
        ("password", "unsupported_grant_type"),
        ("authorization_code", "unsupported_grant_type"),
        ("Client_Credentials", "unsupported_grant_type"),
        ("", "invalid_request"),
        (None, "invalid_request"),
    ],
)
async def test_another_grant_type_is_refused_and_spends_no_assertion(
    grant_type: str | None,
    error: str,
    caller: Caller,
    platform: PlatformRow,
) -> None:
    good = good_form(platform)
    fields = good | {"grant_type": grant_type}
    form = {name: value for name, value in fields.items() if value is not None}
    refused_by_oauth(await caller.form("/oauth/token", form), 400, error)
    form = {name: value for name, value in good.items() if value is not None}
    assert (await caller.form("/oauth/token", form)).status_code == 200


async def test_a_client_secret_is_nothing_we_know(caller: Caller, platform: PlatformRow) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": str(platform.platform_id),
        "client_secret": "x",
    }
    refused_by_oauth(await caller.form("/oauth/token", form), 401, "invalid_client")


async def test_a_grant_token_is_no_client_token(caller: Caller, trader: TraderRow) -> None:
    response = await caller.form("/oauth/introspect", {"token": "x"}, client=trader.grant.token)
    refused_by_oauth(response, 401, "invalid_token")
