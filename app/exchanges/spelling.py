"""How venues spell the bytes of a signature."""

import base64
from collections.abc import Callable
from typing import Literal

Spelling = Literal["hex", "base64", "base64url"]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


SPELLINGS: dict[Spelling, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": _base64,
    "base64url": _base64url,
}
