"""Templates of what others ask for, of changes to where notices go, and of many actions at once."""

from scripts.clients.rows import CLAIMED, Kind, Row, Template

ASKED: dict[str, Template] = {
    "external/1": Template(
        "trade.external",
        "Let this platform do this?",
        (
            Row("platform_name", "Platform", Kind.TEXT),
            Row("kind", "It will do a"),
            Row("description", "In its words", Kind.TEXT),
            Row("side", "Side"),
            Row("market", "Market"),
            Row("venue", "Venue"),
            Row("amount", "Amount", optional=True),
            Row("amount.amount", "Amount", Kind.AMOUNT, optional=True),
            Row("amount.quote", "Amount, in", optional=True),
            Row("recipient", "To"),
            Row("reference", "Its reference"),
            *CLAIMED,
            Row("platform_id", "Platform record"),
        ),
    ),
    "key_rotate/1": Template(
        "trade.key_rotate",
        "Use another exchange key from now on?",
        (
            Row("venue", "Venue"),
            Row("label", "Your name for it", Kind.TEXT),
            Row("to_api_key_id", "New API key"),
            Row("from_api_key_id", "In place of"),
            Row("permissions.*", "May"),
            Row("ip_restricted", "Only from fixed addresses", Kind.FLAG),
            Row("envelope_sha256", "Sealed secret"),
            Row("credential_id", "Key record"),
        ),
    ),
    "contact_change/1": Template(
        "contact.change",
        "Send notices to another place?",
        (
            Row("channel", "By"),
            Row("to_address", "From now on to"),
            Row("from_address", "Until now to"),
            Row("requested_by", "Asked by"),
            Row("contact_id", "Contact record"),
        ),
    ),
    "webhook_change/1": Template(
        "webhook.change",
        "Let the platform be told at another address?",
        (
            Row("platform_name", "Platform", Kind.TEXT),
            Row("to_url", "From now on at"),
            Row("from_url", "Until now at"),
            Row("events.*", "Of"),
            Row("requested_by", "Asked by"),
            Row("platform_id", "Platform record"),
            Row("webhook_id", "Webhook record"),
        ),
    ),
    "re_enrol/1": Template(
        "trader.re_enrol",
        "Give this account to a new device?",
        (
            Row("device_name", "New device", Kind.TEXT),
            Row("authenticator_lost", "Authenticator lost as well", Kind.FLAG),
            Row("not_before", "Not before"),
            Row("jkt", "Its key"),
            Row("re_enrolment_id", "Re-enrolment record"),
        ),
    ),
    "batch/1": Template(
        "trade.batch",
        "Do all of these?",
        (
            Row("count", "How many", Kind.COUNT),
            Row("of", "Each a"),
            Row("total", "Worth together", optional=True),
            Row("total.*.amount", "Worth together", Kind.AMOUNT, optional=True),
            Row("total.*.quote", "Worth together, in", optional=True),
            Row("requested_by", "Asked by"),
        ),
    ),
}
