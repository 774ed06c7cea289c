"""Live events: what happens to the trader, without a gap over lost connections.

An event carries ids, never details: fetch what it names with a proof of its own. Remember the last
`position` on disk: it is all that is needed to go on where this phone left off, after a lost
connection or a week in a drawer.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts.clients.encoding import Json
from scripts.clients.http import Api, Auth, Unreachable

_FINAL = frozenset({"revoked", "replaced"})
"""Reasons after which opening the stream again is wrong: our end, or another app of ours."""

_PAUSE_SECONDS = 2.0


class StreamEnded(Exception):
    """The service ended the stream for good; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """`kind` is approval, login, revocation, token or notice; `data` has ids and the log's word."""

    position: int
    kind: str
    data: Json


class EventFeed:
    """Iterate over it for ever: it reconnects by itself, each time with a fresh proof."""

    def __init__(self, api: Api, auth: Auth, *, after: int | None = None) -> None:
        self._api, self._auth = api, auth
        self.position = after

    def __iter__(self) -> Iterator[LiveEvent]:
        while True:
            try:
                yield from self.connect()
            except Unreachable:
                time.sleep(_PAUSE_SECONDS)

    def connect(self, *, wait_seconds: int | None = None) -> Iterator[LiveEvent]:
        """One connection: events until it is lost or ended by the service.

        Raises
        ------
        Refused
            The token may not hear this, or not any more.
        StreamEnded
            As above, said in the stream.
        Unreachable
            The connection was lost; what was missed comes with the next.
        """
        headers = {} if self.position is None else {"Last-Event-ID": str(self.position)}
        query = {} if wait_seconds is None else {"wait": wait_seconds}
        with self._api.stream("/v1/events", auth=self._auth, headers=headers, query=query) as lines:
            for kind, position, data in parse(lines):
                if kind == "end":
                    if data["reason"] in _FINAL:
                        raise StreamEnded(data["reason"])
                    return
                if position is not None:
                    self.position = position
                if kind != "open" and position is not None:
                    yield LiveEvent(position, kind, data)


def parse(lines: Iterable[str]) -> Iterator[tuple[str, int | None, Json]]:
    """(event, id, data) of each event of a `text/event-stream`; half an event is no event."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            position = int(fields["id"]) if "id" in fields else None
            yield fields.get("event", "message"), position, json.loads(fields["data"])
            fields = {}
