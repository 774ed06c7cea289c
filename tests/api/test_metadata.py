"""RFC 8414: complete, and true: every URL in it is walked, every list is what the code takes."""

from typing import Any

import pytest

from app.platforms.models import KEY_ALGORITHMS
from tests.api.caller import ORIGIN, Caller
from tests.api.rows import PlatformRow

pytestmark = pytest.mark.asyncio(loop_scope="module")

WELL_KNOWN = "/.well-known/oauth-authorization-server"


async def document(caller: Caller) -> dict[str, Any]:
    response = await caller.call("GET", WELL_KNOWN)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    found: dict[str, Any] = response.json()
    return found


async def test_every_url_in_it_is_ours_and_answers(caller: Caller, platform: PlatformRow) -> None:
    metadata = await document(caller)
    assert metadata["issuer"] == ORIGIN
    urls = {name: url for name, url in metadata.items() if str(url).startswith("http")}
    assert urls.keys() == {
        "issuer", "token_endpoint", "introspection_endpoint", "revocation_endpoint",
    }  # fmt: skip
    for name in urls.keys() - {"issuer"}:
        assert urls[name].startswith(f"{ORIGIN}/oauth/")
        path = urls[name].removeprefix(ORIGIN)
        wrong = await caller.call("GET", path)
        assert wrong.status_code == 405, path
        asked = await caller.form(path, {"token": "x"}, client=platform.token)
        assert asked.status_code in {200, 400}, path
        unknown = await caller.form(path, {"token": "x", "grant_type": "client_credentials"})
        assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")


async def test_every_list_in_it_is_what_the_code_takes(caller: Caller) -> None:
    metadata = await document(caller)
    for endpoint in ("token", "revocation"):
        assert metadata[f"{endpoint}_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        algorithms = metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert algorithms == list(KEY_ALGORITHMS)
    assert metadata["introspection_endpoint_auth_methods_supported"] == ["Bearer"]
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert metadata["response_types_supported"] == []
    assert metadata["authorization_details_types_supported"] == ["bot.grant", "trade.external"]
    assert metadata["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA"]
    assert "none" not in str(metadata)
