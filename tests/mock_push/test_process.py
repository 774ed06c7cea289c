"""The mock as a program: how it starts, what it refuses, what survives."""

import json
import signal
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from time import monotonic

import firebase_admin
import httpx
import pytest
from click.testing import CliRunner
from firebase_admin import messaging

from mock_push.cli import main
from mock_push.server import NotLoopbackError, check_loopback
from tests.mock_push.support import make_sdk
from tests.support.push import start_mock_push


def send(url: str, account: dict[str, str], phone: str) -> str:
    app = make_sdk(account, url)
    try:
        name: str = messaging.send(messaging.Message({"v": "1"}, fid=phone), app=app)
    finally:
        firebase_admin.delete_app(app)
    return name


def test_the_program_serves_the_sdk_and_keeps_registrations_over_a_restart(tmp_path: Path) -> None:
    url, account, stop = start_mock_push(tmp_path)
    try:
        assert httpx.get(f"{url}/livez").json() == {"status": "live"}
        phone = httpx.post(f"{url}/mock/phones", json={"kind": "fid"}).json()["registration"]
        first = json.loads(account.read_text())
        name = send(url, first, phone)
        [item] = httpx.get(f"{url}/mock/phones/{phone}/messages").json()["items"]
        assert item["message_id"] == name
    finally:
        stop()
    url, account, stop = start_mock_push(tmp_path)
    try:
        for trusted in (first | {"token_uri": f"{url}/token"}, json.loads(account.read_text())):
            send(url, trusted, phone)
        reply = httpx.get(f"{url}/mock/phones/{phone}/messages", params={"after": item["n"]})
        assert len(reply.json()["items"]) == 2
    finally:
        stop()
        stop()
    assert (tmp_path / "mock-push.log").read_text() == ""


def test_stopping_does_not_wait_for_long_polls(tmp_path: Path) -> None:
    url, _, stop = start_mock_push(tmp_path)
    phone = httpx.post(f"{url}/mock/phones", json={"kind": "fid"}).json()["registration"]
    reading = [sys.executable, "-c", READER, f"{url}/mock/phones/{phone}/messages?wait=25"]
    with subprocess.Popen(reading, stdout=subprocess.PIPE) as reader:  # noqa: S603 our own script
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"reading\n"
        started = monotonic()
        stop()
        reader.wait(timeout=10)
    assert monotonic() - started < 10


READER = """
import sys, urllib.request
print("reading", flush=True)
try:
    urllib.request.urlopen(sys.argv[1]).read()
except OSError:
    pass
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.org", ""])  # noqa: S104 refused
def test_an_address_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="--allow-non-loopback"):
        check_loopback(host)


def test_the_program_does_not_start_on_such_an_address() -> None:
    nowhere = "192.0.2.1"  # TEST-NET-1: no machine has it, so a mock that tries ends at once
    result = CliRunner().invoke(main, ["--host", nowhere, "--port", "0"])
    assert result.exit_code == 1
    assert "is not a loopback address" in result.output


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_a_loopback_address_is_taken(host: str) -> None:
    check_loopback(host)


def test_the_command_writes_a_service_account(tmp_path: Path) -> None:
    out, data = tmp_path / "sa.json", tmp_path / "data"
    arguments = ["service-account", "--out", str(out), "--url", "http://127.0.0.1:8085"]
    result = CliRunner().invoke(main, [*arguments, "--data", str(data)])
    assert result.exit_code == 0, result.output
    info = json.loads(out.read_text())
    assert info["client_email"] in result.output
    assert "PRIVATE" not in result.output
    again = CliRunner().invoke(main, [*arguments, "--data", str(data)])
    assert again.exit_code == 1
    assert "exists" in again.output


def test_the_program_says_where_mail_and_tls_are(tmp_path: Path) -> None:
    ports = ("--port", "0", "--smtp-port", "0", "--tls-port", "0")
    command = [sys.executable, "-m", "mock_push", *ports]
    with subprocess.Popen(  # noqa: S603 our own
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as mock:
        assert mock.stdout is not None
        assert mock.stderr is not None
        http, tls, smtp, authority = (mock.stdout.readline().strip().split()[-1] for _ in range(4))
        try:
            out = tmp_path / "bot.json"
            url = ("--url", http)
            made = CliRunner().invoke(main, ["telegram-bot", "--out", str(out), *url])
            assert made.exit_code == 0, made.output
            api = f"{tls}/bot{json.loads(out.read_text())['token']}/getMe"
            with httpx.Client(verify=ssl.create_default_context(cafile=authority)) as trusting:
                assert trusting.get(api).json()["result"]["username"] == "tripcord_bot"
                refused = trusting.get(api.replace("getMe", "sendMessage"))
                assert refused.status_code == 400
                addresses = httpx.get(f"{http}/mock/addresses").json()
                mock.terminate()
                assert mock.wait(timeout=10) == 128 + signal.SIGTERM
            assert mock.stderr.read() == ""  # a refusal is no news, and its path has the token
        finally:
            mock.kill()
    assert addresses == {"http": http, "tls": tls, "smtp": smtp, "authority_file": authority}
    assert not Path(authority).exists()  # without --data it was for this run only


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (["smtp-account", "--username", "tripcord"], ["--username", "../x"]),
        (["telegram-bot", "--username", "tripcord_bot"], ["--username", "tripcord"]),
    ],
)
def test_the_commands_write_logins(tmp_path: Path, command: list[str], wrong: list[str]) -> None:
    out, data = tmp_path / "login.json", tmp_path / "data"
    where = ["--out", str(out), "--url", "http://127.0.0.1:8085", "--data", str(data)]
    made = CliRunner().invoke(main, [*command, *where])
    assert made.exit_code == 0, made.output
    login = json.loads(out.read_text())
    secret = login.get("password") or login["token"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    [known] = [path for path in data.rglob("*.json") if path.is_file()]
    assert secret not in known.read_text() + made.output
    refused = CliRunner().invoke(main, [command[0], *where, "--replace", *wrong])
    assert refused.exit_code == 1
    assert json.loads(out.read_text()) == login


def test_help_names_every_command_and_option() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    options = {name for option in main.params for name in option.opts}
    assert {name for name in (*options, *main.commands) if name not in result.output} == set()
