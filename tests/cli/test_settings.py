"""What a process accepts as its settings, and what stops it."""

from pathlib import Path

import msgspec
import pytest

from app.config import (
    ApiSettings,
    ConfigurationRefused,
    CourierSettings,
    DispatcherSettings,
    SignerSettings,
    UpSettings,
    load,
    settings_table,
)
from app.config.processes import PROCESSES, ProcessSettings
from app.config.table import SETTINGS

API = {
    "TRIPCORD_DATABASE_DSN": "postgresql://tripcord_api@/tripcord?host=%2Frun%2Fpg",
    "TRIPCORD_CORD_DSN": "postgresql://tripcord_cord@/tripcord?host=%2Frun%2Fpg",
    "TRIPCORD_PUBLIC_ORIGIN": "http://127.0.0.1:8787",
    "TRIPCORD_SIGNER_SOCKET": "/run/tripcord/signer.sock",
}
SIGNER = {
    "TRIPCORD_SIGNER_COURIER_SOCKET": "/run/tripcord/signer-courier.sock",
    "TRIPCORD_COURIER_SOCKET": "/run/tripcord/courier.sock",
    "TRIPCORD_DATABASE_DSN": "postgresql://tripcord_signer@/tripcord?host=%2Frun%2Fpg",
    "TRIPCORD_HSM_MODULE": "/usr/lib/softhsm/libsofthsm2.so",
    "TRIPCORD_HSM_PIN": "canary-7f3a",
    "TRIPCORD_PUBLIC_ORIGIN": "https://cord.example",
    "TRIPCORD_SIGNER_SOCKET": "/run/tripcord/signer.sock",
}


def problems_of(kind: type[ProcessSettings], environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationRefused) as refused:
        load(kind, environ)
    return str(refused.value)


def test_the_least_an_api_needs_gives_typed_values_and_defaults() -> None:
    settings = load(ApiSettings, API | {"TRIPCORD_TRUSTED_HOPS": "10.0.0.0/8, ::1/128"})
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8787)
    assert [str(network) for network in settings.trusted_hops] == ["10.0.0.0/8", "::1/128"]
    assert settings.signer_socket == Path("/run/tripcord/signer.sock")
    assert settings.database_password is None


def test_settings_cannot_be_changed_after_the_start() -> None:
    settings = load(UpSettings, {})
    with pytest.raises(AttributeError):
        settings.api_port = 1  # type: ignore[misc]


def test_an_unknown_setting_refuses_and_is_named() -> None:
    assert "TRIPCORD_API_PROT is not a setting" in problems_of(
        ApiSettings, API | {"TRIPCORD_API_PROT": "1"}
    )


def test_variables_of_other_programs_are_not_ours_to_judge() -> None:
    load(ApiSettings, API | {"PATH": "/usr/bin", "SOFTHSM2_CONF": "/x"})


def test_only_secrets_have_a_file_form() -> None:
    assert "TRIPCORD_API_HOST_FILE is not a setting" in problems_of(
        ApiSettings, API | {"TRIPCORD_API_HOST_FILE": "/x"}
    )


def test_every_problem_is_told_at_once() -> None:
    said = problems_of(ApiSettings, {"TRIPCORD_API_PORT": "70000", "TRIPCORD_LOG_LEVEL": "loud"})
    for name in ("API_PORT", "LOG_LEVEL", "DATABASE_DSN", "PUBLIC_ORIGIN", "SIGNER_SOCKET"):
        assert f"TRIPCORD_{name} " in said


@pytest.mark.parametrize("name", [row.name for row in SETTINGS if row.secret])
def test_a_secret_reads_from_its_file_less_one_newline(name: str, tmp_path: Path) -> None:
    kind = next(p for p in PROCESSES if name.lower() in p.__struct_fields__)
    base = {
        field: value
        for environ in (API, SIGNER)
        for field, value in environ.items()
        if field.removeprefix("TRIPCORD_").lower() in kind.__struct_fields__
        and field != f"TRIPCORD_{name}"
    }
    file = tmp_path / "secret"
    file.write_text("pass word\n\n")
    settings = load(kind, base | {f"TRIPCORD_{name}_FILE": str(file)})
    assert getattr(settings, name.lower()).reveal() == b"pass word\n"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    said = problems_of(SignerSettings, SIGNER | {"TRIPCORD_HSM_PIN_FILE": str(tmp_path / "pin")})
    assert "TRIPCORD_HSM_PIN and its _FILE form are both set" in said


def test_a_secret_file_that_is_not_there_refuses(tmp_path: Path) -> None:
    environ = {name: value for name, value in SIGNER.items() if name != "TRIPCORD_HSM_PIN"}
    said = problems_of(SignerSettings, environ | {"TRIPCORD_HSM_PIN_FILE": str(tmp_path / "pin")})
    assert "TRIPCORD_HSM_PIN names a file that cannot be read" in said


@pytest.mark.parametrize("kind", [ApiSettings, CourierSettings, DispatcherSettings])
@pytest.mark.parametrize("name", ["TRIPCORD_HSM_PIN", "TRIPCORD_HSM_PIN_FILE"])
def test_a_process_that_may_not_hold_the_pin_does_not_start_with_it(
    kind: type[ProcessSettings], name: str
) -> None:
    assert f"{name} must not be given to {kind.process}" in problems_of(
        kind, API | {name: "canary-7f3a"}
    )


def test_no_secret_is_in_a_repr_or_an_error() -> None:
    settings = load(SignerSettings, SIGNER)
    assert "canary-7f3a" not in repr(settings)
    with pytest.raises((TypeError, NotImplementedError)):
        msgspec.json.encode(settings)
    said = problems_of(SignerSettings, SIGNER | {"TRIPCORD_HSM_PROFILE": "x"})
    assert "canary-7f3a" not in said


def test_a_password_inside_a_connection_url_is_refused_and_not_repeated() -> None:
    for url in ("postgresql://u:canary-7f3a@h/d", "postgresql:///d?password=canary-7f3a"):
        said = problems_of(ApiSettings, API | {"TRIPCORD_DATABASE_DSN": url})
        assert "must not hold the password" in said
        assert "canary-7f3a" not in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "cord.example", ""])  # noqa: S104
def test_plain_http_outside_loopback_is_refused(host: str) -> None:
    problems_of(ApiSettings, API | {"TRIPCORD_API_HOST": host})


def test_a_certificate_opens_every_address() -> None:
    tls = {"TRIPCORD_TLS_CERT_FILE": "/c.pem", "TRIPCORD_TLS_KEY_FILE": "/k.pem"}
    assert load(ApiSettings, API | tls | {"TRIPCORD_API_HOST": "192.0.2.7"}).tls_key_file


def test_a_certificate_without_its_key_is_refused() -> None:
    assert "go together" in problems_of(ApiSettings, API | {"TRIPCORD_TLS_CERT_FILE": "/c.pem"})


@pytest.mark.parametrize(
    "bad",
    [
        "http://cord.example",
        "https://cord.example/",
        "https://cord.example/path",
        "https://a@cord.example",
        "https://cord.example?x",
        "ftp://cord.example",
        "https://:443",
        "https://cord.example:99999",
        " https://cord.example",
        "",
    ],
)
def test_a_public_origin_is_an_origin_and_nothing_else(bad: str) -> None:
    assert "TRIPCORD_PUBLIC_ORIGIN" in problems_of(
        ApiSettings, API | {"TRIPCORD_PUBLIC_ORIGIN": bad}
    )


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("API_PORT", "-1"),
        ("API_PORT", "٨"),
        ("API_PORT", "1e3"),
        ("API_PORT", "65536"),
        ("TRUSTED_HOPS", "10.0.0.1/8"),
        ("TRUSTED_HOPS", "everyone"),
        ("LOG_LEVEL", "INFO "),
    ],
)
def test_a_malformed_value_is_refused(name: str, bad: str) -> None:
    assert f"TRIPCORD_{name} " in problems_of(ApiSettings, API | {f"TRIPCORD_{name}": bad})


def test_every_setting_is_read_by_somebody_and_every_field_is_a_setting() -> None:
    table = settings_table()
    assert [row.name for row in table] == [f"TRIPCORD_{s.name}" for s in SETTINGS]
    assert all(row.readers and row.sentence.endswith(".") for row in table)
    names = {setting.name.lower() for setting in SETTINGS}
    for process in PROCESSES:
        assert set(process.__struct_fields__) <= names


def test_only_the_signer_and_the_tool_that_makes_the_token_read_a_pin() -> None:
    readers = {row.name: row.readers for row in settings_table()}
    assert readers["TRIPCORD_HSM_PIN"] == ("signer", "hsm")
