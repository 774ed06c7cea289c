"""From the text of one setting to its value; each raises ValueError with the end of a sentence."""

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

from app.core.secret import Secret

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LogLevel = Literal["debug", "info", "warning", "error"]
HsmProfile = Literal["softhsm", "nss"]
NonceMode = Literal["when_stale", "required"]

_HIGHEST_PORT = 65535
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?\Z")
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_APPLE_APP = re.compile(r"[A-Z0-9]{10}\.[A-Za-z0-9.-]{1,155}\Z")


class AndroidApp(msgspec.Struct, frozen=True):
    """A package name and the SHA-256 of the certificate it is signed with, 32 bytes."""

    package: str
    certificate_sha256: bytes


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


def origins(raw: str) -> tuple[str, ...]:
    return tuple(origin(part) for part in _parts(raw))


def domain(raw: str) -> str:
    """Check a name that can be an RP ID: what browsers take, so no address and no single label."""
    if not (raw == "localhost" or _DOMAIN.match(raw)):
        raise ValueError(f"is not a domain such as cord.example: {raw!r}")
    return raw


def android_apps(raw: str) -> tuple[AndroidApp, ...]:
    found = []
    for part in _parts(raw):
        package, _, fingerprint = part.partition("=")
        digits = fingerprint.replace(":", "").lower()
        if not _PACKAGE.match(package) or not _SHA256.match(digits):
            raise ValueError(f"is not a list of package=SHA-256 in hex: {raw!r}")
        found.append(AndroidApp(package, bytes.fromhex(digits)))
    return tuple(found)


def apple_apps(raw: str) -> tuple[str, ...]:
    apps = tuple(_parts(raw))
    if not all(_APPLE_APP.match(app) for app in apps):
        raise ValueError(f"is not a list of team and bundle ids: {raw!r}")
    return apps


def _parts(raw: str) -> list[str]:
    return [part.strip() for part in raw.split(",") if part.strip()]


def database_dsn(raw: str) -> str:
    """Check a connection URL; one with a password is refused: it would be printed some day."""
    parts = urlsplit(text(raw))
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("is not a postgresql:// URL")
    if parts.password is not None or "password=" in parts.query:
        raise ValueError("must not hold the password; use the setting made for it, or its _FILE")
    return raw
