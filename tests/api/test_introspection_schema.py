"""The hand-written schema of /oauth/introspect, held against what the handler takes and gives."""

from typing import Any, get_args, get_type_hints

import asyncpg
import httpx
import msgspec
import pytest

from app import asgi
from app.api import introspection, introspection_schema
from app.core.token import TokenKind
from app.guardrails.rungs import Rung
from app.introspection.models import Answer
from tests.api.caller import Caller
from tests.api.rows import PlatformRow, TraderRow, fence

pytestmark = pytest.mark.asyncio(loop_scope="module")

_JSON_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def post() -> dict[str, Any]:
    unused: Any = None
    document = asgi.router(unused, introspection.Face(unused)).openapi_schema.to_schema()
    operation: dict[str, Any] = document["paths"]["/oauth/introspect"]["post"]
    return operation


def check(value: Any, schema: dict[str, Any]) -> None:
    """As much of JSON Schema as ours uses; anything else in it fails."""
    known = {"type", "properties", "required", "items", "enum", "const", "oneOf", "description"}
    assert schema.keys() <= known | {"additionalProperties"}
    if "oneOf" in schema:
        assert sum(_fits(value, one) for one in schema["oneOf"]) == 1
    if "type" in schema:
        assert type(value) is _JSON_TYPES[schema["type"]], value
    if "enum" in schema:
        assert value in schema["enum"]
    if "const" in schema:
        assert value == schema["const"]
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= value.keys()
        if schema.get("additionalProperties") is False:
            assert value.keys() <= schema["properties"].keys()
        for name, member in value.items():
            check(member, schema["properties"].get(name, {}))
    if isinstance(value, list) and "items" in schema:
        for item in value:
            check(item, schema["items"])


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    try:
        check(value, schema)
    except AssertionError:
        return False
    return True


def held(response: httpx.Response) -> str:
    """Check a response against the description; its status."""
    told = post()["responses"][str(response.status_code)]
    media = response.headers["content-type"].partition(";")[0]
    (described,) = told["content"]
    assert media == described
    check(response.json(), told["content"][media]["schema"])
    for name in told.get("headers", {}):
        assert name in response.headers
    return str(response.status_code)


async def test_every_answer_and_every_refusal_is_one_the_schema_describes(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    seen = set()
    for party in trader.parties:
        asked = {"token": party.token.reveal(), "token_type_hint": "access_token"}
        seen.add(held(await caller.form("/oauth/introspect", asked, client=platform.token)))
    await fence(rows, trader.trader_id, trader.root_id, 4)
    asked = {"token": trader.grant.token.reveal()}
    seen.add(held(await caller.form("/oauth/introspect", asked, client=platform.token)))
    seen.add(held(await caller.call("POST", "/oauth/introspect", client=platform.token, body={})))
    seen.add(held(await caller.form("/oauth/introspect", asked)))
    seen.add(held(await caller.form("/oauth/introspect", asked, client=trader.grant.token)))
    large = {"token": "a" * 70_000}
    seen.add(held(await caller.form("/oauth/introspect", large, client=platform.token)))
    assert seen == {"200", "400", "401", "413"}


async def test_one_client_has_only_so_many_questions_under_way(
    caller: Caller,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(introspection, "MAX_IN_FLIGHT", 0)
    asked = {"token": trader.grant.token.reveal()}
    response = await caller.form("/oauth/introspect", asked, client=platform.token)
    assert held(response) == "429"
    assert response.headers["retry-after"] == "1"
    told = await rows.fetchval(
        "SELECT rule FROM access_log WHERE subject_id = $1", platform.token.token_id
    )
    assert told == "too_many_requests"
    monkeypatch.undo()
    assert (await caller.form("/oauth/introspect", asked, client=platform.token)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
async def test_it_is_asked_by_post_alone(method: str, caller: Caller) -> None:
    response = await caller.http.request(method, "/oauth/introspect")
    assert response.status_code == 405


async def test_the_schema_names_every_field_of_an_answer_and_no_other() -> None:
    active, inactive = post()["responses"]["200"]["content"]["application/json"]["schema"]["oneOf"]
    fields = msgspec.structs.fields(Answer)
    assert set(active["properties"]) == {field.name for field in fields}
    assert set(active["required"]) == {
        field.name for field in fields if field.default is msgspec.NODEFAULT
    }
    for name, hint in get_type_hints(Answer).items():
        kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
        assert active["properties"][name]["type"] in _JSON_TYPES, kinds
    assert inactive["properties"] == {"active": {"type": "boolean", "const": False}}
    bearers = {TokenKind.DEVICE, TokenKind.SESSION, TokenKind.GRANT}
    assert set(active["properties"]["tripcord_kind"]["enum"]) == {kind.value for kind in bearers}
    states = [rung.value for rung in Rung if rung < Rung.FROZEN]
    assert active["properties"]["tripcord_state"]["enum"] == states


async def test_the_other_routes_keep_their_derived_descriptions() -> None:
    unused: Any = None
    paths = asgi.router(unused, introspection.Face(unused)).openapi_schema.to_schema()["paths"]
    assert {"/oauth/token", "/oauth/revoke", "/v1/tokens"} <= paths.keys()
    assert introspection_schema.BY_HAND.keys() == {introspection.PATH}
