"""How an operator's command logs in: as configured, or to the `up` that runs here."""

import msgspec

from app.cli.errors import CommandRefused
from app.cli.migrate import with_login
from app.cli.roles import DATABASE
from app.cli.site import Addresses
from app.config import OperatorSettings
from app.core.secret import Secret

_ROLE = "tripcord_operator"


def operator_login(settings: OperatorSettings) -> tuple[str, Secret | None]:
    """Connection URL and password of the operator's role.

    Raises
    ------
    CommandRefused
        None is configured, and nothing runs in the data directory.
    """
    if settings.database_dsn is not None:
        return settings.database_dsn, settings.database_password
    try:
        raw = (settings.data / "addresses.json").read_bytes()
        where = msgspec.json.decode(raw, type=Addresses)
        password = (settings.data / "secrets" / _ROLE).read_bytes()
    except OSError:
        raise CommandRefused(
            f"Nothing runs in {settings.data}; start `tripcord up` or set TRIPCORD_DATABASE_DSN."
        ) from None
    return with_login(where.database_dsn, _ROLE, DATABASE), Secret(password)
