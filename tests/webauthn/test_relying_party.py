"""Who we are to an authenticator, from the settings."""

import pytest

from app.cli.passkeys import passkey_settings
from app.config import ApiSettings, ConfigurationRefused, UpSettings, load
from app.config.values import AndroidApp
from app.wiring.passkeys import association_files, relying_party
from tests.cli.test_settings import API

FINGERPRINT = ":".join(["AB"] * 32)
APPS = {
    "TRIPCORD_PASSKEY_ANDROID_APPS": f"com.example.cord={FINGERPRINT}",
    "TRIPCORD_PASSKEY_APPLE_APPS": "A1B2C3D4E5.example.cord, A1B2C3D4E5.example.beta",
}


def loaded(**environ: str) -> ApiSettings:
    return load(ApiSettings, API | {f"TRIPCORD_{name}": value for name, value in environ.items()})


def test_by_default_the_public_origin_is_who_we_are() -> None:
    ours = relying_party(loaded(PUBLIC_ORIGIN="https://cord.example:8443"))
    assert (ours.rp_id, ours.origins) == (
        "cord.example", frozenset({"https://cord.example:8443"}),
    )  # fmt: skip


def test_on_this_machine_it_is_localhost_because_an_address_is_no_rp_id() -> None:
    ours = relying_party(loaded(PUBLIC_ORIGIN="http://127.0.0.1:8787"))
    assert (ours.rp_id, ours.origins) == ("localhost", frozenset({"http://localhost:8787"}))


def test_apps_have_the_origins_that_their_systems_send() -> None:
    settings = load(ApiSettings, API | APPS | {
        "TRIPCORD_PASSKEY_RP_ID": "cord.example",
        "TRIPCORD_PASSKEY_ORIGINS": "https://app.cord.example, https://www.cord.example",
    })  # fmt: skip
    ours = relying_party(settings)
    assert ours.rp_id == "cord.example"
    assert ours.origins == {
        "https://app.cord.example", "https://www.cord.example", "https://cord.example",
        "android:apk-key-hash:q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
    }  # fmt: skip
    files = association_files(settings)
    assert files["webauthn"] == {
        "origins": ["https://app.cord.example", "https://www.cord.example"]
    }
    assert files["assetlinks.json"][0]["target"]["sha256_cert_fingerprints"] == [FINGERPRINT]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("PASSKEY_RP_ID", "127.0.0.1"),
        ("PASSKEY_RP_ID", "https://cord.example"),
        ("PASSKEY_RP_ID", "Cord.example"),
        ("PASSKEY_RP_ID", "example"),
        ("PASSKEY_RP_ID", "cord.example\n"),
        ("PASSKEY_ORIGINS", "cord.example"),
        ("PASSKEY_ORIGINS", "https://cord.example/"),
        ("PASSKEY_ORIGINS", "http://cord.example"),
        ("PASSKEY_ANDROID_APPS", "com.example.cord"),
        ("PASSKEY_ANDROID_APPS", "com.example.cord=AB"),
        ("PASSKEY_ANDROID_APPS", f"cord={FINGERPRINT}"),
        ("PASSKEY_APPLE_APPS", "example.cord"),
        ("PASSKEY_APPLE_APPS", "a1b2c3d4e5.example.cord"),
    ],
)
def test_a_malformed_setting_is_refused(name: str, bad: str) -> None:
    with pytest.raises(ConfigurationRefused, match=name):
        loaded(**{name: bad})


def test_up_hands_its_settings_on_as_they_came() -> None:
    up = load(UpSettings, APPS | {"TRIPCORD_PASSKEY_RP_ID": "cord.example"})
    handed = {f"TRIPCORD_{name}": value for name, value in passkey_settings(up).items()}
    again = load(ApiSettings, API | handed)
    assert again.passkey_android_apps == (AndroidApp("com.example.cord", b"\xab" * 32),)
    for field in ("passkey_rp_id", "passkey_origins", "passkey_android_apps", "passkey_apple_apps"):
        assert getattr(again, field) == getattr(up, field)
    assert "PASSKEY_RP_ID" not in passkey_settings(load(UpSettings, {}))
