"""The settings about passkeys, handed on by `tripcord up` to the two parts that read them."""

from app.config import UpSettings


def passkey_settings(up: UpSettings) -> dict[str, str]:
    android = [f"{app.package}={app.certificate_sha256.hex()}" for app in up.passkey_android_apps]
    settings = {
        "PASSKEY_ORIGINS": ",".join(up.passkey_origins),
        "PASSKEY_ANDROID_APPS": ",".join(android),
        "PASSKEY_APPLE_APPS": ",".join(up.passkey_apple_apps),
    }
    return settings if up.passkey_rp_id is None else settings | {"PASSKEY_RP_ID": up.passkey_rp_id}
