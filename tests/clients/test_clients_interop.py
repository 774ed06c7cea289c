"""What the clients make from the published formats, the service's own readers accept."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.accesslog.merkle import inclusion_proof, leaf_hash, root
from app.approvals import actions as service_actions
from app.core import statements as service
from app.core.jose import SignatureRejected, jwk_thumbprint, verify_jws
from app.core.token import TokenKind, mint, parse
from app.guardrails.intents import order_view, parse_intent
from app.policies.loosening import loosened
from app.policies.presets import PRESETS
from app.policies.rules import policy_bytes, read_policy
from scripts.clients import statements
from scripts.clients.approvals import Decision
from scripts.clients.bot import limit_order
from scripts.clients.encoding import Secret, b64url, canonical_json, parse_canonical, sha256
from scripts.clients.enrolment import Enrolment
from scripts.clients.keys import ORDER_TYP, KeyPair
from scripts.clients.logverify import LOCKED_CHAIN, Chain, LogTampered, verify_checkpoint
from scripts.clients.render import TEMPLATES, render
from scripts.clients.seal import Envelope, SealingKey
from scripts.clients.tokens import make_card, trader_of

TRADER = UUID("0198c0de-0000-7000-8000-00000000000a")
DEVICE = UUID("0198c0de-0000-7000-8000-00000000000d")
OTHER = UUID("0198c0de-0000-7000-8000-00000000000e")
KEY = KeyPair.p256()
SEALING_KEY = SealingKey(str(OTHER), b"\4" * 65, TRADER, "totp")
ENVELOPE = Envelope(b"\4" * 65, b"c" * 72)


def scanned() -> Enrolment:
    code = mint(TokenKind.ENROL, TRADER, OTHER).reveal()
    return Enrolment("https://a.example", Secret(code), "j" * 43, TRADER)


@pytest.mark.parametrize("make", [KeyPair.p256, KeyPair.ed25519])
def test_thumbprints_agree(make: Any) -> None:
    key = make()
    assert jwk_thumbprint(key.public_jwk) == key.jkt


def test_a_bound_device_is_read_back() -> None:
    claims = statements.bind_device(scanned(), jkt=KEY.jkt, name="Phone")
    read = service.verify(KEY.statement(claims), service.BindDevice, expected_key=KEY.public_jwk)
    assert (read.trader_id, read.jkt, read.name) == (TRADER, KEY.jkt, "Phone")


def test_a_policy_is_read_back() -> None:
    policy = parse_canonical(policy_bytes(read_policy(msgspec.to_builtins(PRESETS["careful"]))))
    claims = statements.policy(TRADER, DEVICE, version=3, policy=policy)
    read = service.verify(
        KEY.statement(claims), service.PolicyStatement, expected_key=KEY.public_jwk
    )
    assert (read.version, read_policy(read.policy).preset) == (3, "careful")
    claims = statements.policy_cancel(TRADER, DEVICE, version=4)
    cancel = service.verify(
        KEY.statement(claims), service.PolicyCancel, expected_key=KEY.public_jwk
    )
    assert cancel.version == 4


def test_a_bound_factor_is_read_back() -> None:
    claims = statements.bind_factor(
        DEVICE, SEALING_KEY, ENVELOPE, algorithm="SHA1", digits=6, label="Mine"
    )
    read = service.verify(KEY.statement(claims), service.BindFactor, expected_key=KEY.public_jwk)
    assert (read.device_id, read.sealing_key_id, read.digits) == (DEVICE, OTHER, 6)
    assert read.envelope_sha256 == ENVELOPE.digest()


def test_a_link_is_read_back() -> None:
    claims = statements.link(
        DEVICE, SEALING_KEY, ENVELOPE, venue="sandbox", api_key_id="k", label="Mine"
    )
    read = service.verify(
        KEY.statement(claims), service.LinkCredential, expected_key=KEY.public_jwk
    )
    assert (read.venue, read.api_key_id, read.label) == ("sandbox", "k", "Mine")


@pytest.mark.parametrize("verdict", list(Decision))
def test_a_decision_is_read_back(verdict: Decision) -> None:
    claims = statements.decision(
        TRADER,
        DEVICE,
        approval_id=OTHER,
        nonce=b64url(b"n" * 32),
        shown_digest=b"d" * 32,
        verdict=verdict.value,
        method="none",
    )
    read = service.verify(KEY.statement(claims), service.Decision, expected_key=KEY.public_jwk)
    assert (read.decision, read.approval_id) == (verdict.value, OTHER)
    assert service.digest_bytes(read.digest) == b"d" * 32


def test_a_statement_of_one_kind_is_none_of_another() -> None:
    claims = statements.bind_device(scanned(), jkt=KEY.jkt, name="Phone")
    with pytest.raises(SignatureRejected):
        service.verify(KEY.statement(claims), service.Decision, expected_key=KEY.public_jwk)


def test_an_order_signed_by_a_model_key_is_read_back() -> None:
    model, now = KeyPair.ed25519(), int(time.time())
    claims = {
        "domain": "tripcord/order/v1",
        "trader_id": str(TRADER),
        "grant_id": str(OTHER),
        "sequence": 1,
        "iat": now,
        "exp": now + 30,
        "intent": {"kind": "order"},
    }
    token = model.statement(claims, typ=ORDER_TYP)
    read = service.verify(token, service.Order, expected_key=model.public_jwk)
    assert (read.sequence, read.intent) == (1, {"kind": "order"})


def test_a_proof_verifies_with_the_service_s_reader() -> None:
    proof = KEY.dpop_proof("GET", "https://a.example/v1/x")
    verify_jws(
        proof,
        expected_key=KEY.public_jwk,
        expected_typ="dpop+jwt",
        allowed_header=frozenset({"alg", "typ", "jwk"}),
    )


def test_token_strings_agree_both_ways() -> None:
    card = make_card(TRADER)
    read = parse(card.text.reveal(), TokenKind.CARD)
    assert (read.trader_id, read.token_id) == (TRADER, card.card_id)
    assert b64url(read.secret_hash()) == card.secret_sha256
    code = mint(TokenKind.ENROL, TRADER, OTHER).reveal()
    assert trader_of(code, expected_kind="enrol") == TRADER


def checkpoint(size: int, index: int, head: bytes) -> dict[str, Any]:
    leaves = [sha256(bytes([n])) for n in range(size)]
    leaves[index] = leaf_hash(TRADER, LOCKED_CHAIN, 1, head)
    payload = {
        "domain": "tripcord/checkpoint/v1",
        "shard": "0",
        "number": 1,
        "previous_digest": b64url(bytes(32)),
        "root": b64url(root(leaves)),
        "size": size,
        "at_us": 1,
    }
    return {
        "checkpoint": KEY.statement(payload, typ=service.CHECKPOINT_TYP),
        "checkpoint_jwk": KEY.public_jwk,
        "leaf": {
            "chain": str(LOCKED_CHAIN),
            "position": 1,
            "head_hash": b64url(head),
        },
        "index": index,
        "proof": [b64url(node) for node in inclusion_proof(leaves, index)],
    }


def test_the_service_s_merkle_proofs_reach_their_root() -> None:
    head = b"h" * 32
    for size in range(1, 20):
        for index in range(size):
            answer = checkpoint(size, index, head)
            verify_checkpoint(answer, Chain((head,), 0), trader_id=TRADER, pinned_jkt=KEY.jkt)
            with pytest.raises(LogTampered):
                verify_checkpoint(answer, Chain((head,), 0), trader_id=OTHER, pinned_jkt=KEY.jkt)


def test_canonical_json_is_stable_under_reading() -> None:
    value = {"z": [1, "é", None, True], "a": {"k": ""}}
    assert parse_canonical(canonical_json(value)) == value


def actions() -> list[Any]:
    """One of each typed action, as the service makes them."""
    amount = service_actions.Amount(amount="1000.00", quote="USDT")
    return [
        service_actions.KeyLink(
            trader_id=TRADER,
            credential_id=OTHER,
            venue="sandbox",
            api_key_id="k",
            label="Mine",
            permissions=["read"],
            ip_restricted=True,
            envelope_sha256="e",
        ),
        service_actions.BotGrant(
            trader_id=TRADER,
            grant_id=OTHER,
            credential_id=OTHER,
            venue="sandbox",
            label="Mine",
            model=service_actions.ModelCard(name="m", digest="d", version="1", jkt="j"),
            model_jwk=KeyPair.ed25519().public_jwk,
            markets=["BTCUSDT"],
            allocation=amount,
            free_limit=amount,
            max_order=amount,
            expires_at=datetime.now(UTC),
            requested_by="demo",
            lease_hours=12,
        ),
        service_actions.TokenLift(
            trader_id=TRADER,
            token_id=OTHER,
            kind="grant",
            label="m",
            from_state="frozen",
            to_state="active",
            asked_at_position="53",
            requested_by=f"device:{OTHER}",
        ),
        service_actions.TradeOrder(
            trader_id=TRADER,
            grant_id=OTHER,
            order_id=OTHER,
            credential_id=OTHER,
            venue="sandbox",
            model="m 1",
            order=order_view(
                parse_intent(
                    limit_order(market="BTCUSDT", side="buy", quantity="0.02", price="50000.00")
                )
            ),
            notional=amount,
            client_order_id="c",
            signed_order_sha256="s",
        ),
        service_actions.SignIn(
            trader_id=TRADER,
            session_id=OTHER,
            address="127.0.0.1",
            user_agent="x",
            jkt="j",
            at=datetime.now(UTC),
        ),
        service_actions.NewRecoveryCodes(
            trader_id=TRADER, device_id=OTHER, codes=10, replaces=0, statement_sha256="s"
        ),
        *(
            factor(
                trader_id=TRADER,
                factor_id=OTHER,
                kind="webauthn",
                label="l",
                device_id=OTHER,
                details_sha256="s",
            )
            for factor in (service_actions.FactorAdd, service_actions.FactorRemove)
        ),
        service_actions.DeviceAdd(
            trader_id=TRADER,
            device_id=OTHER,
            name="tablet",
            jkt="j",
            public_jwk={"kty": "EC", "crv": "P-256", "x": "x", "y": "y"},
            requested_by="device:x",
        ),
        service_actions.TokenChild(
            trader_id=TRADER,
            token_id=OTHER,
            parent_id=OTHER,
            kind="platform",
            platform_id=OTHER,
            platform_name="p",
            label="l",
            jkt="j",
            scope=["tree.read"],
            ip_networks=[],
            expires_at=datetime.now(UTC),
            requested_by="demo",
        ),
        service_actions.IpChange(
            trader_id=TRADER,
            token_id=OTHER,
            kind="grant",
            label="l",
            version=1,
            from_networks=["192.0.2.0/24"],
            to_networks=[],
            requested_by="demo",
        ),
        service_actions.PolicyChange(
            trader_id=TRADER,
            version=3,
            before=PRESETS["careful"],
            after=PRESETS["bots_only"],
            loosens=loosened(PRESETS["careful"], PRESETS["bots_only"]),
            waits_hours=24,
            requested_by="device:x",
            statement_sha256="s",
        ),
    ]


def test_the_phone_shows_every_action_the_service_can_ask_for() -> None:
    made = {type(action).__struct_config__.tag: action for action in actions()}
    # That there is one of every type is held by the catalogue's own test.
    assert made.keys() <= service_actions.TEMPLATES.keys()
    assert set(service_actions.TEMPLATES.values()) == TEMPLATES.keys()
    for action_type, action in made.items():
        raw = service_actions.action_bytes(action)
        assert render(service_actions.TEMPLATES[action_type], raw).digest == sha256(raw)
