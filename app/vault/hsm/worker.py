"""A worker child: `python -m app.vault.hsm.worker FD`, FD an inherited Unix socket.

The parent speaks first (`Hello`, with the PIN), the child answers with its status or a refusal and
exits. Then one request at a time, in order. End of file ends the child.
"""

import ctypes
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from pkcs11 import exceptions as p11

from app.core.errors import DomainError, Malformed
from app.vault import wire
from app.vault.errors import HsmUnavailable, ModuleRefused
from app.vault.hsm.hot import HotOperations
from app.vault.hsm.keys import CHECKPOINT, IDENTITY, find_keys
from app.vault.hsm.module import open_hsm
from app.vault.hsm.sealing import KeysOperations
from app.vault.hsm.selftest import self_test
from app.vault.models import HsmStatus

_SWEEP_SECONDS: Final = 30.0
_RECEIVE_BYTES: Final = 1 << 16
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4

_encode = msgspec.msgpack.Encoder().encode
_Operations = HotOperations | KeysOperations


class _Frames:
    """Length-prefixed messages over a blocking socket with a receive timeout."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def receive(self) -> bytes | None:
        """Next message, or None when the parent is gone. TimeoutError passes through."""
        header = wire.HEADER_BYTES
        while True:
            if len(self._buffer) >= header:
                length = int.from_bytes(self._buffer[:header], "big")
                if length > wire.MAX_FRAME_BYTES:
                    return None
                if len(self._buffer) >= header + length:
                    message = bytes(self._buffer[header : header + length])
                    del self._buffer[: header + length]
                    return message
            chunk = self._connection.recv(_RECEIVE_BYTES)
            if not chunk:
                return None
            self._buffer += chunk

    def send(self, reply: wire.Reply) -> None:
        self._connection.sendall(wire.frame(_encode(reply)))


def harden_process() -> None:
    """No core file, no ptrace by our own uid, no life without the parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the group; the parent decides


def start(hello: wire.Hello) -> tuple[_Operations, HsmStatus]:
    """Open the token, check its keys, attack the module, and only then serve.

    Raises
    ------
    PinRefused, ModuleRefused, HsmUnavailable
        The worker must not serve.
    """
    hsm = open_hsm(
        module=Path(hello.module),
        profile=hello.profile,
        directory=Path(hello.directory),
        token_label=hello.token_label,
        pin=hello.pin,
    )
    keys = find_keys(hsm, expected_check_values=hello.expected_check_values)
    not_enforced = self_test(hsm, keys)
    if not_enforced and not hello.development:
        raise ModuleRefused(rule=", ".join(not_enforced))
    operations: _Operations
    if hello.role == "hot":
        operations = HotOperations(hsm, keys, recycle_after_unwraps=hello.recycle_after_unwraps)
    else:
        operations = KeysOperations(hsm, keys, recycle_after_unwraps=hello.recycle_after_unwraps)
    status = HsmStatus(
        module=hello.module,
        token_label=hello.token_label,
        check_values=keys.check_values,
        not_enforced=not_enforced,
        identity_point=keys.points[IDENTITY],
        checkpoint_point=keys.points[CHECKPOINT],
        issuer_modulus=keys.issuer_modulus,
        loaded_keys=0,
        unwraps=0,
    )
    return operations, status


def serve(frames: _Frames, operations: _Operations, status: HsmStatus) -> int:
    """Answer until the parent hangs up (exit 0) or the device fails (exit 5: start me again)."""
    decode = operations.decoder.decode
    swept_at = time.monotonic()
    while True:
        if time.monotonic() - swept_at > _SWEEP_SECONDS:
            operations.sweep()
            swept_at = time.monotonic()
        try:
            message = frames.receive()
        except TimeoutError:
            continue
        if message is None:
            return 0
        try:
            request: Any = decode(message)
            result = operations.answer(request)
            if isinstance(request, wire.Status):
                result = msgspec.structs.replace(
                    status,
                    loaded_keys=operations.loaded_keys,
                    unwraps=operations.handles.unwraps,
                )
            reply = wire.Reply(None, result, operations.retiring)
        except p11.PKCS11Error:
            # Everything a caller can get wrong was refused before: this is the device.
            frames.send(wire.Reply(HsmUnavailable.code, None))
            return wire.exit_code(HsmUnavailable.code)
        except msgspec.DecodeError:
            reply = wire.Reply(Malformed.code, None, operations.retiring)
        except DomainError as refusal:
            reply = wire.Reply(refusal.code, None, operations.retiring)
        frames.send(reply)


def main() -> int:
    harden_process()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        frames = _Frames(connection)
        first = frames.receive()
        if first is None:
            return 0
        try:
            operations, status = start(msgspec.msgpack.decode(first, type=wire.Hello))
        except DomainError as refusal:
            frames.send(wire.Reply(refusal.code, refusal.rule))
            return wire.exit_code(refusal.code)
        except p11.PKCS11Error as failure:
            frames.send(wire.Reply(HsmUnavailable.code, type(failure).__name__))
            return wire.exit_code(HsmUnavailable.code)
        del first
        frames.send(wire.Reply(None, status))
        connection.settimeout(_SWEEP_SECONDS)
        return serve(frames, operations, status)


if __name__ == "__main__":
    sys.exit(main())
