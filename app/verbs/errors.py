"""Refusals that came, or did not come, from another process."""

from app.core.errors import DomainError, Unavailable


class PeerUnavailable(Unavailable):
    """No connection to the process, or no answer in time."""

    code = "peer_unavailable"
    sentence = "A part this needs is not running right now, so nothing was done."


class RefusedByPeer(DomainError):
    """Another process's refusal, with its code and sentence."""

    def __init__(
        self, code: str, sentence: str, *, rule: str | None, node: str | None, retry: int
    ) -> None:
        super().__init__(rule=rule, node=node, retry_after_seconds=retry)
        self.code = code  # type: ignore[misc]  # an instance stands for any refusal here
        self.sentence = sentence  # type: ignore[misc]
        self.args = (code,)


RefusedByPeer.code = "refused_by_peer"
RefusedByPeer.sentence = "The request was refused."
