"""Every refusal there is has a status, a code of its own and a sentence for a person."""

import importlib
import json
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus

import pytest

import app
from app.api import oauth_errors
from app.api.problems import PREFIX, STATUS, respond, respond_at
from app.core.errors import DomainError
from app.verbs.envelopes import Refusal
from app.verbs.errors import RefusedByPeer

FORWARDED = RefusedByPeer
"""Carries another refusal's code and sentence; its own never leave a process."""

ONE_ANSWER = {
    "token_rejected": {"app.core.token.TokenMalformed", "app.tokens.errors.TokenRejected"},
    "venue_answer_unknown": {
        "app.exchanges.errors.VenueAnswerUnknown",
        "app.exchanges.errors.VenueSaidNo",
    },
    "totp_rejected": {"app.otp.errors.TotpRejected", "app.otp.errors.TotpReplayed"},
}
"""Different inside, and nobody outside may tell them apart: code and sentence are the same."""


def _descendants(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def _all_refusals() -> list[type[DomainError]]:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = {kind for kind in _descendants(DomainError) if kind.__module__.startswith("app.")}
    return sorted(ours - {FORWARDED}, key=lambda kind: (kind.__module__, kind.__name__))


REFUSALS = _all_refusals()


def _name(kind: type[DomainError]) -> str:
    return f"{kind.__module__}.{kind.__name__}"


@pytest.mark.parametrize("kind", REFUSALS, ids=_name)
def test_a_refusal_has_a_status_and_words_for_a_person(kind: type[DomainError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert 400 <= STATUS[kind.code] < 600
    assert re.fullmatch(r"[A-Z][^\n]{8,120}\.", kind.sentence)
    assert "_" not in kind.sentence


def test_no_code_means_two_things() -> None:
    by_code = defaultdict(set)
    for kind in REFUSALS:
        by_code[kind.code].add(kind)
    shared = {code: kinds for code, kinds in by_code.items() if len(kinds) > 1}
    assert {code: {_name(k) for k in kinds} for code, kinds in shared.items()} == ONE_ANSWER
    for kinds in shared.values():
        assert len({kind.sentence for kind in kinds}) == 1


def test_no_status_is_kept_for_a_refusal_that_is_gone() -> None:
    assert set(STATUS) == {kind.code for kind in REFUSALS}


def test_a_code_nobody_mapped_is_our_fault_and_not_a_yes() -> None:
    strange = RefusedByPeer(Refusal("never_heard_of", "No.", None, None, 0))
    assert respond(strange).status_code == 500


def test_a_refusal_says_when_to_come_back_and_which_rule_it_was() -> None:
    busy = RefusedByPeer(Refusal("trader_busy", "Too many requests.", "max_order", "n", 7))
    response = respond(busy)
    assert response.headers["Retry-After"] == "7"
    assert response.status_code == 429
    assert b'"rule":"max_order"' in response.content
    assert PREFIX.encode() + b"trader_busy" in response.content


def test_a_challenge_says_which_scheme_was_expected() -> None:
    schemes = {
        kind.code: respond(kind()).headers.get("WWW-Authenticate", "")
        for kind in REFUSALS
        if STATUS[kind.code] == HTTPStatus.UNAUTHORIZED
    }
    algs = 'algs="ES256 EdDSA"'
    assert {code: scheme for code, scheme in schemes.items() if scheme} == {
        "token_missing": f"DPoP {algs}",
        "token_rejected": f'DPoP error="invalid_token", {algs}',
        "proof_rejected": f'DPoP error="invalid_dpop_proof", {algs}',
        "nonce_required": f'DPoP error="use_dpop_nonce", {algs}',
        "insufficient_user_authentication": 'DPoP error="insufficient_user_authentication"',
        "client_rejected": 'Bearer error="invalid_token"',
    }


@pytest.mark.parametrize("code", oauth_errors.ERRORS)
def test_what_oauth_has_a_word_for_is_said_in_it_and_only_there(code: str) -> None:
    kind = next(kind for kind in REFUSALS if kind.code == code)
    for path in ("/v1/tokens", "/oauth", "/v1/oauth/token"):
        assert respond_at(path, kind()).media_type == "application/problem+json"
    response = respond_at("/oauth/token", kind())
    assert response.media_type == "application/json"
    body = json.loads(response.content)
    assert body == {"error": oauth_errors.ERRORS[code].error, "error_description": kind.sentence}
    assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)


@pytest.mark.parametrize("code", oauth_errors.TOKEN_ERRORS)
def test_a_proof_is_told_of_in_oauths_words_at_the_token_endpoint_alone(code: str) -> None:
    """RFC 9449: 400 at the authorization server (section 8), 401 at a resource (section 9)."""
    kind = next(kind for kind in REFUSALS if kind.code == code)
    told = respond_at("/oauth/token", kind())
    assert told.status_code == 400
    assert json.loads(told.content)["error"] == oauth_errors.TOKEN_ERRORS[code].error
    for path in ("/oauth/revoke", "/v1/tokens"):
        assert respond_at(path, kind()).status_code == 401
