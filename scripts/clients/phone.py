"""The trader's phone: seals, approves, watches, and holds the cord; enrolled as a `Device`.

Everything a mobile app needs of the API is a method here, in the order an app meets it. Each
statement of effect is signed with the device key; each secret leaves the phone only sealed.
"""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx

from scripts.clients import statements
from scripts.clients.approvals import (
    Approval,
    Decision,
    Prompt,
    approval_from,
    method_for,
    needs_code,
    open_prompt,
)
from scripts.clients.codes import CodeBook, Watch, new_seed
from scripts.clients.cord import Receipt, Reported, receipt_from, reported_from
from scripts.clients.encoding import Json, Secret
from scripts.clients.events import EventFeed
from scripts.clients.inbox import Doorbell, Inbox, NoDoorbell
from scripts.clients.passkeys import PasskeyDevice
from scripts.clients.seal import SealingKey, check_sealing_key, link_proof, seal

_LONG_POLL_SECONDS = 20
_POLL_SECONDS = 0.3


class NothingPending(Exception):
    """The approval that was expected is not there."""


class Phone(PasskeyDevice):
    def __init__(
        self,
        *,
        name: str,
        inbox: Inbox | None,
        watch: Watch | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(name=name, inbox=inbox, transport=transport)
        self._watch = watch
        self._codes: CodeBook | None = None

    # --- the authenticator ---------------------------------------------------------------------

    def enrol_totp(self, *, label: str, algorithm: str = "SHA1", digits: int = 6) -> UUID:
        """Make a seed, seal it to the HSM, and confirm with the first code."""
        device_id, seed = self.account.device_id, new_seed(algorithm)
        key = self.sealing_key("totp")
        envelope = seal(seed, key, subject=str(device_id), algorithm=algorithm)
        claims = statements.bind_factor(
            device_id, key, envelope, algorithm=algorithm, digits=digits, label=label
        )
        codes = CodeBook(seed, algorithm=algorithm, digits=digits, watch=self._watch)
        body = {
            "statement": self.key.statement(claims),
            "envelope": envelope.wire(),
            "code": codes.next_code(),
        }
        answer = self.call("POST", "/v1/factors/totp", body)
        self._codes = codes
        return UUID(answer.body["factor_id"])

    def next_code(self) -> str:
        """The next unused code, as the person would read it off the authenticator."""
        if self._codes is None:
            raise RuntimeError("enrol an authenticator first")
        return self._codes.next_code()

    # --- exchange keys -------------------------------------------------------------------------

    def link_key(
        self,
        *,
        venue: str,
        api_key_id: str,
        secret: Secret,
        label: str,
        algorithm: str = "hmac-sha256",
    ) -> UUID:
        """Seal an exchange secret to the HSM and propose the link; returns the credential's id.

        The venue is asked about the key's rights before anybody is asked to approve it.
        """
        trader_id, raw = self.account.trader_id, secret.reveal().encode()
        key = self.sealing_key("exchange")
        envelope = seal(raw, key, subject=f"{venue}/{api_key_id}", algorithm=algorithm)
        claims = statements.link(
            self.account.device_id, key, envelope, venue=venue, api_key_id=api_key_id, label=label
        )
        proof = link_proof(
            raw,
            trader_id=trader_id,
            venue=venue,
            api_key_id=api_key_id,
            algorithm=algorithm,
            point=envelope.ephemeral,
        )
        body = {
            "statement": self.key.statement(claims),
            "envelope": envelope.wire(),
            "algorithm": algorithm,
            "proof": proof,
        }
        return UUID(self.call("POST", "/v1/exchange-credentials", body).body["credential_id"])

    def credential(self, credential_id: UUID) -> Json:
        return dict(self.call("GET", f"/v1/exchange-credentials/{credential_id}").body)

    def await_credential(
        self, credential_id: UUID, *, until: Callable[[Json], bool], seconds: float
    ) -> Json:
        """Poll one link: first for the venue's answer, after the approval for `active`."""
        deadline = time.monotonic() + seconds
        while not until(view := self.credential(credential_id)):
            if time.monotonic() >= deadline:
                raise NothingPending(f"the link is still {view['state']} after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
        return view

    # --- approvals -----------------------------------------------------------------------------

    def await_doorbell(self, kind: str, *, seconds: float) -> Doorbell:
        """Sleep until push rings. An app without push goes straight to `await_approval`."""
        if self.inbox is None:
            raise NoDoorbell("this phone has no push registration")
        return self.inbox.wait_for(kind, seconds=seconds)

    def pending(self, *, wait_seconds: int = 0) -> list[Approval]:
        """What waits for a decision. This is the truth; push only says that it is worth asking."""
        query: dict[str, str | int] = {"state": "pending"}
        if wait_seconds:
            query["wait"] = wait_seconds
        answer = self.api.call("GET", "/v1/approvals", auth=self.auth, query=query)
        return [approval_from(item) for item in answer.body["items"]]

    def await_approval(
        self,
        *,
        template: str,
        approval_id: UUID | None = None,
        seconds: float = _LONG_POLL_SECONDS,
    ) -> Prompt:
        """Long-poll for one approval and open it, which renders it on this phone."""
        deadline, wait = time.monotonic() + seconds, 0
        while True:
            for approval in self.pending(wait_seconds=wait):
                if approval.template == template and approval_id in {None, approval.approval_id}:
                    return open_prompt(approval)
            left = deadline - time.monotonic()
            if left <= 0:
                raise NothingPending(f"no {template} approval within {seconds:.0f} s")
            wait = max(1, min(_LONG_POLL_SECONDS, round(left)))
            time.sleep(_POLL_SECONDS)  # a list of other matters answers a long poll at once

    def decide(self, prompt: Prompt, decision: Decision) -> Json:
        """Sign the decision over the digest this phone computed, and send it."""
        approval = prompt.approval
        # The code first: waiting for a new one would leave the statement's `iat` in the past.
        code = {"code": self.next_code()} if needs_code(prompt, decision) else {}
        claims = statements.decision(
            self.account.trader_id,
            self.account.device_id,
            approval_id=approval.approval_id,
            nonce=approval.nonce,
            shown_digest=prompt.screen.digest,
            verdict=decision.value,
            method=method_for(decision),
        )
        body = {"statement": self.key.statement(claims), **code}
        path = f"/v1/approvals/{approval.approval_id}/decision"
        return dict(self.call("POST", path, body).body)

    def set_user_code(self, user_code: str) -> None:
        """From now on a platform that asks by CIBA must know this code before I am rung."""
        self.call("PUT", "/v1/user-code", {"user_code": user_code})

    # --- the tree ------------------------------------------------------------------------------

    def node(self, token_id: UUID) -> Json:
        """One node: its state, the limits in force, and the version to narrow."""
        return dict(self.call("GET", f"/v1/tokens/{token_id}").body)

    def narrow(self, token_id: UUID, **limits: Any) -> int:
        """Less for a node and all beneath it, at once: one signature of this phone, no code.

        `limits` are among markets, allocation, max_order, free_limit, expires_at, scope,
        ip_networks and lease_hours; `ladder.narrowing_radius` tells before what they would do.
        Returns the new version.
        """
        claims = statements.narrow(
            self.account.trader_id,
            self.account.device_id,
            token_id=token_id,
            version=self.node(token_id)["version"],
            limits=limits,
        )
        body = {"statement": self.key.statement(claims)}
        return int(self.call("PATCH", f"/v1/tokens/{token_id}/limits", body).body["version"])

    def ask_networks(self, token_id: UUID, ip_networks: list[str]) -> UUID:
        """Ask for other addresses, wider ones perhaps: then approve it. Returns the approval."""
        body = {"ip_networks": ip_networks}
        answer = self.call("POST", f"/v1/tokens/{token_id}/ip-networks", body)
        return UUID(answer.body["approval_id"])

    # --- watching and the cord -----------------------------------------------------------------

    def events(self, *, after: int | None = None) -> EventFeed:
        """What happens to the trader, live; `after` is the last position this phone heard of."""
        return EventFeed(self.api, self.auth, after=after)

    def balances(self) -> list[Json]:
        return list(self.call("GET", "/v1/balances").body["items"])

    def open_orders(self) -> list[Json]:
        answer = self.api.call("GET", "/v1/orders", auth=self.auth, query={"state": "open"})
        return list(answer.body["items"])

    def pull_the_cord(self, *, mode: str | None = None) -> Receipt:
        """Revoke everything at once. One factor (this device), no code, no second question.

        `mode` is what clean-up cancels, `cancel_entries` or `cancel_all`; None is the setting.
        """
        return receipt_from(self.call("POST", "/v1/break-glass", {"mode": mode} if mode else {}))

    def revoke(self, token_id: UUID, *, mode: str | None = None) -> Receipt:
        """Revoke one node and everything beneath it: a bot, a key, a session."""
        query: dict[str, str | int] = {"mode": mode} if mode else {}
        path = f"/v1/tokens/{token_id}"
        return receipt_from(self.api.call("DELETE", path, auth=self.auth, query=query))

    def choose_cleanup(self, mode: str) -> None:
        """What clean-up does after a revoke that does not say it, whoever revokes."""
        self.call("PUT", "/v1/traders/settings", {"cleanup_mode": mode})

    def not_me(self, session_id: UUID) -> Reported:
        """That sign-in was not me: one tap ends it, and what it made."""
        return reported_from(self.call("POST", f"/v1/sessions/{session_id}/not-me"))

    def report_lost(self, device_id: UUID) -> Reported:
        """Another of my devices is lost: one tap cuts it off."""
        return reported_from(self.call("POST", f"/v1/devices/{device_id}/lost"))

    def cards(self) -> list[Json]:
        return list(self.call("GET", "/v1/revocation-cards").body["items"])

    def remove_card(self, card_id: UUID) -> None:
        """Make a lost card useless. Make the new one first."""
        self.call("DELETE", f"/v1/revocation-cards/{card_id}")

    def sealing_key(self, purpose: str) -> SealingKey:
        """A one-time key to seal a secret to, checked with the pinned identity key."""
        answer = self.call("POST", "/v1/sealing-keys", {"purpose": purpose})
        return check_sealing_key(
            answer.body,
            identity_jwk=self.account.identity_jwk,
            expected_trader_id=self.account.trader_id,
            expected_purpose=purpose,
        )
