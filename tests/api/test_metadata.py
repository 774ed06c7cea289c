"""RFC 8414: complete, and true: every URL in it is walked, every list is what the code takes."""

from typing import Any

import pytest

from app.approvals.catalogue import EXTERNAL
from app.ciba.models import GRANT_TYPE
from app.ciba.rules import ACR
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
        "issuer", "jwks_uri", "token_endpoint", "introspection_endpoint", "revocation_endpoint",
        "backchannel_authentication_endpoint",
    }  # fmt: skip
    assert (await caller.call("GET", urls["jwks_uri"].removeprefix(ORIGIN))).status_code == 200
    for name in urls.keys() - {"issuer", "jwks_uri"}:
        assert urls[name].startswith(f"{ORIGIN}/oauth/")
        path = urls[name].removeprefix(ORIGIN)
        wrong = await caller.call("GET", path)
        assert wrong.status_code == 405, path
        asked = await caller.form(path, {"token": "x"}, client=platform.token)
        # Where a client signs for itself, an access token does not say who it is.
        signs = name == "backchannel_authentication_endpoint"
        assert asked.status_code in ({401} if signs else {200, 400}), path
        unknown = await caller.form(path, {"token": "x", "grant_type": "client_credentials"})
        assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")


async def test_every_list_in_it_is_what_the_code_takes(caller: Caller) -> None:
    metadata = await document(caller)
    for endpoint in ("token", "revocation"):
        assert metadata[f"{endpoint}_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        algorithms = metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert algorithms == list(KEY_ALGORITHMS)
    assert metadata["introspection_endpoint_auth_methods_supported"] == ["Bearer"]
    assert metadata["grant_types_supported"] == ["client_credentials", GRANT_TYPE]
    assert metadata["response_types_supported"] == []
    assert set(metadata["authorization_details_types_supported"]) == {"bot.grant", *EXTERNAL}
    assert metadata["scopes_supported"] == ["openid"]
    assert metadata["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]
    assert metadata["backchannel_user_code_parameter_supported"] is True
    assert metadata["id_token_signing_alg_values_supported"] == ["RS256"]
    assert metadata["acr_values_supported"] == list(ACR)
    assert "backchannel_authentication_request_signing_alg_values_supported" not in metadata
    assert metadata["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA"]
    assert "none" not in str(metadata)


async def test_openid_discovery_says_the_same(caller: Caller) -> None:
    answer = await caller.call("GET", "/.well-known/openid-configuration")
    assert answer.json() == await document(caller)
    for needed in ("issuer", "jwks_uri", "response_types_supported", "subject_types_supported"):
        assert needed in answer.json()
