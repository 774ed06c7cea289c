"""How strong an approval must be that adds or removes a factor, whatever the policy says (P7).

A chain of approvals is as strong as its weakest link: who could add a passkey with a one-time code
could afterwards approve with the passkey whatever takes one.
"""

from app.db.pool import Tx
from app.devices.models import Device
from app.guardrails.strength import Strength
from app.otp import store as otp
from app.otp.errors import LastFactor
from app.otp.models import TotpFactor
from app.vault.evidence import Evidence
from app.webauthn import store as passkeys
from app.webauthn.models import Passkey, usable


async def to_add(tx: Tx, evidence: Evidence, device: Device) -> Strength:
    """As strong as the strongest factor there is, whatever is added.

    A frozen passkey still counts: that it was frozen is no reason to ask for less. All of the
    trader's rows are verified, those too that say they are removed or another root's.

    Raises
    ------
    EvidenceForged
        A row is not as the signer wrote it.
    """
    known = await passkeys.list_all(tx, device.trader_id)
    if known:
        await evidence.verify([(passkey.evidence(), passkey.mac) for passkey in known])
    if any(p.root_id == device.root_id and p.state in {"active", "frozen"} for p in known):
        return Strength.PHISHING_RESISTANT
    return Strength.OUT_OF_BAND


def to_remove(passkey: Passkey) -> Strength:
    """As strong as what is removed; a frozen one proves nothing any more.

    Whoever froze it held its key, and could have approved with it instead.
    """
    return Strength.OUT_OF_BAND if passkey.state == "frozen" else Strength.PHISHING_RESISTANT


async def check_not_last(tx: Tx, evidence: Evidence, factor: TotpFactor | Passkey) -> None:
    """Raise LastFactor unless another one under the same root can approve, by the HSM's word.

    An authenticator app that is itself about to go is verified with the others.
    """
    trader_id, root_id = factor.trader_id, factor.root_id
    living: list[TotpFactor | Passkey] = [
        *await otp.list_living(tx, trader_id, root_id),
        *usable(await passkeys.list_all(tx, trader_id), root_id),
    ]
    if all(one.factor_id == factor.factor_id for one in living):
        raise LastFactor
    await evidence.verify([(one.evidence(), one.mac) for one in living])
