"""The HSM token of the embedded default, and `tripcord hsm init` for a configured one."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from app.cli.accounts import spawn_as
from app.cli.errors import CommandRefused
from app.cli.places import write_private
from app.cli.site import Site
from app.cli.supervisor import python_module
from app.config import HsmSettings
from app.core.secret import Secret

SETUP_SECONDS = 120
ISSUER = "issuer-v1"
TOKEN_LABEL = "tripcord"  # noqa: S105 - a label

_SOFTHSM = "softhsm/libsofthsm2.so"
_LIBRARY_ROOTS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")


class _Made(msgspec.Struct, frozen=True):
    check_values: dict[str, str]


def find_softhsm() -> Path:
    """Where the system keeps SoftHSM's module.

    Raises
    ------
    CommandRefused
        It is not installed.
    """
    for root in map(Path, _LIBRARY_ROOTS):
        for found in (root / _SOFTHSM, *root.glob(f"*/{_SOFTHSM}")):
            if found.exists():
                return found
    raise CommandRefused(
        "SoftHSM is missing: install the package softhsm2, or set TRIPCORD_HSM_MODULE."
    )


def ensure_embedded_token(site: Site, module: Path) -> Path:
    """Make the token on the first run, as the signer's account; returns the check-value file.

    The check values are pinned once. Later runs leave them alone: it is the signer that compares.
    A token of an earlier version lacks the issuer key: it is made and pinned, if all other keys are
    the pinned ones.

    Raises
    ------
    CommandRefused
        The token could not be made, or a key in it is not the pinned one.
    """
    directory = site.own_directory("signer", "hsm")
    pinned = directory / "check_values.json"
    known = msgspec.json.decode(pinned.read_bytes(), type=dict[str, str]) if pinned.exists() else {}
    if known and ISSUER in known:
        return pinned
    account = site.account("signer")
    pin_file = site.secrets.file("hsm_pin", reader=account)
    values = make_token(
        *("--dir", str(directory), "--pin-file", str(pin_file), "--module", str(module)),
        *("--token-label", TOKEN_LABEL),
        site=site,
    )
    if known and values | known != values:
        raise CommandRefused("the HSM's keys differ from the pinned ones; nothing was pinned anew.")
    write_private(pinned, msgspec.json.encode(values), account)
    return pinned


def make_token(*arguments: str, site: Site | None = None) -> dict[str, str]:
    """Run the vault's set-up in a process of its own; returns the keys' check values.

    Raises
    ------
    CommandRefused
        The module, the PIN or the keys were refused; carries the set-up's sentence.
    """
    account = None if site is None else site.account("signer")
    made = subprocess.run(  # noqa: S603 - our own module
        python_module("app.vault.setup", *arguments),
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        timeout=SETUP_SECONDS,
        check=False,
        umask=0o077,
        **spawn_as(account),
    )
    if made.returncode != 0:
        reason = made.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason"]
        raise CommandRefused(f"the HSM token could not be made: {reason[0]}")
    return msgspec.json.decode(made.stdout, type=_Made).check_values


def init_token(settings: HsmSettings) -> dict[str, str]:
    """Make the configured token unless it exists; returns the keys' check values to pin."""
    if settings.hsm_directory is None:
        raise CommandRefused("TRIPCORD_HSM_DIRECTORY is not set, so there is no token to make.")
    with _as_file(settings.hsm_pin) as pin_file:
        return make_token(
            *("--dir", str(settings.hsm_directory), "--pin-file", str(pin_file)),
            *("--module", str(settings.hsm_module), "--profile", settings.hsm_profile),
            *("--token-label", settings.hsm_token_label),
        )


@contextmanager
def _as_file(secret: Secret) -> Iterator[Path]:
    # A file, because arguments and the environment of a process are seen by others.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pin"
        write_private(path, secret.reveal())
        yield path
