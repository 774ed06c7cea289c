"""Prove possession of a TOTP authenticator; the HMAC is made in the HSM."""

from uuid import UUID

from app.core.clock import Clock
from app.core.errors import Malformed
from app.db.pool import Database, Tx
from app.deciding.methods import Asked, Proof
from app.otp import store
from app.otp.errors import TotpLocked, TotpRejected
from app.otp.models import TotpFactor, TotpProof, WrappedSeed
from app.otp.totp import candidate_steps, matching_step
from app.vault.models import StorageContext, WrappedKey
from app.vault.unwrap import SigningKeys


def wrapped_seed(factor: TotpFactor, seed: WrappedSeed) -> WrappedKey:
    """The seed as the vault knows it: its context comes from the factor's own columns."""
    context = StorageContext(
        trader_id=factor.trader_id,
        subject_id=factor.factor_id,
        purpose="totp",
        algorithm=factor.algorithm,
        key_version=1,
    )
    return WrappedKey(
        shard=seed.shard,
        algorithm=factor.algorithm,
        blob=seed.blob,
        context=context.encode(),
        mac=seed.blob_mac,
    )


class TotpVerifier:
    def __init__(self, db: Database, keys: SigningKeys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    async def prove(self, trader_id: UUID, root_id: UUID, code: str) -> TotpProof:
        """Check a code; the attempt is charged and committed whatever the outcome.

        Raises
        ------
        TotpLocked
            No attempts left for now, or no authenticator (indistinguishable to callers).
        TotpRejected
            The code does not match an unused step.
        EvidenceForged
            The factor's row is not as the signer wrote it.
        """
        now = self._clock.now()
        # Own transaction: a rollback further up must not refund the guess.
        async with self._db.transaction() as tx:
            attempt = await store.reserve_attempt(tx, trader_id, now)
        if attempt is None or attempt.factor.root_id != root_id:
            raise TotpLocked(retry_after_seconds=store.LOCK_SECONDS)
        factor, steps = attempt.factor, candidate_steps(now)
        hmacs = await self._keys.totp_hmacs(
            checks=[(factor.evidence(), factor.mac)],
            key=wrapped_seed(factor, attempt.seed),
            counters=steps,
        )
        step = matching_step(
            hmacs,
            steps,
            code=code,
            digits=factor.digits,
            last_used_step=attempt.last_used_step,
        )
        return TotpProof(factor.factor_id, step)

    async def spend(self, tx: Tx, trader_id: UUID, proof: TotpProof) -> None:
        """Use up a proof in the caller's transaction, or raise TotpRejected."""
        if not await store.spend_step(tx, trader_id, proof.factor_id, proof.step):
            raise TotpRejected


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
        proof = await self._totp.prove(trader_id, asked.device.root_id, asked.code)
        return Unspent(self._totp, trader_id, proof)
