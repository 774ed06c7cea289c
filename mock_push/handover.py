"""Give a secret to a sender, in a file of its own, and what verifies it to the mock."""

import os
import re
from pathlib import Path

import httpx
import msgspec

HTTP_URL = re.compile(r"https?://[^/\s?#]+\Z")
TIMEOUT_SECONDS = 10.0


class CredentialsError(Exception):
    """No credentials were made; nothing was written."""


def check_request(*, out: Path, url: str, replace: bool) -> str:
    """The address without a slash at its end.

    Raises
    ------
    CredentialsError
        It is no address, or the file exists and shall not be replaced.
    """
    url = url.rstrip("/")
    if not HTTP_URL.match(url):
        raise CredentialsError(f"{url!r} is not an http address such as http://127.0.0.1:8085.")
    if out.exists() and not replace:
        raise CredentialsError(f"{out} exists; a sender may be using it. See --replace.")
    return url


def hand_over(url: str, collection: str, public_half: msgspec.Struct) -> None:
    """Make the running mock know a sender.

    Raises
    ------
    CredentialsError
        The mock did not take it.
    """
    try:
        reply = httpx.post(
            f"{url}/mock/{collection}",
            content=msgspec.json.encode(public_half),
            headers={"Content-Type": "application/json"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
        reply.raise_for_status()
    except httpx.HTTPError as error:
        raise CredentialsError(
            f"The mock at {url} did not take the key ({error}). Start it, or name its --data."
        ) from error


def write_private(out: Path, content: bytes, *, replace: bool) -> None:
    """Mode 600 from the first byte on; never over a file that appeared meanwhile."""
    beside = out.with_name(f".{out.name}.{os.getpid()}.new") if replace else out
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if replace:
            beside.replace(out)
    except OSError as error:
        raise CredentialsError(f"{out} could not be written: {error.strerror}.") from error
