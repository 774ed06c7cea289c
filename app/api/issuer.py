"""/.well-known of the issuer of security event tokens: its key and what it transmits."""

from typing import Any, Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Response

from app.api.services import Services

_CACHE: Final = {"Cache-Control": "public, max-age=300"}


class IssuerController(Controller):
    tags = ("webhooks",)

    @get("/.well-known/jwks.json")
    async def keys(self, services: NamedDependency[Services]) -> Response[dict[str, Any]]:
        """The issuer's public key (RFC 7517). Its private half is in the HSM."""
        status = await services.issuer_status()
        key = {**status.issuer_jwk, "kid": status.issuer_kid, "alg": "RS256", "use": "sig"}
        return Response({"keys": [key]}, headers=_CACHE)

    @get("/.well-known/ssf-configuration")
    async def transmitter(self, services: NamedDependency[Services]) -> Response[dict[str, Any]]:
        """Transmitter metadata (SSF 1.0 section 7.1). Streams are managed as /v1/webhooks."""
        origin = services.public_origin
        return Response(
            {
                "spec_version": "1_0",
                "issuer": origin,
                "jwks_uri": f"{origin}/.well-known/jwks.json",
                "delivery_methods_supported": ["urn:ietf:rfc:8935"],
                "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
            },
            headers=_CACHE,
        )
