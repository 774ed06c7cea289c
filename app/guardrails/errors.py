"""Refusals of the guardrails. `rule` is the stable name of the rule, `node` the node's id."""

from app.core.errors import DomainError


class GuardrailRefused(DomainError):
    code = "guardrail_refused"
    sentence = "A guardrail does not allow this order."


class RungForbids(GuardrailRefused):
    code = "containment_forbids"
    sentence = "This is contained or revoked, and its level does not allow the action."


class VenueFilterRefused(GuardrailRefused):
    """Rule `venue_filter`; `filter_name` is the field of MarketView that was not met."""

    code = "venue_filter_refused"
    sentence = "The exchange does not take an order of this size or price in this market."

    def __init__(self, *, filter_name: str) -> None:
        super().__init__(rule="venue_filter")
        self.filter_name = filter_name


class WiderThanParent(DomainError):
    """`rule` is the field of the child that is wider than its parent's."""

    code = "wider_than_parent"
    sentence = "A child may not be allowed more than its parent."


class AmountRefused(DomainError):
    """A number that is not a plain positive decimal of sensible size."""

    code = "amount_refused"
    sentence = "An amount must be a plain positive decimal number."
