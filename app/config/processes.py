"""One struct per process: the settings it may see, and no others."""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import msgspec

from app.config.values import AndroidApp, HsmProfile, LogLevel, Network, NonceMode
from app.core.secret import Secret


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    process: ClassVar[str]
    log_level: LogLevel


class _WithDatabase(ProcessSettings, frozen=True, kw_only=True):
    database_dsn: str
    database_password: Secret | None


class _WithPasskeys(_WithDatabase, frozen=True, kw_only=True):
    """Who we are to an authenticator; the same values for the api and the signer."""

    passkey_rp_id: str | None
    passkey_origins: tuple[str, ...]
    passkey_android_apps: tuple[AndroidApp, ...]
    passkey_apple_apps: tuple[str, ...]


class ApiSettings(_WithPasskeys, frozen=True, kw_only=True):
    process = "api"
    public_origin: str
    api_host: str
    api_port: int
    tls_cert_file: Path | None
    tls_key_file: Path | None
    trusted_hops: tuple[Network, ...]
    dpop_nonces: NonceMode
    cord_dsn: str
    cord_password: Secret | None
    signer_socket: Path
    webhook_loopback: bool


class SignerSettings(_WithPasskeys, frozen=True, kw_only=True):
    process = "signer"
    hsm_module: Path
    hsm_directory: Path | None
    hsm_token_label: str
    hsm_profile: HsmProfile
    hsm_pin: Secret
    hsm_check_values: Path | None
    public_origin: str
    sandbox_url: str | None
    signer_socket: Path
    signer_courier_socket: Path
    signer_dispatcher_socket: Path | None
    courier_socket: Path
    peer_uids: frozenset[int]
    courier_uids: frozenset[int]
    re_enrolment_hours: timedelta
    dispatcher_uids: frozenset[int]


class CourierSettings(_WithDatabase, frozen=True, kw_only=True):
    process = "courier"
    sandbox_url: str | None
    signer_courier_socket: Path
    courier_socket: Path
    peer_uids: frozenset[int]


class DispatcherSettings(_WithDatabase, frozen=True, kw_only=True):
    process = "dispatcher"
    public_origin: str
    fcm_credentials: Secret | None
    fcm_url: str | None
    signer_dispatcher_socket: Path | None
    webhook_secret: Secret | None
    webhook_loopback: bool


class MigrateSettings(_WithDatabase, frozen=True, kw_only=True):
    """``database_dsn`` is an administrator's here: one who may create roles and the database."""

    process = "migrate"
    data: Path


class OperatorSettings(ProcessSettings, frozen=True, kw_only=True):
    """``database_dsn`` is the operator role's; None means the database of a running `up`."""

    data: Path
    database_dsn: str | None
    database_password: Secret | None


class PlatformSettings(OperatorSettings, frozen=True, kw_only=True):
    process = "platform"
    webhook_loopback: bool


class ContainSettings(OperatorSettings, frozen=True, kw_only=True):
    process = "contain"


class HsmSettings(ProcessSettings, frozen=True, kw_only=True):
    process = "hsm"
    hsm_module: Path
    hsm_directory: Path | None
    hsm_token_label: str
    hsm_profile: HsmProfile
    hsm_pin: Secret


class UpSettings(ProcessSettings, frozen=True, kw_only=True):
    """Only what shapes the embedded default; `up` makes every secret of its parts itself."""

    process = "up"
    data: Path
    run_dir: Path | None
    public_origin: str | None
    api_host: str
    api_port: int
    tls_cert_file: Path | None
    tls_key_file: Path | None
    trusted_hops: tuple[Network, ...]
    dpop_nonces: NonceMode
    pg_bin: Path | None
    hsm_module: Path | None
    webhook_loopback: bool
    passkey_rp_id: str | None
    passkey_origins: tuple[str, ...]
    passkey_android_apps: tuple[AndroidApp, ...]
    passkey_apple_apps: tuple[str, ...]


PROCESSES: tuple[type[ProcessSettings], ...] = (
    ApiSettings,
    SignerSettings,
    CourierSettings,
    DispatcherSettings,
    MigrateSettings,
    PlatformSettings,
    ContainSettings,
    HsmSettings,
    UpSettings,
)
