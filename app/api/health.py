"""/livez and /readyz: for supervisors and people; nothing about traders."""

from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Response

from app.api.services import Services
from app.core.errors import DomainError

_UNAVAILABLE = 503


class HealthController(Controller):
    tags = ("operations",)

    @get("/livez")
    async def live(self) -> dict[str, str]:
        return {"status": "ok"}

    @get("/readyz")
    async def ready(self, services: NamedDependency[Services]) -> Response[dict[str, Any]]:
        """200 when an order could be signed and sent now, else 503 and which part is missing."""
        parts: dict[str, bool] = {"database": False, "signer": False, "courier": False}
        try:
            async with services.db.session() as tx:
                parts["database"] = await tx.fetchval("SELECT 1") == 1
            status = await services.signer_status()
            parts["signer"], parts["courier"] = status.ready, status.courier_connected
        except DomainError:
            pass
        ready = all(parts.values())
        return Response(
            {"ready": ready, "parts": parts}, status_code=200 if ready else _UNAVAILABLE
        )
