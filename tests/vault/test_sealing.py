"""From the phone into the HSM: what opens, and everything that must not."""

from uuid import uuid4

import msgspec
import pytest

from app.vault.errors import EnvelopeRefused, ProofRefused, SealingKeyGone
from app.vault.models import Envelope, Proof, SealContext, StorageContext
from tests.vault import phone
from tests.vault.support import Desk, seal_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


SECRET = b"an exchange secret of forty characters.."


async def _import(
    desk: Desk,
    *,
    sealed_as: SealContext | None = None,
    flip: int | None = None,
    proof: Proof | None = None,
    k0: bytes | None = None,
    ephemeral: bytes | None = None,
    presented: SealContext | None = None,
    stored: StorageContext | None = None,
) -> None:
    key = await desk.sealing.open_sealing_key()
    seal_context, storage_context = desk.contexts()
    envelope = seal_for(key, k0 or phone.hmac_k0(SECRET, "hmac-sha256"), sealed_as or seal_context)
    if flip is not None:
        changed = bytearray(envelope.ciphertext)
        changed[flip // 8] ^= 1 << flip % 8
        envelope = Envelope(envelope.ephemeral, bytes(changed))
    if ephemeral is not None:
        envelope = Envelope(ephemeral, envelope.ciphertext)
    await desk.sealing.import_secret(
        sealing_key_id=key.sealing_key_id,
        envelope=envelope,
        seal_context=presented or seal_context,
        storage_context=stored or storage_context,
        proof=proof or Proof(b"m", phone.hmac_of(SECRET, "hmac-sha256", b"m")),
    )


async def test_a_sealed_secret_signs_what_the_secret_itself_would(desk: Desk) -> None:
    imported = await desk.link(SECRET)
    signed = await desk.signing.sign(checks=(), key=imported.key, message=b"symbol=BTCUSDT")
    assert signed.signature == phone.hmac_of(SECRET, "hmac-sha256", b"symbol=BTCUSDT")


async def test_what_is_stored_is_longer_than_the_secret_and_does_not_contain_it(desk: Desk) -> None:
    key = (await desk.link(SECRET)).key
    assert len(key.blob) == 72
    assert SECRET[:8] not in key.blob


@pytest.mark.parametrize(
    "change",
    [
        {"trader_id": uuid4()},
        {"subject": "okx/AKID"},
        {"subject": "binance/OTHER"},
        {"algorithm": "hmac-sha512"},
        {"algorithm": "SHA256", "purpose": "totp"},
        {"purpose": "totp"},
    ],
    ids=["trader", "venue", "api key", "algorithm", "totp", "purpose"],
)
async def test_an_envelope_for_another_context_does_not_open(
    desk: Desk, change: dict[str, object]
) -> None:
    seal_context, _ = desk.contexts()
    with pytest.raises(EnvelopeRefused):
        await _import(desk, sealed_as=msgspec.structs.replace(seal_context, **change))


async def test_every_kind_of_flipped_bit_is_refused(desk: Desk) -> None:
    for flip in range(0, 72 * 8, 41):
        with pytest.raises(EnvelopeRefused):
            await _import(desk, flip=flip)


async def test_a_totp_seed_cannot_be_presented_as_an_exchange_secret(desk: Desk) -> None:
    seal_context, storage_context = desk.contexts("SHA256")
    with pytest.raises(EnvelopeRefused):
        await _import(desk, sealed_as=seal_context, presented=seal_context, stored=storage_context)


@pytest.mark.parametrize(
    "change",
    [{"trader_id": uuid4()}, {"algorithm": "hmac-sha512"}, {"purpose": "totp"}],
    ids=["trader", "algorithm", "purpose"],
)
async def test_a_secret_is_not_stored_under_another_context_than_it_was_sealed_for(
    desk: Desk, change: dict[str, object]
) -> None:
    _, storage_context = desk.contexts()
    with pytest.raises(EnvelopeRefused):
        await _import(desk, stored=msgspec.structs.replace(storage_context, **change))


@pytest.mark.parametrize("length", [32, 56, 72, 128])
async def test_a_secret_that_is_not_one_block_long_is_refused(desk: Desk, length: int) -> None:
    with pytest.raises(EnvelopeRefused):
        await _import(desk, k0=bytes(length))


@pytest.mark.parametrize(
    "ephemeral",
    [
        b"",
        b"\x04" + bytes(64),
        b"\x04" + b"\xff" * 64,
        b"\x04" + (5).to_bytes(32, "big") + (7).to_bytes(32, "big"),
        b"\x02" + bytes(32),
    ],
    ids=["empty", "zero", "beyond the field", "off the curve", "compressed"],
)
async def test_an_ephemeral_point_off_the_curve_is_refused(desk: Desk, ephemeral: bytes) -> None:
    with pytest.raises(EnvelopeRefused):
        await _import(desk, ephemeral=ephemeral)


async def test_a_proof_by_another_secret_is_refused(desk: Desk) -> None:
    wrong = Proof(b"m", phone.hmac_of(b"another secret", "hmac-sha256", b"m"))
    with pytest.raises(ProofRefused):
        await _import(desk, proof=wrong)
    with pytest.raises(ProofRefused):
        await _import(desk, proof=Proof(b"m", b""))


async def test_an_exchange_secret_without_a_proof_is_refused(desk: Desk) -> None:
    key = await desk.sealing.open_sealing_key()
    seal_context, storage_context = desk.contexts()
    with pytest.raises(EnvelopeRefused):
        await desk.sealing.import_secret(
            sealing_key_id=key.sealing_key_id,
            envelope=seal_for(key, phone.hmac_k0(SECRET, "hmac-sha256"), seal_context),
            seal_context=seal_context,
            storage_context=storage_context,
        )


@pytest.mark.parametrize("first_succeeds", [True, False])
async def test_a_sealing_key_serves_one_import_whatever_its_outcome(
    desk: Desk, *, first_succeeds: bool
) -> None:
    key = await desk.sealing.open_sealing_key()
    seal_context, storage_context = desk.contexts()
    envelope = seal_for(key, phone.hmac_k0(SECRET, "hmac-sha256"), seal_context)
    good = Proof(b"m", phone.hmac_of(SECRET, "hmac-sha256", b"m"))
    order = [good, good] if first_succeeds else [Proof(b"m", bytes(32)), good]
    outcomes: list[type[BaseException] | None] = []
    for proof in order:
        try:
            await desk.sealing.import_secret(
                sealing_key_id=key.sealing_key_id,
                envelope=envelope,
                seal_context=seal_context,
                storage_context=storage_context,
                proof=proof,
            )
            outcomes.append(None)
        except (ProofRefused, SealingKeyGone) as refusal:
            outcomes.append(type(refusal))
    assert outcomes == [None if first_succeeds else ProofRefused, SealingKeyGone]


async def test_an_envelope_for_one_sealing_key_does_not_open_with_another(desk: Desk) -> None:
    first, second = [await desk.sealing.open_sealing_key() for _ in range(2)]
    seal_context, storage_context = desk.contexts()
    with pytest.raises(EnvelopeRefused):
        await desk.sealing.import_secret(
            sealing_key_id=second.sealing_key_id,
            envelope=seal_for(first, phone.hmac_k0(SECRET, "hmac-sha256"), seal_context),
            seal_context=seal_context,
            storage_context=storage_context,
            proof=Proof(b"m", phone.hmac_of(SECRET, "hmac-sha256", b"m")),
        )


async def test_an_unknown_sealing_key_is_gone(desk: Desk) -> None:
    seal_context, storage_context = desk.contexts()
    with pytest.raises(SealingKeyGone):
        await desk.sealing.import_secret(
            sealing_key_id=uuid4(),
            envelope=Envelope(b"", b""),
            seal_context=seal_context,
            storage_context=storage_context,
        )
