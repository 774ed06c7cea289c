"""The table of routes is complete, and says nothing of routes that are gone."""

from typing import Any

from app import asgi
from app.api.introspection import Face
from app.guardrails.rungs import ALLOWED, Rung
from tests.api.routes import ANYONE, PROTECTED, ROWS


def methods_of(route: Any) -> Any:
    """An ASGI handler takes every method; ours says which it answers."""
    if hasattr(route, "route_handler_map"):
        return route.route_handler_map
    return route.route_handler.opt["methods"]


def application_routes() -> set[tuple[str, str]]:
    """(method, path) of every handler, less the OPTIONS that the framework adds to each path."""
    unused: Any = None
    router = asgi.router(unused, Face(unused))
    return {
        (method, route.path)
        for route in router.routes
        for method in methods_of(route)
        if method != "OPTIONS"
    }


def test_every_route_of_the_application_has_a_row_that_says_who_may() -> None:
    assert application_routes() == {(row.method, row.path) for row in ROWS}


def test_a_row_names_one_route_once_and_open_ones_are_open_to_all() -> None:
    assert len({(row.method, row.path) for row in ROWS}) == len(ROWS)
    assert all(row.may == (ANYONE,) for row in ROWS if ANYONE in row.may)
    assert all(row.may for row in ROWS)


OPEN = {"/v1/leaks", "/v1/action-types", "/v1/venues", "/v1/venues/{venue_id:str}/guide"}
"""Whoever finds a token may end it: it is itself the credential. Types are documentation. What
venues there are and how a key is connected is nobody's secret."""


def test_nothing_of_a_trader_is_open_to_anyone() -> None:
    for row in ROWS:
        if ANYONE in row.may and row.path not in OPEN:
            assert not row.path.startswith(("/v1", "/oauth"))


def test_what_always_works_is_marked_so_and_nothing_else_is() -> None:
    """Pulling the cord and saying no: a route more here is a decision, not a slip."""
    always = {f"{row.method} {row.path}" for row in PROTECTED if row.verb in ALLOWED[Rung.REVOKED]}
    assert always == {
        "POST /v1/approvals/{approval_id:uuid}/decision",
        "POST /v1/break-glass",
        "POST /v1/devices/{device_id:uuid}/lost",
        "POST /v1/sessions/{session_id:uuid}/not-me",
        "DELETE /v1/tokens/{token_id:uuid}",
        "POST /v1/policies/cancel",
        "PUT /v1/policies",
        "PATCH /v1/tokens/{token_id:uuid}/limits",
        "PATCH /v1/tokens/{token_id:uuid}/state",
    }
