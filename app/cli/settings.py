"""Settings for a command at a terminal: every problem is a line of the refusal."""

import os
from typing import TypeVar

from app.cli.errors import CommandRefused
from app.config import ConfigurationRefused, load
from app.config.processes import ProcessSettings

SettingsT = TypeVar("SettingsT", bound=ProcessSettings)


def settings_of(kind: type[SettingsT]) -> SettingsT:
    """The settings of a command.

    Raises
    ------
    CommandRefused
        They do not make sense; names each problem.
    """
    try:
        return load(kind, os.environ)
    except ConfigurationRefused as refused:
        raise CommandRefused("\n".join(refused.problems)) from None
