"""Keep web pages of other origins away from what lies under /mock.

A person has the mock's page open in the browser they use for everything. Without this, any page
they visit could set faults (a form needs no permission to send), and one whose name is made to lead
to 127.0.0.1 (DNS rebinding) could read every message.
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.exceptions import PermissionDeniedException

from mock_push.world import World

GUARDED = ("/mock/", "/page/")
FOREIGN = ("cross-site", "same-site")


class Guard:
    """Runs before every request."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, request: Request[Any, Any, Any]) -> None:
        """Refuse a foreign page, and a name that is not this machine's.

        Raises
        ------
        PermissionDeniedException
            403.
        """
        path = request.scope["path"]
        if path != "/" and not path.startswith(GUARDED):
            return
        if not self._world.anywhere and not _is_loopback(request.headers.get("host", "")):
            raise PermissionDeniedException("This name is not a loopback address.")
        if path != "/" and request.headers.get("sec-fetch-site") in FOREIGN:
            raise PermissionDeniedException("Another site's page may not do that.")


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
