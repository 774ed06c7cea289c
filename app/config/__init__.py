"""Settings: environment variables, read once at the start of a process, typed and frozen.

Protects: that a process starts with exactly the settings it may see, or not at all.
Invariants: `table.SETTINGS` is the one list of what exists, and the README's table is made from it;
a secret in the environment of a process that may never hold it stops that process; no message holds
a secret's value; values are read here and nowhere else.
May never import: anything but `core`. Only entry points, `wiring` and `cli` import it: rooms get
values, not settings.
"""

from app.config.load import ConfigurationRefused, load
from app.config.processes import (
    ApiSettings,
    ContainSettings,
    CourierSettings,
    DispatcherSettings,
    HsmSettings,
    MigrateSettings,
    OperatorSettings,
    PlatformSettings,
    SignerSettings,
    UpSettings,
)
from app.config.readme import TableRow, settings_markdown, settings_table

__all__ = [
    "ApiSettings",
    "ConfigurationRefused",
    "ContainSettings",
    "CourierSettings",
    "DispatcherSettings",
    "HsmSettings",
    "MigrateSettings",
    "OperatorSettings",
    "PlatformSettings",
    "SignerSettings",
    "TableRow",
    "UpSettings",
    "load",
    "settings_markdown",
    "settings_table",
]
