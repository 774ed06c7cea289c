"""The reviewed table: every route, who may call it, and a request that would do something.

A new route without a row here fails a test. "anyone" needs nothing at all; the words of `MAY`
are credentials, each refused on every other row.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from app.core.ids import new_id
from app.guardrails.rungs import Verb
from scripts.clients.encoding import b64url, canonical_json
from scripts.clients.keys import KeyPair
from tests.api.rows import TraderRow

Sample = Callable[[TraderRow], Any]

ANYONE = "anyone"
DEVICE, SESSION, GRANT, PLATFORM = "device", "session", "grant", "platform"
"""DPoP-bound tokens."""
CLIENT = "client"
"""A platform's access token, Bearer."""
PROOF = "proof"
"""A proof of possession alone: of a key that has no token yet."""
CARD, RECEIPT, ASSERTION = "card", "receipt", "assertion"
"""Capabilities that travel in the request itself."""


class Row(NamedTuple):
    method: str
    path: str
    may: tuple[str, ...]
    body: Sample | None = None
    form: Sample | None = None
    verb: Verb = Verb.READ
    """The least that the presented token's rung must allow; what more it takes, the rooms check."""

    under: Verb | None = None
    """What a platform's request takes of the trader's node that it names."""

    names_trader: bool = False
    """A client's token is of no trader: its request names one in the query."""

    query: str = ""

    def target(self, trader: TraderRow) -> str:
        """The path for one trader's own things."""
        ids = {
            "{approval_id:uuid}": trader.approval_id,
            "{credential_id:uuid}": trader.credential_id,
            "{token_id:uuid}": trader.credential_id,
            "{trader_id:uuid}": trader.trader_id,
            "{order_id:uuid}": new_id(),
            "{session_id:uuid}": new_id(),
            "{revocation_id:uuid}": new_id(),
            "{card_id:uuid}": trader.card.token_id,
            "{device_id:uuid}": new_id(),
            "{factor_id:uuid}": new_id(),
            "{re_enrolment_id:uuid}": new_id(),
            "{webhook_id:uuid}": new_id(),
            "{path:str}": "nothing.json",
        }
        target = self.path
        for name, value in ids.items():
            target = target.replace(name, str(value))
        return target + self.query


_ENVELOPE = {"ephemeral": "AAAA", "ciphertext": "AAAA"}
_MONEY = {"amount": "10", "quote": "USDT"}


def new_grant(trader: TraderRow) -> dict[str, Any]:
    return {
        "kind": "grant",
        "trader_id": str(trader.trader_id),
        "parent_id": str(trader.credential_id),
        "public_jwk": KeyPair.ed25519().public_jwk,
        "model": {"name": "Trend 1", "digest": "d", "version": "1"},
        "markets": ["BTCUSDT"],
        "allocation": _MONEY,
        "free_limit": _MONEY,
        "max_order": _MONEY,
    }


def narrowing(trader: TraderRow) -> dict[str, Any]:
    claims = b64url(canonical_json({"token_id": str(trader.credential_id)}))
    return {"statement": f"e30.{claims}.AA"}


def new_device(_: TraderRow) -> dict[str, Any]:
    return {
        "enrolment_code": "tc_enrol_x",
        "public_jwk": KeyPair.p256().public_jwk,
        "name": "a phone",
        "statement": "e30.e30.AA",
    }


def new_credential(_: TraderRow) -> dict[str, Any]:
    return {
        "statement": "e30.e30.AA",
        "envelope": _ENVELOPE,
        "algorithm": "hmac-sha256",
        "proof": "AAAA",
    }


def new_card(_: TraderRow) -> dict[str, Any]:
    return {"card_id": str(new_id()), "secret_sha256": b64url(bytes(32))}


def new_session(trader: TraderRow) -> dict[str, Any]:
    return {"trader_id": str(trader.trader_id), "public_jwk": KeyPair.p256().public_jwk}


def _fixed(**members: Any) -> Sample:
    return lambda _: members


def new_re_enrolment(trader: TraderRow) -> dict[str, Any]:
    return {
        "trader_id": str(trader.trader_id),
        "code_id": str(new_id()),
        "public_jwk": KeyPair.p256().public_jwk,
        "name": "a phone",
        "statement": "e30.e30.AA",
        "code_statement": "e30.e30.AA",
    }


def returning(trader: TraderRow) -> dict[str, Any]:
    return {"trader_id": str(trader.trader_id), "public_jwk": KeyPair.p256().public_jwk}


def end_of_re_enrolment(trader: TraderRow) -> dict[str, Any]:
    return {"trader_id": str(trader.trader_id), "statement": "e30.e30.AA"}


def veto(trader: TraderRow) -> dict[str, Any]:
    return end_of_re_enrolment(trader) | {"device_id": str(trader.device.token.token_id)}


def new_approval(trader: TraderRow) -> dict[str, Any]:
    return {
        "trader_id": str(trader.trader_id),
        "authorization_details": [
            {
                "type": "trade.external",
                "kind": "payment",
                "reference": "inv-1",
                "description": "A payment",
            }
        ],
    }


def of_trader(trader: TraderRow) -> dict[str, Any]:
    return {"trader_id": str(trader.trader_id)}


_READERS = (DEVICE, SESSION)
_OF_THE_TREE = (DEVICE, SESSION, GRANT, PLATFORM)
_TRADERS_OWN = (DEVICE, SESSION, GRANT)

ROWS = (
    Row("GET", "/livez", (ANYONE,)),
    Row("GET", "/readyz", (ANYONE,)),
    Row("GET", "/schema", (ANYONE,)),
    Row("GET", "/card", (ANYONE,)),
    Row("GET", "/card/card.js", (ANYONE,)),
    Row("GET", "/card/card.css", (ANYONE,)),
    Row("GET", "/schema/openapi.json", (ANYONE,)),
    Row("GET", "/schema/{path:str}", (ANYONE,)),
    Row("GET", "/.well-known/oauth-authorization-server", (ANYONE,)),
    Row("GET", "/.well-known/openid-configuration", (ANYONE,)),
    Row("GET", "/.well-known/jwks.json", (ANYONE,)),
    Row("GET", "/v1/action-types", (ANYONE,)),
    Row("GET", "/.well-known/assetlinks.json", (ANYONE,)),
    Row("GET", "/.well-known/apple-app-site-association", (ANYONE,)),
    Row("GET", "/.well-known/webauthn", (ANYONE,)),
    Row("GET", "/.well-known/ssf-configuration", (ANYONE,)),
    Row("POST", "/oauth/token", (ASSERTION,), form=_fixed(
        grant_type="client_credentials",
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion="e30.e30.AA",
    )),
    Row("POST", "/oauth/bc-authorize", (ASSERTION,), form=_fixed(
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion="e30.e30.AA", scope="openid", login_hint="x",
    )),
    Row("PUT", "/v1/user-code", (DEVICE,), _fixed(user_code="1234"), verb=Verb.ENROL),
    Row("POST", "/oauth/introspect", (CLIENT,), form=lambda t: {"token": t.grant.token.reveal()}),
    Row("POST", "/oauth/revoke", (CLIENT,), form=lambda t: {"token": t.card.reveal()}),
    Row("POST", "/v1/traders", (CLIENT,), _fixed()),
    Row("GET", "/v1/traders/{trader_id:uuid}", (CLIENT,)),
    Row("GET", "/v1/traders/{trader_id:uuid}/exchange-credentials", (CLIENT,)),
    Row("POST", "/v1/tokens", (CLIENT, GRANT, PLATFORM), new_grant, verb=Verb.MINT,
        under=Verb.MINT),
    Row("GET", "/v1/tokens/{token_id:uuid}", _OF_THE_TREE),
    Row("PATCH", "/v1/tokens/{token_id:uuid}/limits", (DEVICE,), narrowing, verb=Verb.TIGHTEN),
    Row("POST", "/v1/tokens/{token_id:uuid}/rotate", _OF_THE_TREE, verb=Verb.ROTATE),
    Row("POST", "/v1/tokens/{token_id:uuid}/ip-networks", (CLIENT, DEVICE),
        lambda t: {"trader_id": str(t.trader_id), "ip_networks": ["127.0.0.0/8"]},
        verb=Verb.WIDEN, under=Verb.WIDEN),
    Row("GET", "/v1/venues", (ANYONE,)),
    Row("GET", "/v1/venues/{venue_id:str}/guide", (ANYONE,)),
    Row("POST", "/v1/leaks", (ANYONE,), _fixed(leaks=[{"token": "tc_device_x"}])),
    Row("GET", "/.well-known/tripcord-token-pattern", (ANYONE,)),
    Row("GET", "/v1/webhooks", (CLIENT,)),
    Row("POST", "/v1/webhooks", (CLIENT,), _fixed(url="https://platform.example/tripcord")),
    Row("GET", "/v1/webhooks/{webhook_id:uuid}", (CLIENT,)),
    Row("PATCH", "/v1/webhooks/{webhook_id:uuid}", (CLIENT,), _fixed(state="paused")),
    Row("DELETE", "/v1/webhooks/{webhook_id:uuid}", (CLIENT,)),
    Row("POST", "/v1/webhooks/{webhook_id:uuid}/rotate-secret", (CLIENT,), _fixed()),
    Row("POST", "/v1/webhooks/{webhook_id:uuid}/test", (CLIENT,)),
    Row("POST", "/v1/devices", (PROOF,), new_device),
    Row("POST", "/v1/devices/additions", (DEVICE,),
        lambda _: {"public_jwk": KeyPair.p256().public_jwk, "name": "another"}, verb=Verb.ENROL),
    Row("POST", "/v1/sessions", (PROOF,), new_session),
    Row("POST", "/v1/sessions/{session_id:uuid}/proof", (PROOF,),
        lambda t: {"trader_id": str(t.trader_id), "code": "123456"}),
    Row("POST", "/v1/sessions/{session_id:uuid}/number", (PROOF,),
        lambda t: {"trader_id": str(t.trader_id)}),
    Row("GET", "/v1/devices", _READERS),
    Row("GET", "/v1/factors", _READERS),
    Row("GET", "/v1/sessions", _READERS),
    Row("GET", "/v1/tokens", _OF_THE_TREE),
    Row("GET", "/v1/exchange-credentials", _READERS),
    Row("GET", "/v1/exchange-credentials/{credential_id:uuid}", _READERS),
    Row("POST", "/v1/sealing-keys", (DEVICE,), _fixed(purpose="totp")),
    Row("POST", "/v1/factors/totp", (DEVICE,),
        _fixed(statement="e30.e30.AA", envelope=_ENVELOPE, code="123456")),
    Row("DELETE", "/v1/factors/totp/{factor_id:uuid}", (DEVICE,), verb=Verb.ENROL),
    Row("POST", "/v1/factors/recovery-codes", (DEVICE,), _fixed(statement="e30.e30.AA")),
    Row("GET", "/v1/factors/recovery-codes", _READERS),
    Row("POST", "/v1/factors/webauthn/options", (DEVICE,), _fixed(label="phone"),
        verb=Verb.ENROL),
    Row("POST", "/v1/factors/webauthn", (DEVICE,),
        _fixed(statement="e30.e30.AA", response={}), verb=Verb.ENROL),
    Row("GET", "/v1/factors/webauthn", _READERS),
    Row("DELETE", "/v1/factors/webauthn/{factor_id:uuid}", (DEVICE,)),
    Row("POST", "/v1/re-enrolments/challenges", (PROOF,), returning),
    Row("POST", "/v1/re-enrolments", (PROOF,), new_re_enrolment),
    Row("GET", "/v1/re-enrolments", (PROOF,)),
    Row("GET", "/v1/re-enrolments/{re_enrolment_id:uuid}", (PROOF,)),
    Row("POST", "/v1/re-enrolments/{re_enrolment_id:uuid}/veto", (PROOF,), veto),
    Row("POST", "/v1/re-enrolments/{re_enrolment_id:uuid}/cancel", (PROOF,), end_of_re_enrolment),
    Row("POST", "/v1/re-enrolments/{re_enrolment_id:uuid}/complete", (PROOF,),
        end_of_re_enrolment),
    Row("POST", "/v1/exchange-credentials", (DEVICE,), new_credential),
    Row("GET", "/v1/approvals", (DEVICE,)),
    Row("GET", "/v1/approvals/{approval_id:uuid}", (CLIENT, DEVICE, PLATFORM),
        names_trader=True),
    Row("POST", "/v1/approvals", (CLIENT, PLATFORM), new_approval, verb=Verb.REDEEM),
    Row("POST", "/v1/approvals/{approval_id:uuid}/cancel", (CLIENT, PLATFORM), of_trader),
    Row("POST", "/v1/approvals/{approval_id:uuid}/redeem", (CLIENT, PLATFORM), of_trader,
        verb=Verb.REDEEM),
    Row("POST", "/v1/approvals/{approval_id:uuid}/decision", (DEVICE,),
        _fixed(statement="e30.e30.AA"), verb=Verb.DENY),
    Row("POST", "/v1/approvals/{approval_id:uuid}/reveal", (DEVICE,),
        _fixed(statement="e30.e30.AA")),
    Row("POST", "/v1/approvals/{approval_id:uuid}/number", (CLIENT, GRANT, PLATFORM),
        lambda t: {"trader_id": str(t.trader_id)}),
    Row("POST", "/v1/approvals/{approval_id:uuid}/code", (CLIENT, GRANT, PLATFORM),
        lambda t: {"trader_id": str(t.trader_id), "code": "12345678"}),
    Row("POST", "/v1/orders", (GRANT,), _fixed(order="e30.e30.AA")),
    Row("GET", "/v1/orders", _TRADERS_OWN),
    Row("GET", "/v1/orders/{order_id:uuid}", _TRADERS_OWN),
    Row("GET", "/v1/balances", _TRADERS_OWN),
    Row("POST", "/v1/break-glass", (DEVICE,), _fixed(), verb=Verb.TIGHTEN),
    Row("DELETE", "/v1/tokens/{token_id:uuid}", (DEVICE,), verb=Verb.TIGHTEN),
    Row("GET", "/v1/tokens/{token_id:uuid}/state", _READERS),
    Row("PATCH", "/v1/tokens/{token_id:uuid}/state", (DEVICE,),
        _fixed(state="reduce_only", reason="a test"), verb=Verb.TIGHTEN),
    # Of a node that is not its own cage: for that, LIFT is enough (`test_ladder.py`).
    Row("POST", "/v1/tokens/{token_id:uuid}/state/lift", (DEVICE,), _fixed(),
        verb=Verb.APPROVE),
    Row("POST", "/v1/devices/heartbeat", (DEVICE,), _fixed(statement="e30.e30.AA"),
        verb=Verb.HEARTBEAT),
    Row("GET", "/v1/tokens/{token_id:uuid}/blast-radius", _READERS),
    Row("POST", "/v1/tokens/{token_id:uuid}/limits/blast-radius", _READERS,
        _fixed(limits={"ip_networks": ["192.0.2.0/24"]})),
    Row("POST", "/v1/revocation-cards", (DEVICE,), new_card),
    Row("POST", "/v1/revocation-cards/redeem", (CARD,), _fixed(card="tc_card_x")),
    Row("GET", "/v1/revocation-cards", _READERS),
    Row("DELETE", "/v1/revocation-cards/{card_id:uuid}", (DEVICE,)),
    Row("GET", "/v1/traders/settings", _READERS),
    Row("PUT", "/v1/traders/settings", (DEVICE,), _fixed(cleanup_mode="cancel_all")),
    Row("POST", "/v1/sessions/{session_id:uuid}/not-me", (DEVICE,), verb=Verb.TIGHTEN),
    Row("POST", "/v1/devices/{device_id:uuid}/lost", (DEVICE,), verb=Verb.TIGHTEN),
    Row("GET", "/v1/policies", _READERS),
    Row("PUT", "/v1/policies", (DEVICE,), _fixed(statement="e30.e30.AA"), verb=Verb.TIGHTEN),
    Row("POST", "/v1/policies/cancel", (DEVICE,), _fixed(statement="e30.e30.AA"),
        verb=Verb.TIGHTEN),
    Row("POST", "/v1/policies/simulate", _READERS, _fixed()),
    Row("GET", "/v1/incidents", _READERS),
    Row("GET", "/v1/revocations", _READERS),
    Row("GET", "/v1/revocations/{revocation_id:uuid}", (*_READERS, RECEIPT)),
    Row("GET", "/v1/revocations/{revocation_id:uuid}/victims", (*_READERS, RECEIPT)),
    Row("GET", "/v1/revocations/{revocation_id:uuid}/slipped", (*_READERS, RECEIPT)),
    Row("GET", "/v1/revocations/{revocation_id:uuid}/kept", (*_READERS, RECEIPT)),
    Row("GET", "/v1/revocations/{revocation_id:uuid}/cleanup", (*_READERS, RECEIPT)),
    Row("GET", "/v1/events", (DEVICE,), query="?wait=0"),
    Row("GET", "/v1/access-log", (DEVICE, RECEIPT)),
    Row("GET", "/v1/access-log/checkpoints", (DEVICE, RECEIPT)),
)  # fmt: skip

PROTECTED = tuple(row for row in ROWS if ANYONE not in row.may)
