"""The revocation card on paper: made on the phone, printed from there, kept apart from it.

The QR code carries the card in the fragment of the service's page `/card`: a browser sends a
fragment to nobody, and the page sends the card only after a person confirmed. Print it from the
phone or a computer you trust; what prints it can pull the cord.
"""

import html
import io

import segno

from scripts.clients.encoding import Secret
from scripts.clients.tokens import RevocationCard

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Tripcord revocation card {number}</title>
<style>
body {{ font: 12pt/1.4 sans-serif; margin: 2cm; max-width: 15cm; }}
svg {{ display: block; height: 6cm; margin: 1cm 0; width: 6cm; }}
code {{ font-size: 11pt; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>Tripcord revocation card</h1>
<p>For <strong>{name}</strong>. Whoever holds this paper can end everything: every bot, key, session
and phone of this account stops at once. It can do nothing else, and it cannot be undone.</p>
{qr}
<p>Scan the code and confirm, or open <strong>{origin}/card</strong> on any computer and add this to
the address after a #:</p>
<p><code>{text}</code></p>
<p>Number {number}. Keep it away from your phone. When it is lost, remove this number in the app and
make a new card.</p>
</body>
</html>
"""


def qr_svg(content: Secret) -> str:
    """A QR code as SVG to be put into a page; error correction Q, because paper gets folded."""
    out = io.BytesIO()
    segno.make(content.reveal(), error="q", micro=False).save(
        out, kind="svg", xmldecl=False, border=4, omitsize=True
    )
    return out.getvalue().decode()


def printable(card: RevocationCard, origin: str, *, name: str) -> Secret:
    """The whole page, with everything in it: opening it makes no request."""
    return Secret(
        _PAGE.format(
            number=card.card_id,
            name=html.escape(name),
            origin=html.escape(origin),
            text=card.text.reveal(),
            qr=qr_svg(card.url(origin)),
        )
    )
