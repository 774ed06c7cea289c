"""/.well-known files by which browsers and phones know which apps and origins are ours."""

from typing import Any, Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Response

from app.api.services import Services

_CACHE: Final = {"Cache-Control": "public, max-age=300"}


class AssociationController(Controller):
    tags = ("passkeys",)

    @get("/.well-known/assetlinks.json")
    async def android(self, services: NamedDependency[Services]) -> Response[Any]:
        """Digital Asset Links: the Android apps that may use our passkeys."""
        return Response(services.association_files["assetlinks.json"], headers=_CACHE)

    @get("/.well-known/apple-app-site-association")
    async def apple(self, services: NamedDependency[Services]) -> Response[Any]:
        """The apps for Apple's systems that may use our passkeys (`webcredentials`)."""
        return Response(
            services.association_files["apple-app-site-association"],
            headers=_CACHE,
            media_type="application/json",
        )

    @get("/.well-known/webauthn")
    async def related_origins(self, services: NamedDependency[Services]) -> Response[Any]:
        """The origins that may use our RP ID (WebAuthn Level 3 section 5.11)."""
        return Response(
            services.association_files["webauthn"], headers=_CACHE, media_type="application/json"
        )
