"""Starting and ending the service, with a stand-in for the interpreter that runs it."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from scripts.clients.keys import KeyPair
from scripts.clients.stack import Stack, StackFailed


def fake_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Stack:
    """Stands in for the interpreter that runs `tripcord`; the real one is tested by the demo."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return Stack(tmp_path / "state" / "demo")


def test_a_service_that_ends_early_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = fake_python(tmp_path, monkeypatch, 'echo "no HSM module found" >&2; exit 3')
    with pytest.raises(StackFailed, match=r"(?s)code 3.*no HSM module found"):
        stack.start()
    stack.stop()


def test_an_address_file_of_an_earlier_run_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = fake_python(tmp_path, monkeypatch, "exit 4")
    stack.data.mkdir(parents=True)
    (stack.data / "addresses.json").write_text('{"api": "http://127.0.0.1:9"}')
    with pytest.raises(StackFailed, match="code 4"):
        stack.start()
    stack.stop()


def test_only_what_was_started_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = fake_python(tmp_path, monkeypatch, "exec sleep 60")
    stack.stop()
    monkeypatch.setattr("scripts.clients.stack.START_SECONDS", 0.3)
    with pytest.raises(StackFailed, match="not ready"):
        stack.start()
    process = stack._process
    assert process is not None
    stack.stop()
    assert process.poll() is not None


class _Ready(BaseHTTPRequestHandler):
    """Says "not yet" once, as an API does while its parts come up."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(503 if len(self.asked) == 1 else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ready_api() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Ready)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_service_is_there_when_it_says_that_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_api: str
) -> None:
    where = {
        "public_origin": ready_api,
        "mock_push_url": "http://127.0.0.1:2",
        "sandbox_url": "http://127.0.0.1:3",
        "isolated": False,
    }
    script = (
        'test "$*" = "-m app.cli.main up" || exit 9\n'
        'mkdir -p "$TRIPCORD_DATA"\n'
        f"echo '{json.dumps(where)}' > \"$TRIPCORD_DATA/addresses.json\"\n"
        "exec sleep 60"
    )
    stack = fake_python(tmp_path, monkeypatch, script)
    found = stack.start()
    assert (found.api, found.mock_push, found.sandbox) == (
        ready_api,
        "http://127.0.0.1:2",
        "http://127.0.0.1:3",
    )
    assert _Ready.asked == ["/readyz", "/readyz"]
    stack.stop()


def test_the_platform_s_public_keys_are_registered_by_the_operator_s_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        f'echo "$@" > {tmp_path}/asked\n'
        f'echo "$TRIPCORD_DATA" > {tmp_path}/where\n'
        """echo '{"client_id": "c1"}'"""
    )
    stack = fake_python(tmp_path, monkeypatch, script)
    stack.data.mkdir(parents=True)
    key = KeyPair.p256()
    assert stack.add_platform("demo", key) == "c1"
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:6] == ["-m", "app.cli.main", "platform", "add", "--name", "demo"]
    assert asked[-1] == "--json"
    assert (tmp_path / "where").read_text().strip() == str(stack.data)
    registered = json.loads(Path(asked[asked.index("--jwks") + 1]).read_text())
    assert registered["keys"][0]["kid"] == key.jkt


def test_a_refused_operator_s_command_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = fake_python(tmp_path, monkeypatch, "echo 'no database' >&2; exit 1")
    stack.data.mkdir(parents=True)
    with pytest.raises(StackFailed, match="no database"):
        stack.add_platform("demo", KeyPair.p256())
