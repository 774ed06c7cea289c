"""What stands around a verb on its socket: the call, the reply, the refusal."""

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """A DomainError on the wire."""

    code: str
    sentence: str
    rule: str | None
    node: str | None
    retry_after_seconds: int
    logged: bool = False


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result, or the refusal; an empty result only comes with a refusal."""

    id: int
    result: msgspec.Raw = msgspec.Raw()
    refusal: Refusal | None = None


class Call(msgspec.Struct, frozen=True):
    id: int
    request: msgspec.Raw
