"""Refusals of the vault. None says why in more detail than the caller may know."""

from app.core.errors import DomainError, Unavailable


class HsmUnavailable(Unavailable):
    """The HSM did not answer within the deadline, is restarting, or failed on a genuine request."""

    code = "hsm_unavailable"
    sentence = "The security module did not answer, so nothing was done."


class PinRefused(HsmUnavailable):
    """The HSM refused the PIN, or only a last attempt is left. Never retried by this process."""

    code = "hsm_pin_refused"
    sentence = "The security module refused its PIN; a person has to look before it is tried again."


class ModuleRefused(HsmUnavailable):
    """The start-up self-test found a module or a key that does not protect what it must."""

    code = "hsm_module_refused"
    sentence = "The security module failed its self-test, so it is not used."


class EvidenceForged(DomainError):
    """A row's MAC, or the MAC of a wrapped key, is not the one a signer wrote."""

    code = "evidence_forged"
    sentence = "A stored record is not as it was written, so it is not used."


class SealingKeyGone(DomainError):
    """The one-time sealing key was used, has expired, or went with its worker."""

    code = "sealing_key_gone"
    sentence = "The sealing key can no longer be used; ask for a new one and seal again."


class EnvelopeRefused(DomainError):
    """The envelope does not open under this key and context. Which of the two is not told."""

    code = "envelope_refused"
    sentence = "The sealed secret does not open for this purpose; seal it again."


class ProofRefused(DomainError):
    """The proof was not made with the secret inside the envelope."""

    code = "proof_refused"
    sentence = "The proof was not made with the sealed secret."
