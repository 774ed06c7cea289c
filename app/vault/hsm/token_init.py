"""Make a token with all its keys, completely or not at all."""

import ctypes
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from pkcs11 import TokenFlag
from pkcs11 import exceptions as p11

from app.vault.errors import HsmUnavailable
from app.vault.hsm.attributes import Mapper
from app.vault.hsm.keys import add_issuer_key, find_keys, generate_keys
from app.vault.hsm.module import CONFIG_FILE, Hsm, load_module, log_in, open_hsm
from app.vault.hsm.profiles import PROFILES, Profile

_LABEL_BYTES: Final = 32
"""C_InitToken takes the label padded with blanks to this length (PKCS#11 2.40 section 5.5)."""


def ensure_token(
    *, module: Path, profile: str, directory: Path, token_label: str, pin: bytes
) -> dict[str, str]:
    """Make the token if `directory` has none, and return the check values of its keys.

    A new token is built beside its place, keys included, and renamed into it, so that a crash
    leaves either no token or a whole one. The security officer's PIN is random and forgotten: what
    it could do for us is reset a user PIN, and what it could do for a thief is the same. An
    existing token is logged in to and checked; all that is ever added to one is the issuer key,
    which tokens of earlier versions lack.

    Raises
    ------
    PinRefused, ModuleRefused, HsmUnavailable
        See `open_hsm` and `find_keys`.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    chosen = PROFILES[profile]
    if (directory / "tokens").exists():
        write_config(directory)
        hsm = open_hsm(
            module=module, profile=profile, directory=directory, token_label=token_label, pin=pin
        )
        add_issuer_key(hsm)
        return find_keys(hsm, expected_check_values=None).check_values
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=directory))
    try:
        (building / "tokens").mkdir(mode=0o700)
        write_config(building)
        check_values = _build(module, chosen, building, token_label, pin)
        _move_into_place(building / "tokens", directory / "tokens")
    finally:
        shutil.rmtree(building, ignore_errors=True)
    write_config(directory)
    return check_values


def write_config(directory: Path) -> None:
    """SoftHSM's configuration, which other modules ignore. Debian builds the file backend only."""
    lines = (
        f"directories.tokendir = {(directory / 'tokens').resolve()}",
        "objectstore.backend = file",
        "log.level = ERROR",
        "slots.removable = false",
    )
    path = directory / CONFIG_FILE
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n")
    fresh.chmod(0o600)
    fresh.replace(path)


def _move_into_place(built: Path, place: Path) -> None:
    try:
        built.rename(place)
    except OSError:
        raise HsmUnavailable(rule="another process made the token first") from None


def _build(
    module: Path, profile: Profile, directory: Path, token_label: str, pin: bytes
) -> dict[str, str]:
    library = load_module(module, profile, directory, token_label)
    try:
        if profile.name == "softhsm":
            so_pin = secrets.token_hex(16)
            _init_token(module, library.get_slots()[0].slot_id, so_pin, token_label)
        else:
            so_pin = ""  # a new NSS database has an empty one; it is lost with init_pin
        token = library.get_token(token_label=token_label)
        officer = token.open(rw=True, so_pin=so_pin)
        officer.init_pin(pin.decode())
        officer.close()
        mapper = Mapper()
        token = library.get_token(token_label=token_label)
        if not token.flags & TokenFlag.USER_PIN_INITIALIZED:
            raise HsmUnavailable(rule="PIN was not set")
        hsm = Hsm(profile, token, log_in(token, pin, mapper), mapper)
        generate_keys(hsm)
        check_values = find_keys(hsm, expected_check_values=None).check_values
        hsm.session.close()
    except p11.PKCS11Error as failure:
        raise HsmUnavailable(rule=f"token set-up: {type(failure).__name__}") from None
    finally:
        library.finalize()
    return check_values


def _init_token(module: Path, slot_id: int, so_pin: str, token_label: str) -> None:
    """C_InitToken, which python-pkcs11 lacks; `softhsm2-util` would show PINs in the process list.

    Raises
    ------
    HsmUnavailable
        The module returned an error.
    """
    library: Any = ctypes.CDLL(str(module))
    pin = so_pin.encode()
    label = token_label.encode().ljust(_LABEL_BYTES)
    if len(label) != _LABEL_BYTES or os.sep in token_label:
        raise HsmUnavailable(rule="token label")
    if library.C_InitToken(ctypes.c_ulong(slot_id), pin, ctypes.c_ulong(len(pin)), label) != 0:
        raise HsmUnavailable(rule="C_InitToken")
