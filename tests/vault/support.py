"""An HSM per module, and a trader with a phone in front of it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec

from app.core.evidence import encode_row
from app.core.secret import Secret
from app.vault.bootstrap import Bootstrap
from app.vault.client import HsmWorkers, WorkerClient
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.vault.models import (
    Envelope,
    ImportedKey,
    Proof,
    SealContext,
    SealingKey,
    StorageContext,
    VaultConfig,
)
from app.vault.unwrap import SigningKeys
from app.vault.wrap import SealingKeys
from tests.vault import phone

PIN = b"93174405"
ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT.parent / "shared" / "vectors" / "wycheproof"
ProfileName = Literal["softhsm", "nss"]
_PLACES: dict[ProfileName, tuple[str, tuple[str, ...]]] = {
    "softhsm": (
        "libsofthsm2.so",
        (
            "/usr/lib/softhsm",
            "/usr/lib/x86_64-linux-gnu/softhsm",
            "/usr/lib/aarch64-linux-gnu/softhsm",
            "/usr/lib64/pkcs11",
            "/usr/local/lib/softhsm",
            "/opt/homebrew/lib/softhsm",
        ),
    ),
    "nss": (
        "libsoftokn3.so",
        (
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu/nss",
            "/usr/lib64",
            "/usr/lib",
        ),
    ),
}


def find_module(profile: ProfileName) -> Path | None:
    name, places = _PLACES[profile]
    return next((path for place in places if (path := Path(place) / name).exists()), None)


class Token(msgspec.Struct, frozen=True):
    """A token on disk, made by the set-up program as `tripcord up` would."""

    profile: ProfileName
    module: Path
    directory: Path
    check_values: dict[str, str]

    def config(self, **changes: Any) -> VaultConfig:
        config = VaultConfig(
            module=self.module,
            directory=self.directory,
            pin=Secret(PIN),
            profile=self.profile,
            development=self.profile == "nss",
            expected_check_values=self.check_values,
        )
        return msgspec.structs.replace(config, **changes)


def run_setup(
    profile: ProfileName, module: Path, directory: Path, *, pin: bytes = PIN
) -> subprocess.CompletedProcess[str]:
    pin_file = directory.parent / f"{directory.name}.pin"
    pin_file.write_bytes(pin + b"\n")
    command = [sys.executable, "-m", "app.vault.setup", "--dir", str(directory)]
    command += ["--pin-file", str(pin_file), "--module", str(module), "--profile", profile]
    return subprocess.run(  # noqa: S603 - our own program
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def make_token(profile: ProfileName, module: Path, directory: Path) -> Token:
    finished = run_setup(profile, module, directory)
    assert finished.returncode == 0, finished.stderr
    return Token(profile, module, directory, json.loads(finished.stdout)["check_values"])


def run_inside(token: Token, suite: str, **options: Any) -> Any:
    """Run a suite of `tests.vault.inside`: what needs the PIN and a process of its own."""
    order = {
        "module": str(token.module),
        "profile": token.profile,
        "directory": str(token.directory),
        "pin": PIN.decode(),
        "suite": suite,
        **options,
    }
    finished = subprocess.run(
        [sys.executable, "-m", "tests.vault.inside"],
        cwd=ROOT,
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def row(name: str) -> bytes:
    """An evidence message, as a store would make it."""
    return encode_row("test_row", [name, 1, None])


class _PatientClient:
    def __init__(self, worker: WorkerClient) -> None:
        self._worker = worker

    async def call(self, request: Any, decoder: Any, *, deadline_seconds: float) -> Any:
        patience = max(deadline_seconds, 15.0)
        return await self._worker.call(request, decoder, deadline_seconds=patience)


class _PatientWorkers:
    """The same workers with long deadlines: a busy machine is not what most tests are about."""

    def __init__(self, workers: HsmWorkers) -> None:
        self.hot, self.keys = _PatientClient(workers.hot), _PatientClient(workers.keys)
        self.status = workers.status


class Desk:
    """The doors of one running vault, and a trader who links keys through them."""

    def __init__(self, workers: HsmWorkers) -> None:
        self.workers = workers
        patient: Any = _PatientWorkers(workers)
        self.bootstrap = Bootstrap(patient)
        self.evidence = Evidence(patient)
        self.identity = Identity(patient)
        self.sealing = SealingKeys(patient)
        self.signing = SigningKeys(patient)
        self.trader_id = uuid4()

    def contexts(
        self, algorithm: Any = "hmac-sha256", *, subject_id: UUID | None = None
    ) -> tuple[SealContext, StorageContext]:
        totp = algorithm.startswith("SHA")
        return (
            SealContext(
                trader_id=self.trader_id,
                purpose="totp" if totp else "exchange",
                subject="device" if totp else "binance/AKID",
                algorithm=algorithm,
            ),
            StorageContext(
                trader_id=self.trader_id,
                subject_id=subject_id or uuid4(),
                purpose="totp" if totp else "binance",
                algorithm=algorithm,
                key_version=1,
            ),
        )

    async def link(
        self, secret: bytes, algorithm: str = "hmac-sha256", *, counters: Sequence[int] = ()
    ) -> ImportedKey:
        """The whole way of a secret: sealing key, phone, import."""
        key = await self.sealing.open_sealing_key()
        seal_context, storage_context = self.contexts(algorithm)
        proof = None
        if seal_context.purpose == "exchange":
            proof = Proof(b"proof", phone.hmac_of(secret, algorithm, b"proof"))
        return await self.sealing.import_secret(
            sealing_key_id=key.sealing_key_id,
            envelope=seal_for(key, phone.hmac_k0(secret, algorithm), seal_context),
            seal_context=seal_context,
            storage_context=storage_context,
            proof=proof,
            totp_counters=counters,
        )


def seal_for(key: SealingKey, k0: bytes, context: SealContext) -> Envelope:
    point, ciphertext, _ = phone.seal(
        k0,
        public_point=key.public_point,
        trader_id=str(context.trader_id),
        purpose=context.purpose,
        subject=context.subject,
        algorithm=context.algorithm,
    )
    return Envelope(point, ciphertext)


@contextlib.asynccontextmanager
async def open_desk(config: VaultConfig) -> AsyncIterator[Desk]:
    async with HsmWorkers(config) as workers:
        yield Desk(workers)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def may_read_memory() -> bool:
    """Workers are not dumpable: only root may look into them."""
    return os.geteuid() == 0 and Path("/proc/self/mem").exists()
