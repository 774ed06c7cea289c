"""Read a line of the dialogue. Pure; what cannot be read is refused with its reply."""

import base64
import binascii
import re

import msgspec

MAX_SIZE_BYTES = 1_048_576  # offered as SIZE; a mail of ours has a few thousand
PATH = re.compile(r"(FROM|TO):\s?<([^<>\s]*)>((?: [^\s]+)*)\Z", re.IGNORECASE)
ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z")
KNOWN_PARAMETERS = ("SIZE", "BODY", "SMTPUTF8", "AUTH")


class Refused(Exception):
    """The reply, code and text, that refuses a command; the dialogue goes on."""

    @property
    def reply(self) -> str:
        return str(self.args[0])


class Command(msgspec.Struct, frozen=True):
    verb: str
    argument: str


def read_command(line: bytes) -> Command:
    """Split a line into its verb, in capitals, and the rest.

    Raises
    ------
    Refused
        It is not UTF-8.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Refused("500 5.5.2 Command is not readable") from error
    verb, _, argument = text.rstrip("\r\n").partition(" ")
    return Command(verb.upper(), argument.strip())


def read_path(argument: str, keyword: str) -> str:
    """The address of ``FROM:<...>`` or ``TO:<...>``; empty for the null sender.

    Raises
    ------
    Refused
        The syntax is wrong, a parameter is unknown, or SIZE is over the limit.
    """
    match = PATH.match(argument)
    if match is None or match[1].upper() != keyword:
        raise Refused(f"501 5.5.4 Syntax: {keyword}:<address>")
    for parameter in match[3].split():
        name, _, value = parameter.partition("=")
        if name.upper() not in KNOWN_PARAMETERS:
            raise Refused(f"555 5.5.4 Unsupported option: {name}")
        if name.upper() == "SIZE" and not _fits(value):
            raise Refused("552 5.3.4 Message size exceeds fixed limit")
    address = match[2]
    if not ADDRESS.match(address) and (keyword == "TO" or address):
        raise Refused("501 5.1.3 Bad address syntax")
    return address


def read_plain(response: str) -> tuple[str, str]:
    """User name and password of AUTH PLAIN (RFC 4616); the identity to act as is not used.

    Raises
    ------
    Refused
        It is not three parts in base64.
    """
    parts = read_base64(response).split("\0")
    if len(parts) != 3:  # noqa: PLR2004 acting identity, user name, password
        raise Refused("501 5.5.2 Cannot decode response")
    return parts[1], parts[2]


def read_base64(response: str) -> str:
    """A response of AUTH; raises Refused when it is no base64 or was cancelled with "*"."""
    if response == "*":
        raise Refused("501 5.7.0 Authentication aborted")
    try:
        return base64.b64decode(response, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Refused("501 5.5.2 Cannot decode response") from error


def _fits(size: str) -> bool:
    return size.isascii() and size.isdecimal() and int(size[:20]) <= MAX_SIZE_BYTES
