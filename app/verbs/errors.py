"""Refusals that came, or did not come, from another process."""

from app.core.errors import DomainError, Unavailable
from app.verbs.envelopes import Refusal


class PeerUnavailable(Unavailable):
    """No connection to the process, or no answer in time."""

    code = "peer_unavailable"
    sentence = "A part this needs is not running right now, so nothing was done."


class RefusedByPeer(DomainError):
    """Another process's refusal, with its code and sentence.

    `logged` says whether that process has it in the access log already.
    """

    code = "refused_by_peer"
    sentence = "The request was refused."

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(
            rule=refusal.rule,
            node=refusal.node,
            retry_after_seconds=refusal.retry_after_seconds,
        )
        self.code = refusal.code  # type: ignore[misc]  # an instance stands for any refusal here
        self.sentence = refusal.sentence  # type: ignore[misc]
        self.args = (refusal.code,)
        self.logged = refusal.logged
