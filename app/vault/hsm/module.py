"""Open one module, one token and one session, and log in once."""

import os
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import TokenFlag
from pkcs11 import exceptions as p11

from app.vault.errors import HsmUnavailable, ModuleRefused, PinRefused
from app.vault.hsm.attributes import Mapper
from app.vault.hsm.locking import enable_os_locking
from app.vault.hsm.profiles import PROFILES, Profile

CONFIG_FILE: Final = "softhsm2.conf"
_PIN_REFUSALS: Final = (
    p11.PinIncorrect,
    p11.PinInvalid,
    p11.PinLenRange,
    p11.PinLocked,
    p11.PinExpired,
    p11.UserPinNotInitialized,
)


class Hsm:
    """An open token. `session` is logged in and stays open: closing it logs the process out."""

    __slots__ = ("mapper", "profile", "session", "token")

    def __init__(self, profile: Profile, token: Any, session: Any, mapper: Mapper) -> None:
        self.profile = profile
        self.token = token
        self.session = session
        self.mapper = mapper

    def __reduce__(self) -> str:
        raise TypeError("an HSM session does not travel")


def load_module(module: Path, profile: Profile, directory: Path, token_label: str) -> Any:
    """Load and initialise the PKCS#11 library; python-pkcs11's `lib`.

    Raises
    ------
    ModuleRefused
        Not a PKCS#11 module.
    HsmUnavailable
        It does not initialise.
    """
    os.environ["SOFTHSM2_CONF"] = str(directory / CONFIG_FILE)
    enable_os_locking(module, profile.library_parameters(directory, token_label))
    try:
        return pkcs11.lib(str(module))
    except p11.PKCS11Error:
        raise HsmUnavailable(rule="module does not initialise") from None


def open_hsm(*, module: Path, profile: str, directory: Path, token_label: str, pin: bytes) -> Hsm:
    """Load, find the one token of that label, log in.

    Raises
    ------
    PinRefused
        The PIN is wrong or locked, or only a last attempt is left; there was at most one attempt.
    ModuleRefused
        Two tokens of that label, or not a module.
    HsmUnavailable
        No such token.
    """
    chosen = PROFILES[profile]
    library = load_module(module, chosen, directory, token_label)
    try:
        token = library.get_token(token_label=token_label)
    except p11.MultipleTokensReturned:
        raise ModuleRefused(rule="two tokens of one label") from None
    except p11.PKCS11Error:
        raise HsmUnavailable(rule="no such token") from None
    mapper = Mapper()
    return Hsm(chosen, token, log_in(token, pin, mapper), mapper)


def log_in(token: Any, pin: bytes, mapper: Mapper) -> Any:
    """One attempt, never two: a real HSM locks its PIN and then every key in it is lost.

    Raises
    ------
    PinRefused
        Refused, or not even tried because it would be the last attempt.
    """
    if token.flags & (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_FINAL_TRY):
        raise PinRefused(rule="locked or last attempt")
    try:
        return token.open(rw=True, user_pin=pin.decode(), attribute_mapper=mapper)
    except _PIN_REFUSALS:
        raise PinRefused from None
    except p11.PKCS11Error:
        raise HsmUnavailable(rule="no session") from None
