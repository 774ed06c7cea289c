"""What differs between PKCS#11 modules, as data."""

from pathlib import Path
from typing import Final, Literal

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes a module stores with token keys; one it lacks cannot protect anything there."""

    name: Literal["softhsm", "nss"]
    copyable: bool
    allowed_mechanisms: bool
    unwrap_template: bool
    check_value: bool
    local: bool

    def library_parameters(self, directory: Path, token_label: str) -> str | None:
        """For C_Initialize. NSS learns its directory here, SoftHSM from SOFTHSM2_CONF."""
        if self.name == "softhsm":
            return None
        return (
            f"configdir='sql:{directory / 'tokens'}' certPrefix='' keyPrefix='' "
            f"secmod='secmod.db' flags= dbTokenDescription='{token_label}'"
        )


PROFILES: Final = {
    "softhsm": Profile(
        name="softhsm",
        copyable=True,
        allowed_mechanisms=True,
        unwrap_template=True,
        check_value=True,
        local=True,
    ),
    # Second implementation for tests and development. It ignores unwrap templates, which the
    # self-test finds by itself; nothing here excuses it.
    "nss": Profile(
        name="nss",
        copyable=False,
        allowed_mechanisms=False,
        unwrap_template=False,
        check_value=False,
        local=False,
    ),
}
