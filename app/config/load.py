"""From an environment to the settings of one process, or every reason why not."""

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from app.config.processes import ProcessSettings
from app.config.table import BY_NAME, PREFIX, SETTINGS, Setting
from app.config.values import file_content, is_loopback

_FILE = "_FILE"

SettingsT = TypeVar("SettingsT", bound=ProcessSettings)


class ConfigurationRefused(Exception):
    """The settings do not make sense; the message names each problem and holds no secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def load(kind: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Read the settings of one process.

    Raises
    ------
    ConfigurationRefused
        Names every problem at once: unknown names, missing or malformed values, a secret given
        twice, a secret this process may not hold, plain HTTP outside loopback.
    """
    problems = _unknown_names(environ) + _foreign_secrets(kind, environ)
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in kind.__struct_fields__:
        setting = BY_NAME[field.upper()]
        try:
            values[field] = _read(setting, environ, optional=_is_optional(hints[field]))
        except ValueError as refused:
            problems.append(f"{PREFIX}{setting.name} {refused}")
    if not problems:
        problems = _tls_problems(values)
    if problems:
        raise ConfigurationRefused(problems)
    return kind(**values)


def _read(setting: Setting, environ: Mapping[str, str], *, optional: bool) -> object:
    raw = environ.get(PREFIX + setting.name)
    if setting.secret:
        given_file = environ.get(PREFIX + setting.name + _FILE)
        if raw is not None and given_file is not None:
            raise ValueError("and its _FILE form are both set; keep one")
        if given_file is not None:
            raw = file_content(given_file)
    if raw is None:
        raw = setting.default
    if raw is not None:
        return setting.parse(raw)
    if optional:
        return None
    raise ValueError(f"is not set: {setting.sentence[0].lower()}{setting.sentence[1:]}")


def _is_optional(hint: object) -> bool:
    return isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)


def _names(setting: Setting) -> tuple[str, ...]:
    plain = PREFIX + setting.name
    return (plain, plain + _FILE) if setting.secret else (plain,)


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    # A misspelt setting would silently leave its default in force (P8).
    known = {name for setting in SETTINGS for name in _names(setting)}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [f"{name} is not a setting of Tripcord" for name in unknown]


def _foreign_secrets(kind: type[ProcessSettings], environ: Mapping[str, str]) -> list[str]:
    own = {field.upper() for field in kind.__struct_fields__}
    return [
        f"{name} must not be given to {kind.process}"
        for setting in SETTINGS
        if setting.secret and setting.name not in own
        for name in _names(setting)
        if name in environ
    ]


def _tls_problems(values: Mapping[str, Any]) -> list[str]:
    if "tls_cert_file" not in values:
        return []
    certificate, key = values["tls_cert_file"], values["tls_key_file"]
    if (certificate is None) != (key is None):
        return [f"{PREFIX}TLS_CERT_FILE and {PREFIX}TLS_KEY_FILE go together"]
    if certificate is None and not is_loopback(values["api_host"]):
        return [
            f"{PREFIX}TLS_CERT_FILE is not set, and plain HTTP stays on this machine's loopback"
        ]
    return []
