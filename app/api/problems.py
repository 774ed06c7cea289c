"""Refusals as RFC 9457 problem documents: the only map from a code to an HTTP status."""

import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import (
    ClientException,
    MethodNotAllowedException,
    NotFoundException,
)

from app.accesslog.errors import LogUnavailable
from app.api import oauth_errors
from app.api.errors import BodyTooLarge, InternalFault, MethodNotAllowed, NotFound
from app.core.errors import DomainError, Malformed

PREFIX = "urn:tripcord:problem:"

UNLOGGABLE = "tripcord.unloggable"
"""Set in the scope when the log did not take an entry: nobody waits for it a second time."""

STATUS: dict[str, int] = {
    # the edge
    "malformed": 400,
    "token_missing": 401,
    "token_rejected": 401,
    "proof_rejected": 401,
    "nonce_required": 401,
    "insufficient_user_authentication": 401,
    "client_rejected": 401,
    "receipt_rejected": 401,
    "card_rejected": 401,
    "body_too_large": 413,
    "request_too_slow": 408,
    "grant_type_unsupported": 400,
    "token_type_unsupported": 400,
    "not_found": 404,
    "method_not_allowed": 405,
    "internal_fault": 500,
    "ciba_unauthorized_client": 400,
    "ciba_invalid_scope": 400,
    "ciba_unknown_user_id": 400,
    "ciba_expired_login_hint_token": 400,
    "ciba_invalid_binding_message": 400,
    "ciba_missing_user_code": 400,
    "ciba_invalid_user_code": 400,
    "ciba_request_denied": 403,
    "ciba_authorization_pending": 400,
    "ciba_slow_down": 400,
    "ciba_expired_token": 400,
    "ciba_access_denied": 400,
    "ciba_invalid_grant": 400,
    # not there, or not yours
    "approval_not_found": 404,
    "credential_not_found": 404,
    "token_not_found": 404,
    "session_not_found": 404,
    "revocation_not_found": 404,
    "card_not_found": 404,
    "device_not_found": 404,
    "order_not_found": 404,
    "trader_not_found": 404,
    "platform_not_found": 404,
    "grant_unknown": 404,
    "checkpoint_not_found": 404,
    "re_enrolment_not_found": 404,
    "factor_not_found": 404,
    "passkey_not_found": 404,
    "venue_not_found": 404,  # as yet only the operator's command tells it
    "webhook_not_found": 404,
    # not in this state
    "approval_not_pending": 409,
    "approval_not_approved": 409,
    "approval_not_redeemable": 409,
    "action_mismatch": 409,
    "credential_not_active": 409,
    "parent_not_active": 409,
    "sealing_key_gone": 409,
    "sequence_reused": 409,
    "session_code_missing": 409,
    "factor_needs_approval": 409,
    "factor_missing": 409,
    "link_refused": 409,
    "grant_refused": 409,
    "version_stale": 412,
    "policy_stale": 412,
    "precondition_failed": 412,
    "card_taken": 409,
    "clean_up_refused": 409,
    "own_device": 409,
    "re_enrolment_open": 409,
    "re_enrolment_over": 409,
    "waiting_time_not_over": 409,
    "passkey_challenge_gone": 409,
    "passkey_changed": 409,
    "recovery_codes_refused": 409,
    "nothing_to_lift": 409,
    "lift_refused": 409,
    "revoked_is_final": 409,
    "heartbeat_refused": 409,
    "platform_key_refused": 409,
    "webhook_not_active": 409,
    "too_many_webhooks": 409,
    "policy_change_waits": 409,
    "nothing_waits": 409,
    "rotation_under_way": 409,
    "no_number": 409,
    "last_factor": 409,
    "key_taken": 409,
    "factor_refused": 409,
    # no
    "totp_rejected": 403,
    "wrong_number": 403,
    "push_code_rejected": 403,
    "passkey_rejected": 403,
    "passkey_frozen": 403,
    "passkey_counter_regressed": 403,
    "factor_too_weak": 403,
    "device_rejected": 403,
    "statement_rejected": 403,
    "signature_rejected": 403,
    "enrolment_refused": 403,
    "re_enrolment_refused": 403,
    "policy_denies": 403,
    "veto_refused": 403,
    "evidence_forged": 403,
    "guardrail_refused": 403,
    "containment_forbids": 403,
    "venue_filter_refused": 403,
    "venue_permissions_refused": 403,
    "wider_than_parent": 403,
    "address_not_allowed": 403,
    "insufficient_scope": 403,
    "order_expired": 403,
    "loosening_needs_approval": 403,
    "statement_unproven": 403,
    # not so often
    "prompt_open": 429,
    "prompts_exhausted": 429,
    "prompt_cooling_down": 429,
    "requester_muted": 429,
    # understood, and wrong
    "key_rejected": 422,
    "factor_unnamed": 422,
    "invalid_authorization_details": 422,
    "policy_malformed": 422,
    "amount_refused": 422,
    "envelope_refused": 422,
    "proof_refused": 422,
    "algorithm_unsupported": 422,
    "venue_unknown": 422,
    "venue_verb_unsupported": 422,
    "venue_request_refused": 422,
    "venue_request_mismatch": 422,
    "release_refused": 422,
    "webhook_url_refused": 422,
    # too much
    "trader_busy": 429,
    "too_many_requests": 429,
    "totp_locked": 429,
    "too_many_sealing_keys": 429,
    "too_many_challenges": 429,
    # doubt means no
    "unavailable": 503,
    "overloaded": 503,
    "database_unavailable": 503,
    "log_unavailable": 503,
    "peer_unavailable": 503,
    "hsm_unavailable": 503,
    "hsm_pin_refused": 503,
    "hsm_module_refused": 503,
    "courier_absent": 503,
    "courier_busy": 503,
    "clock_doubt": 503,
    "market_unknown": 503,
    "venue_answer_unknown": 503,
}

_ALGS = 'algs="ES256 EdDSA"'
"""RFC 9449 section 7.1: what proofs may be signed with."""

_SCHEMES = {
    "token_missing": f"DPoP {_ALGS}",
    "token_rejected": f'DPoP error="invalid_token", {_ALGS}',
    "proof_rejected": f'DPoP error="invalid_dpop_proof", {_ALGS}',
    "nonce_required": f'DPoP error="use_dpop_nonce", {_ALGS}',
    "insufficient_user_authentication": 'DPoP error="insufficient_user_authentication"',
    "client_rejected": 'Bearer error="invalid_token"',
}
_LOG = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457. `rule` names the guardrail or field that refused, where the caller may know."""

    type: str
    title: str
    status: int
    detail: str
    rule: str | None = None
    node: str | None = None


def respond(error: DomainError) -> Response[bytes]:
    """Render a refusal. Texts of exceptions stay in the log, never on the wire."""
    status = STATUS.get(error.code, 500)
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_seconds:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if error.code in _SCHEMES:
        challenge = getattr(error, "challenge", "")
        headers["WWW-Authenticate"] = ", ".join(filter(None, (_SCHEMES[error.code], challenge)))
    problem = Problem(
        type=PREFIX + error.code,
        title=error.code.replace("_", " "),
        status=status,
        detail=error.sentence,
        rule=error.rule,
        node=error.node,
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def respond_at(path: str, error: DomainError) -> Response[bytes]:
    """Like `respond`, in the dialect of the route that was asked."""
    told = oauth_errors.told(path, error.code)
    if told is None:
        return respond(error)
    headers = {"Cache-Control": "no-store"}
    if error.code in oauth_errors.CHALLENGES:
        headers["WWW-Authenticate"] = oauth_errors.CHALLENGES[error.code]
    return Response(
        msgspec.json.encode(oauth_errors.ErrorBody(told.error, error.sentence)),
        status_code=told.status,
        media_type="application/json",
        headers=headers,
    )


def from_framework(error: Exception) -> DomainError:
    """What Litestar raised, in our words; anything unknown is a fault and only logged."""
    match error:
        case NotFoundException():
            return NotFound()
        case MethodNotAllowedException():
            return MethodNotAllowed()
        case ClientException() if error.status_code == BODY_TOO_LARGE_STATUS:
            return BodyTooLarge()
        case HTTPException() if error.status_code < FAULT_STATUS:
            return Malformed()
        case _:
            _LOG.error("request failed", exc_info=error)
            return InternalFault()


BODY_TOO_LARGE_STATUS = 413
FAULT_STATUS = 500


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Everything a handler raises ends here; `outer.Outer` logs it before it leaves."""
    if isinstance(error, LogUnavailable):
        request.scope[UNLOGGABLE] = True  # type: ignore[literal-required]
    return respond_at(request.scope["path"], in_our_words(error))


def in_our_words(error: Exception) -> DomainError:
    return error if isinstance(error, DomainError) else from_framework(error)
