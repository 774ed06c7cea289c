"""Further authenticator apps: added and removed by approval; a code then says which it is of."""

from dataclasses import dataclass
from uuid import UUID

from scripts.clients import statements
from scripts.clients.approvals import Prompt
from scripts.clients.codes import CodeBook, new_seed
from scripts.clients.encoding import Json
from scripts.clients.phone import Phone
from scripts.clients.seal import seal


@dataclass(frozen=True, slots=True)
class Adding:
    """An authenticator that waits for its approval, `approval_id`. Its seed was sealed once."""

    phone: Phone
    codes: CodeBook
    body: Json
    approval_id: UUID

    def finish(self) -> UUID:
        """Send the same again with the approval, and a code of now; within ten minutes."""
        body = {
            **self.body,
            "approval_id": str(self.approval_id),
            "code": self.codes.next_code(),
        }
        return UUID(self.phone.call("POST", "/v1/factors/totp", body).body["factor_id"])


def begin_adding(phone: Phone, *, label: str, algorithm: str = "SHA1", digits: int = 6) -> Adding:
    """Seal a seed and ask; then approve `factor_add/1` with what there is, and `finish`."""
    device_id, seed = phone.account.device_id, new_seed(algorithm)
    key = phone.sealing_key("totp")
    envelope = seal(seed, key, subject=str(device_id), algorithm=algorithm)
    claims = statements.bind_factor(
        device_id, key, envelope, algorithm=algorithm, digits=digits, label=label
    )
    body = {"statement": phone.key.statement(claims), "envelope": envelope.wire()}
    # The code is looked at in the second call only.
    answer = phone.call("POST", "/v1/factors/totp", {**body, "code": "-"})
    codes = CodeBook(seed, algorithm=algorithm, digits=digits)
    return Adding(phone, codes, body, UUID(answer.body["approval_id"]))


def listed(phone: Phone) -> list[Json]:
    return list(phone.call("GET", "/v1/factors").body["items"])


def ask_removal(phone: Phone, factor_id: UUID) -> UUID:
    """Ask to take an authenticator away for good; then approve `factor_remove/1`."""
    return UUID(phone.call("DELETE", f"/v1/factors/totp/{factor_id}").body["approval_id"])


def approve_with(phone: Phone, prompt: Prompt, factor_id: UUID, code: str) -> Json:
    """Say yes with a code of the authenticator that is named."""
    approval, account = prompt.approval, phone.account
    claims = statements.decision(
        account.trader_id,
        account.device_id,
        approval_id=approval.approval_id,
        nonce=approval.nonce,
        shown_digest=prompt.screen.digest,
        verdict="approve",
        method="totp",
    )
    body = {
        "statement": phone.key.statement(claims),
        "code": code,
        "factor_id": str(factor_id),
    }
    path = f"/v1/approvals/{approval.approval_id}/decision"
    return dict(phone.call("POST", path, body).body)
