"""A mail as it came in, and as a person reads it."""

from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted mail.

    Attributes
    ----------
    sender
        Of the envelope: MAIL FROM; empty for a bounce.
    recipients
        Of the envelope: every RCPT TO of this mail, also those whose box it is not in.
    headers
        In the order sent, decoded.
    text, html
        The body in either form; None where there is none.
    account
        Whose login handed it in.
    tls
        Protocol version of the connection, such as TLSv1.3.
    """

    queue_id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str | None
    html: str | None
    account: str
    tls: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What the dialogue said about a mail, beside its content."""

    sender: str
    recipients: tuple[str, ...]
    account: str
    tls: str


def read_letter(
    content: bytes, envelope: Envelope, *, queue_id: str, received_at: datetime
) -> Letter:
    """Read RFC 5322 as leniently as mail programs do: what cannot be read is left as it is."""
    parsed = message_from_bytes(content, policy=policy.default)
    headers = tuple((name, str(value)) for name, value in parsed.items())
    return Letter(
        queue_id=queue_id,
        received_at=received_at,
        sender=envelope.sender,
        recipients=envelope.recipients,
        headers=headers,
        subject=str(parsed.get("Subject", "")),
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
        account=envelope.account,
        tls=envelope.tls,
    )


def _body(parsed: EmailMessage, kind: str) -> str | None:
    part = parsed.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an unknown charset or broken encoding
        return str(part.get_payload())
