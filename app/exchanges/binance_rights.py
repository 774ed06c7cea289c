"""Which rights a Binance key may have: a list of what is allowed, everything else refuses.

A list of what is forbidden would miss the right that the venue invents next year.
"""

from datetime import UTC, datetime
from typing import Any

from app.exchanges import strictjson
from app.exchanges.errors import PermissionsRefused, VenueAnswerUnknown
from app.exchanges.models import VenuePermissions

_NEEDED = frozenset({"enableReading", "enableSpotAndMarginTrading"})
"""The venue's one switch for spot also names margin; borrowing needs `enableMargin`, refused."""
_ALLOWED = frozenset({"enableFixReadOnly"})
_NOT_RIGHTS = frozenset({"ipRestrict", "createTime", "tradingAuthorityExpirationTime"})


def permissions_of(answer: dict[str, Any], needed: frozenset[str] = _NEEDED) -> VenuePermissions:
    """Rights from `apiRestrictions`; `needed` are those of the product (default: spot).

    Raises
    ------
    PermissionsRefused
        `rule` is a right that is granted and not on the list, a field we do not know that is not
        plainly false, or a right that is needed and missing. First in alphabetical order.
    VenueAnswerUnknown
        Not the answer of this call.
    """
    restricted = answer.get("ipRestrict")
    if not isinstance(restricted, bool):
        raise VenueAnswerUnknown(rule="ipRestrict")
    granted = sorted(
        name for name, value in answer.items() if name not in _NOT_RIGHTS and value is not False
    )
    for name in granted:
        if name not in needed | _ALLOWED or answer[name] is not True:
            raise PermissionsRefused(rule=name[:64])
    for name in sorted(needed.difference(granted)):
        raise PermissionsRefused(rule=name)
    return VenuePermissions(
        rights=tuple(granted),
        ip_restricted=restricted,
        created_at=_moment(answer, "createTime"),
        trading_expires_at=_moment(answer, "tradingAuthorityExpirationTime"),
    )


def _moment(answer: dict[str, Any], name: str) -> datetime | None:
    if name not in answer:
        return None
    moment = strictjson.moment(answer, name)
    return moment if moment > datetime(1970, 1, 1, tzinfo=UTC) else None
