"""GET /card: the page that a revocation card's QR code opens.

The card is in the fragment, which no browser sends; a script of our own reads it, takes it out of
the address and sends it after a confirming tap. The page is constant bytes: it needs nothing that
can be down, and loads nothing from anywhere else.
"""

import base64
import hashlib
from importlib import resources

from litestar import Controller, get
from litestar.response import Response

_FILES = resources.files("app.api") / "page"
_JS = (_FILES / "card.js").read_bytes()
_CSS = (_FILES / "card.css").read_bytes()
_INTEGRITY = "sha384-" + base64.b64encode(hashlib.sha384(_JS).digest()).decode()
_HTML = (_FILES / "card.html").read_bytes().replace(b"@@JS@@", _INTEGRITY.encode())

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types 'none'"
)
"""No inline script or style, nothing of another origin, no framing: a page that can end everything
must not be put under somebody's finger."""

_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class CardPageController(Controller):
    path = "/card"
    include_in_schema = False

    @get()
    async def page(self) -> Response[bytes]:
        return _response(_HTML, "text/html")

    @get("/card.js")
    async def script(self) -> Response[bytes]:
        return _response(_JS, "text/javascript")

    @get("/card.css")
    async def style(self) -> Response[bytes]:
        return _response(_CSS, "text/css")


def _response(content: bytes, media_type: str) -> Response[bytes]:
    return Response(content, media_type=media_type, headers=_HEADERS)
