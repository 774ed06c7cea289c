"""Rows a database writer changed, and blobs moved between rows, are worth nothing."""

from uuid import uuid4

import msgspec
import pytest

from app.core.errors import Malformed
from app.vault.errors import EvidenceForged
from app.vault.models import StorageContext, WrappedKey
from tests.vault import phone
from tests.vault.support import Desk, row

pytestmark = pytest.mark.asyncio(loop_scope="module")


FIRST, SECOND = b"the first secret of this trader", b"the second secret of this trader"


async def test_a_sealed_row_verifies_and_a_changed_one_does_not(desk: Desk) -> None:
    (tag,) = await desk.evidence.seal([row("a")])
    await desk.evidence.verify([(row("a"), tag)])
    with pytest.raises(EvidenceForged):
        await desk.evidence.verify([(row("b"), tag)])
    with pytest.raises(EvidenceForged):
        await desk.evidence.verify([(row("a"), tag[:-1])])


async def test_one_forged_row_among_many_refuses_all(desk: Desk) -> None:
    messages = [row(str(number)) for number in range(9)]
    checks = list(zip(messages, await desk.evidence.seal(messages), strict=True))
    await desk.evidence.verify(checks)
    checks[4] = (checks[4][0], checks[5][1])
    with pytest.raises(EvidenceForged):
        await desk.evidence.verify(checks)


async def test_the_row_key_seals_nothing_but_evidence_messages(desk: Desk) -> None:
    for message in (b"", b"tripcord/blob/v1", b"tripcord/evidence/v1", b"\0\0\0\x10tripcord/blob"):
        with pytest.raises(Malformed):
            await desk.evidence.seal([message])


async def test_a_forged_check_refuses_the_signature_and_the_seals(desk: Desk) -> None:
    key = (await desk.link(FIRST)).key
    (tag,) = await desk.evidence.seal([row("grant")])
    signed = await desk.signing.sign(
        checks=[(row("grant"), tag)], key=key, message=b"m", seal=[row("order")]
    )
    assert signed.signature == phone.hmac_of(FIRST, "hmac-sha256", b"m")
    await desk.evidence.verify([(row("order"), signed.tags[0])])
    with pytest.raises(EvidenceForged):
        await desk.signing.sign(checks=[(row("other"), tag)], key=key, message=b"m")
    with pytest.raises(EvidenceForged):
        await desk.signing.totp_hmacs(
            checks=[(row("other"), tag)],
            key=(await desk.link(FIRST, "SHA1")).key,
            counters=(1,),
        )


async def test_a_seal_that_is_no_evidence_refuses_the_signature_too(desk: Desk) -> None:
    key = (await desk.link(FIRST)).key
    with pytest.raises(Malformed):
        await desk.signing.sign(checks=(), key=key, message=b"m", seal=[b"anything"])


def _edited(key: WrappedKey, storage: StorageContext, **changes: object) -> WrappedKey:
    context = msgspec.structs.replace(storage, **changes).encode()
    return msgspec.structs.replace(key, context=context)


async def test_a_blob_belongs_to_its_own_row(desk: Desk) -> None:
    first, second = (await desk.link(FIRST)).key, (await desk.link(SECOND)).key
    algorithm = (await desk.link(FIRST, "hmac-sha512")).key
    replace = msgspec.structs.replace
    forged = {
        "blob": replace(first, blob=second.blob),
        "blob and mac": replace(first, blob=second.blob, mac=second.mac),
        "context": replace(first, context=second.context),
        "mac": replace(first, mac=bytes(32)),
        "no mac": replace(first, mac=b""),
        "shard": replace(first, shard="shard-rsa-00"),
        "unknown shard": replace(first, shard="shard-hmac-01"),
        "algorithm": replace(first, algorithm="hmac-sha384"),
        "block": replace(algorithm, algorithm="hmac-sha256"),
        "bit": replace(first, blob=bytes([first.blob[0] ^ 1]) + first.blob[1:]),
    }
    for warm in (False, True):
        if warm:
            for key in (first, second):
                await desk.signing.sign(checks=(), key=key, message=b"m")
        for name, key in forged.items():
            with pytest.raises(EvidenceForged):
                await desk.signing.sign(checks=(), key=key, message=b"m")
            assert name


@pytest.mark.parametrize(
    "change",
    [
        {"trader_id": uuid4()},
        {"subject_id": uuid4()},
        {"purpose": "okx"},
        {"algorithm": "hmac-sha512"},
        {"key_version": 2},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_every_part_of_the_context_is_bound(desk: Desk, change: dict[str, object]) -> None:
    subject_id = uuid4()
    seal_context, storage = desk.contexts(subject_id=subject_id)
    assert seal_context.trader_id == storage.trader_id
    desk.contexts = lambda *_, **__: (seal_context, storage)  # type: ignore[method-assign]
    key = (await desk.link(FIRST)).key
    assert key.context == storage.encode()
    with pytest.raises(EvidenceForged):
        await desk.signing.sign(checks=(), key=_edited(key, storage, **change), message=b"m")


async def test_counters_are_a_window_not_a_book(desk: Desk) -> None:
    key = (await desk.link(FIRST, "SHA1")).key
    for counters in (range(17), [-1], [2**63]):
        with pytest.raises(Malformed):
            await desk.signing.totp_hmacs(checks=(), key=key, counters=list(counters))
