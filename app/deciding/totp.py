"""Prove possession of a TOTP authenticator; the HMAC is made in the HSM."""

from uuid import UUID

from app.core.clock import Clock
from app.core.errors import Malformed
from app.db.pool import Database, Tx
from app.deciding.methods import Asked, Proof
from app.otp import store
from app.otp.errors import FactorUnnamed, TotpLocked, TotpReplayed
from app.otp.models import TotpFactor, TotpProof, WrappedSeed
from app.otp.totp import candidate_steps, matching_step
from app.vault.models import StorageContext, WrappedKey
from app.vault.unwrap import SigningKeys


def wrapped_seed(factor: TotpFactor, seed: WrappedSeed) -> WrappedKey:
    """The seed as the vault knows it: its context comes from the factor's own columns."""
    return WrappedKey(
        shard=seed.shard,
        algorithm=factor.algorithm,
        blob=seed.blob,
        context=_context(factor).encode(),
        mac=seed.blob_mac,
    )


def _context(factor: TotpFactor) -> StorageContext:
    return StorageContext(
        trader_id=factor.trader_id,
        subject_id=factor.factor_id,
        purpose="totp",
        algorithm=factor.algorithm,
        key_version=1,
    )


class TotpVerifier:
    def __init__(self, db: Database, keys: SigningKeys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    async def prove(
        self,
        trader_id: UUID,
        root_id: UUID,
        code: str,
        *,
        factor_id: UUID | None = None,
        or_oldest: bool = False,
    ) -> TotpProof:
        """Check a code; the attempt is charged and committed whatever the outcome.

        Without `factor_id` it is of the only authenticator; with `or_oldest` of the oldest one, for
        who signs in and cannot know their names.

        Raises
        ------
        TotpLocked
            No attempts left for now, or no authenticator (indistinguishable to callers).
        FactorUnnamed
            Several could be meant; nothing was charged.
        TotpRejected, TotpReplayed
            The code does not match an unused step.
        EvidenceForged
            The factor's row is not as the signer wrote it.
        """
        now = self._clock.now()
        # Own transaction: a rollback further up must not refund the guess.
        async with self._db.session() as tx:
            attempt = await store.reserve_attempt(
                tx, trader_id, root_id, now, factor_id=factor_id, or_oldest=or_oldest
            )
            is_unnamed = attempt is None and not (factor_id or or_oldest)
            if is_unnamed and await store.has_several(tx, trader_id, root_id):
                raise FactorUnnamed
        if attempt is None:
            raise TotpLocked(retry_after_seconds=store.LOCK_SECONDS)
        factor, steps = attempt.factor, candidate_steps(now)
        hmacs = await self._keys.totp_hmacs(
            checks=[(factor.evidence(), factor.mac)],
            key=wrapped_seed(factor, attempt.seed),
            counters=steps,
        )
        try:
            step = matching_step(
                hmacs,
                steps,
                code=code,
                digits=factor.digits,
                last_used_step=attempt.last_used_step,
            )
        except TotpReplayed:
            raise TotpReplayed(factor.factor_id) from None
        return TotpProof(factor.factor_id, step)

    async def forget(self, factor: TotpFactor) -> None:
        """Destroy the HSM's handle of a seed that was removed."""
        await self._keys.forget(_context(factor).encode())

    async def spend(self, tx: Tx, trader_id: UUID, proof: TotpProof) -> None:
        """Use up a proof in the caller's transaction, or raise TotpReplayed."""
        if not await store.spend_step(tx, trader_id, proof.factor_id, proof.step):
            raise TotpReplayed(proof.factor_id)


class Unspent:
    """A code's proof, spent in the transaction of the decision."""

    def __init__(self, totp: TotpVerifier, trader_id: UUID, proof: TotpProof) -> None:
        self._totp = totp
        self._trader_id = trader_id
        self._proof = proof

    @property
    def factor_id(self) -> UUID:
        return self._proof.factor_id

    async def spend(self, tx: Tx) -> None:
        await self._totp.spend(tx, self._trader_id, self._proof)


class TotpMethod:
    def __init__(self, totp: TotpVerifier) -> None:
        self._totp = totp

    async def prove(self, asked: Asked) -> Proof:
        """As `TotpVerifier.prove`, for the code that came with the decision."""
        if asked.code is None:
            raise Malformed
        trader_id = asked.approval.trader_id
        proof = await self._totp.prove(
            trader_id, asked.device.root_id, asked.code, factor_id=asked.factor_id
        )
        return Unspent(self._totp, trader_id, proof)
