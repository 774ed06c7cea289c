"""What can be set: the one list."""

from collections.abc import Callable
from typing import Any

import msgspec

from app.config import values

PREFIX = "TRIPCORD_"


class Setting(msgspec.Struct, frozen=True):
    """One row of the configuration table.

    ``default`` is written as it would stand in the environment; None means that there is none.
    A secret may also be given as ``<name>_FILE``, the path of a file with its value.
    """

    name: str
    parse: Callable[[str], Any]
    sentence: str
    default: str | None = None
    secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("DATA", values.path, "Data directory of `tripcord up`.", ".tripcord"),
    Setting(
        "RUN_DIR", values.path, "Directory of the sockets; default `run` in the data directory."
    ),
    Setting(
        "PUBLIC_ORIGIN",
        values.origin,
        "Origin clients see, as in https://cord.example; audience of assertions and DPoP proofs.",
    ),
    Setting("API_HOST", values.text, "Address the HTTP server listens on.", "127.0.0.1"),
    Setting(
        "API_PORT", values.port, "Port the HTTP server listens on; 0 picks a free one.", "8787"
    ),
    Setting("TLS_CERT_FILE", values.path, "PEM certificate chain; required outside loopback."),
    Setting("TLS_KEY_FILE", values.path, "PEM private key of the certificate."),
    Setting(
        "TRUSTED_HOPS",
        values.networks,
        "Proxies whose X-Forwarded-For counts, as CIDR networks separated by commas.",
        "",
    ),
    Setting(
        "DPOP_NONCES",
        values.nonce_mode,
        "Whether proofs need a server nonce: when_stale (made over 10 s ago) or required.",
        "when_stale",
    ),
    Setting(
        "PG_BIN", values.path, "Directory of PostgreSQL's programs; default: system, then wheel."
    ),
    Setting(
        "DATABASE_DSN",
        values.database_dsn,
        "Connection URL of the process's own database role, without a password.",
    ),
    Setting("DATABASE_PASSWORD", values.secret, "Password of that role.", secret=True),
    Setting(
        "CORD_DSN",
        values.database_dsn,
        "Connection URL of the role that revokes over its own held connections.",
    ),
    Setting("CORD_PASSWORD", values.secret, "Password of that role.", secret=True),
    Setting("HSM_MODULE", values.path, "PKCS#11 module to load; `up` finds SoftHSM by itself."),
    Setting(
        "HSM_DIRECTORY", values.path, "Directory of a software token (SoftHSM, NSS), mode 700."
    ),
    Setting("HSM_TOKEN_LABEL", values.text, "Label of the token that holds the keys.", "tripcord"),
    Setting("HSM_PROFILE", values.profile, "How the module differs: softhsm or nss.", "softhsm"),
    Setting(
        "HSM_PIN",
        values.secret,
        "User PIN of the token; a refused PIN is never retried.",
        secret=True,
    ),
    Setting(
        "HSM_CHECK_VALUES",
        values.path,
        "File with the pinned key check values (JSON); a key that differs stops the signer.",
    ),
    Setting(
        "FCM_CREDENTIALS",
        values.secret,
        "Service account of Firebase, as its JSON text.",
        secret=True,
    ),
    Setting(
        "FCM_URL", values.origin, "Origin that answers for FCM instead of Google's (mock_push)."
    ),
    Setting(
        "SANDBOX_URL", values.origin, "Origin of the sandbox venue; the venue exists only with it."
    ),
    Setting("SIGNER_SOCKET", values.path, "Unix socket on which the signer answers the api."),
    Setting(
        "SIGNER_COURIER_SOCKET",
        values.path,
        "Unix socket on which the signer answers the courier.",
    ),
    Setting(
        "SIGNER_DISPATCHER_SOCKET",
        values.path,
        "Unix socket on which the signer answers the dispatcher; without it webhooks stay queued.",
    ),
    Setting("COURIER_SOCKET", values.path, "Unix socket on which the courier answers the signer."),
    Setting(
        "PEER_UIDS",
        values.uids,
        "Uids that may connect to the process's socket, by commas; default: its own only.",
        "",
    ),
    Setting(
        "COURIER_UIDS",
        values.uids,
        "Uids that may connect to the signer's socket for the courier; default: its own only.",
        "",
    ),
    Setting(
        "RE_ENROLMENT_HOURS",
        values.re_enrolment_hours,
        "How long old devices may veto a re-enrolment, in hours; 24 at least.",
        "24",
    ),
    Setting(
        "DISPATCHER_UIDS",
        values.uids,
        "Uids that may connect to the signer's socket for the dispatcher; default: its own only.",
        "",
    ),
    Setting(
        "WEBHOOK_SECRET",
        values.secret,
        "What every webhook's signing key is derived from; 32 random bytes or more.",
        secret=True,
    ),
    Setting(
        "WEBHOOK_LOOPBACK",
        values.yes_or_no,
        "yes lets webhooks and pings name this machine, over plain HTTP too: to try things out.",
        "no",
    ),
    Setting(
        "PASSKEY_RP_ID",
        values.domain,
        "Domain that passkeys are bound to, for ever; default: host of the public origin.",
    ),
    Setting(
        "PASSKEY_ORIGINS",
        values.origins,
        "Web origins that may use passkeys, by commas; default: the public origin.",
        "",
    ),
    Setting(
        "PASSKEY_ANDROID_APPS",
        values.android_apps,
        "Android apps, by commas, as package=SHA-256 of the signing certificate in hex.",
        "",
    ),
    Setting(
        "PASSKEY_APPLE_APPS",
        values.apple_apps,
        "Apps for Apple's systems, by commas, as team id and bundle id: A1B2C3D4E5.example.cord.",
        "",
    ),
    Setting("LOG_LEVEL", values.log_level, "debug, info, warning or error.", "info"),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}
