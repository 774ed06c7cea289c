"""The phone's end of push: a doorbell. It says that something waits, never what.

In the demo the messages come from `mock_push`; on a real phone the operating system hands the
same `data` to the app. Delivery is at least once and in any order, so the phone remembers what
it has heard and fetches the matter itself from the API, with its own key.
"""

import time
from dataclasses import dataclass
from typing import Any

from scripts.clients.encoding import Json, Secret
from scripts.clients.http import Api

VERSION = "1"
_POLL_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Doorbell:
    kind: str
    """`approval`, `login`, `revoked` or `security`."""

    rid: str
    """Names the request; random, and worth nothing to whoever reads it on the way."""

    message: Json
    """The whole message as it was delivered, to show how little is in it."""


class NoDoorbell(Exception):
    """Nothing rang in time. The app goes on by polling (P9)."""


class TalkativePush(Exception):
    """A push message carried more than a doorbell may."""


class Inbox:
    """One virtual phone at the push service."""

    def __init__(self, push: Api) -> None:
        self._push = push
        answer = push.call("POST", "/mock/phones", json={"kind": "fid"})
        self._registration = Secret(answer.body["registration"])
        self._after = 0
        self._heard: set[tuple[str, str]] = set()
        self._unanswered: list[Doorbell] = []

    def registration(self) -> Json:
        """What the phone tells Tripcord about itself: a Firebase installation id."""
        return {"provider": "fcm", "registration": self._registration.reveal(), "kind": "fid"}

    def wait_for(self, kind: str, *, seconds: float) -> Doorbell:
        """Long-poll until a doorbell of this kind rings that was not heard before.

        Raises
        ------
        NoDoorbell
            None within `seconds`.
        TalkativePush
            A message with anything in its data but `v`, `t` and `rid`.
        """
        deadline = time.monotonic() + seconds
        while True:
            for doorbell in self._unanswered:
                if doorbell.kind == kind:
                    self._unanswered.remove(doorbell)
                    return doorbell
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoDoorbell(kind)
            self._listen(min(_POLL_SECONDS, left))

    def _listen(self, wait: float) -> None:
        answer = self._push.call(
            "GET",
            f"/mock/phones/{self._registration.reveal()}/messages",
            query={"after": self._after, "wait": max(1, round(wait))},
        )
        for item in answer.body["items"]:
            self._after = max(self._after, int(item["n"]))
            doorbell = _doorbell(item["message"])
            if (key := (doorbell.kind, doorbell.rid)) not in self._heard:
                self._heard.add(key)
                self._unanswered.append(doorbell)


def _doorbell(message: Any) -> Doorbell:
    data = message.get("data")
    if not isinstance(data, dict) or data.keys() != {"v", "t", "rid"} or data["v"] != VERSION:
        raise TalkativePush("a push message is not the doorbell that was agreed")
    return Doorbell(data["t"], data["rid"], message)
