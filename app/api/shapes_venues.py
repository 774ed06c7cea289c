"""What /v1/venues answers: the table, and one venue's guide."""

from app.api.shapes import Out


class VenueView(Out, frozen=True, kw_only=True):
    """`status`: tradable (keys can be linked), dialect (proven, not fed yet) or gone.

    `proof` says how the requests were verified, `unverified` what nobody could verify.
    """

    id: str
    title: str
    product: str
    settles_in: str | None
    status: str
    signature: str
    secret_in_clear: bool
    can_delete_key: bool
    proof: list[str]
    unverified: list[str]
    documentation: str | None
    emergency: str | None


class VenueList(Out, frozen=True):
    items: list[VenueView]


class SourceView(Out, frozen=True, kw_only=True):
    title: str
    url: str
    dated: str
    read: str


class StepView(Out, frozen=True, kw_only=True):
    """`source` is a name in the guide's `sources`, or "unverified"."""

    text: str
    source: str


class RightsView(Out, frozen=True, kw_only=True):
    tick: list[str]
    may: list[str]
    never: list[str]
    source: str


class BudgetsView(Out, frozen=True, kw_only=True):
    data: str
    orders: str
    source: str


class GuideView(Out, frozen=True, kw_only=True):
    """How to connect a key: what to do at the venue, which rights to tick and which never."""

    venue: str
    title: str
    signature: str
    secrets: list[str]
    market_ids: str
    client_order_ids: str
    permission_read_back: str
    key_deletion: str
    steps: list[StepView]
    rights: RightsView
    addresses: StepView
    symbol_whitelist: StepView
    budgets: BudgetsView
    documentation: str
    emergency: str
    sources: dict[str, SourceView]
    proof: list[str]
    unverified: list[str]
