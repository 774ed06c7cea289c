"""Who we are to authenticators, from the settings: RP ID, origins, which apps are ours.

An RP ID must be a name, so that on this machine it is localhost where the origin is an address.
"""

from typing import Any, Protocol
from urllib.parse import urlsplit

from app.config.values import AndroidApp, is_loopback
from app.core.encoding import b64url
from app.webauthn.models import RelyingParty


class _Settings(Protocol):
    @property
    def public_origin(self) -> str: ...
    @property
    def passkey_rp_id(self) -> str | None: ...
    @property
    def passkey_origins(self) -> tuple[str, ...]: ...
    @property
    def passkey_android_apps(self) -> tuple[AndroidApp, ...]: ...
    @property
    def passkey_apple_apps(self) -> tuple[str, ...]: ...


def relying_party(settings: _Settings) -> RelyingParty:
    """RP ID and origins; those of apps as their systems send them.

    Android names an app by the hash of its certificate; an associated app on Apple's systems comes
    as the origin of the RP ID.
    """
    rp_id = _rp_id(settings)
    origins = set(_web_origins(settings))
    for app in settings.passkey_android_apps:
        origins.add(f"android:apk-key-hash:{b64url(app.certificate_sha256)}")
    if settings.passkey_apple_apps:
        origins.add(f"https://{rp_id}")
    return RelyingParty(rp_id=rp_id, origins=frozenset(origins))


def association_files(settings: _Settings) -> dict[str, Any]:
    """What `/.well-known/` says of our apps and origins, by file name."""
    links = [
        {
            "relation": [
                "delegate_permission/common.handle_all_urls",
                "delegate_permission/common.get_login_creds",
            ],
            "target": {
                "namespace": "android_app",
                "package_name": app.package,
                "sha256_cert_fingerprints": [app.certificate_sha256.hex(":").upper()],
            },
        }
        for app in settings.passkey_android_apps
    ]
    return {
        "assetlinks.json": links,
        "apple-app-site-association": {"webcredentials": {"apps": [*settings.passkey_apple_apps]}},
        "webauthn": {"origins": sorted(_web_origins(settings))},
    }


def _rp_id(settings: _Settings) -> str:
    if settings.passkey_rp_id is not None:
        return settings.passkey_rp_id
    host = urlsplit(settings.public_origin).hostname or ""
    return "localhost" if is_loopback(host) else host


def _web_origins(settings: _Settings) -> tuple[str, ...]:
    if settings.passkey_origins:
        return settings.passkey_origins
    origin = urlsplit(settings.public_origin)
    if not is_loopback(origin.hostname or ""):
        return (f"{origin.scheme}://{origin.netloc}",)
    port = "" if origin.port is None else f":{origin.port}"
    return (f"{origin.scheme}://localhost{port}",)
