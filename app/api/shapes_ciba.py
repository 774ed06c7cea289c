"""Shapes of what a device sets for CIBA."""

from typing import Annotated

import msgspec

UserCodeText = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{4,64}\Z")]
"""Printable ASCII without spaces, so that every keyboard and form spells it in one way."""


class NewUserCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a platform must know before it may ask by CIBA."""

    user_code: UserCodeText

    def __repr__(self) -> str:
        return "NewUserCode(…)"
