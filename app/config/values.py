"""From the text of one setting to its value; each raises ValueError with the end of a sentence."""

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from app.core.secret import Secret

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LogLevel = Literal["debug", "info", "warning", "error"]
HsmProfile = Literal["softhsm", "nss"]
NonceMode = Literal["when_stale", "required"]

_HIGHEST_PORT = 65535


def text(raw: str) -> str:
    if not raw or raw != raw.strip():
        raise ValueError("is empty or has spaces around it")
    return raw


def path(raw: str) -> Path:
    return Path(text(raw)).expanduser().absolute()


def secret(raw: str) -> Secret:
    if not raw:
        raise ValueError("is empty")
    return Secret(raw.encode())


def file_content(raw: str) -> str:
    """Text of a secret's file, less the one newline that editors put at the end."""
    try:
        return path(raw).read_text().removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        # The reason only: the content must not reach a message, and the path is known.
        raise ValueError("names a file that cannot be read as text (_FILE form)") from None


def port(raw: str) -> int:
    if not (raw.isascii() and raw.isdecimal()) or int(raw) > _HIGHEST_PORT:
        raise ValueError(f"is not a port: {raw!r}")
    return int(raw)


def re_enrolment_hours(raw: str) -> timedelta:
    if not (raw.isascii() and raw.isdecimal()) or not 24 <= int(raw) <= 720:  # noqa: PLR2004
        raise ValueError(f"is not a number of hours from 24 to 720: {raw!r}")
    return timedelta(hours=int(raw))


def uids(raw: str) -> frozenset[int]:
    parts = [part.strip() for part in raw.split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise ValueError(f"is not a list of uids: {raw!r}")
    return frozenset(map(int, parts))


def yes_or_no(raw: str) -> bool:
    if raw not in {"yes", "no"}:
        raise ValueError(f"is neither yes nor no: {raw!r}")
    return raw == "yes"


def networks(raw: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in raw.split(",") if part.strip())
    except ValueError as wrong:
        raise ValueError(f"is not a list of CIDR networks: {wrong}") from None


def log_level(raw: str) -> LogLevel:
    for level in get_args(LogLevel):
        if raw == level:
            return level  # type: ignore[no-any-return]
    raise ValueError(f"is not one of {', '.join(get_args(LogLevel))}: {raw!r}")


def profile(raw: str) -> HsmProfile:
    for name in get_args(HsmProfile):
        if raw == name:
            return name  # type: ignore[no-any-return]
    raise ValueError(f"is not one of {', '.join(get_args(HsmProfile))}: {raw!r}")


def nonce_mode(raw: str) -> NonceMode:
    for name in get_args(NonceMode):
        if raw == name:
            return name  # type: ignore[no-any-return]
    raise ValueError(f"is not one of {', '.join(get_args(NonceMode))}: {raw!r}")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by itself; a name other than localhost never is."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def origin(raw: str) -> str:
    """Check an origin: scheme, host and port; https, or http on loopback."""
    parts = urlsplit(text(raw))
    host = parts.hostname or ""
    if (
        parts.scheme not in {"http", "https"}
        or raw != f"{parts.scheme}://{parts.netloc}"
        or not host
        or parts.port == 0
    ):
        raise ValueError(f"is not an origin such as https://cord.example: {raw!r}")
    if "@" in parts.netloc:
        raise ValueError("must not hold a login")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"is plain HTTP outside loopback: {raw!r}")
    return raw


def database_dsn(raw: str) -> str:
    """Check a connection URL; one with a password is refused: it would be printed some day."""
    parts = urlsplit(text(raw))
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("is not a postgresql:// URL")
    if parts.password is not None or "password=" in parts.query:
        raise ValueError("must not hold the password; use the setting made for it, or its _FILE")
    return raw
