"""/v1/venues: what is supported and how well, and how to connect a key. Open to anyone."""

from typing import Any, Final

import msgspec
from litestar import Controller, get
from litestar.params import FromPath
from litestar.response import Response

from app.api.shapes_venues import GuideView, VenueList, VenueView
from app.exchanges import guides

_CACHE: Final = {"Cache-Control": "public, max-age=300"}


class VenueController(Controller):
    path = "/v1/venues"
    tags = ("venues",)

    @get()
    async def list_all(self) -> Response[VenueList]:
        """Every venue by name, one item per product; those that are gone say so."""
        lines: list[Any] = msgspec.to_builtins(guides.table())
        items = [msgspec.convert(line, VenueView) for line in lines]
        return Response(VenueList(items=items), headers=_CACHE)

    @get("/{venue_id:str}/guide")
    async def guide(self, venue_id: FromPath[str]) -> Response[GuideView]:
        """Connect-your-key steps, with the documents they were taken from."""
        told: dict[str, Any] = msgspec.to_builtins(guides.guide_of(venue_id))
        view = msgspec.convert({"venue": venue_id} | told, GuideView)
        return Response(view, headers=_CACHE)
