"""Post updates to a bot's webhook until it takes them."""

import asyncio
from urllib.parse import urlsplit

import httpx

from mock_push.telegram.refusals import TelegramError, bad_request
from mock_push.telegram.updates import Updates

TIMEOUT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2  # then doubled; Telegram's own pauses are not published
LONGEST_PAUSE_SECONDS = 10.0
IDLE_SECONDS = 5.0  # how often a webhook without updates looks whether it was taken away
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 a header's name
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_webhook_url(url: str, *, anywhere: bool) -> None:
    """Refuse an address updates shall not be posted to.

    Telegram takes https and four ports only; the mock takes http too, and stays on this machine
    unless `anywhere`.

    Raises
    ------
    TelegramError
        With Telegram's wording where it has one.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise _bad_webhook("invalid webhook URL specified") from error
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_webhook("An HTTPS URL must be provided for webhook")
    if not anywhere and host not in LOOPBACK:
        raise _bad_webhook("the mock posts to loopback addresses only")


async def post_updates(updates: Updates) -> None:
    """Post one update after the other, in order, for as long as there is a webhook."""
    pause = FIRST_PAUSE_SECONDS
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        while updates.webhook is not None:
            update = updates.oldest()
            if update is None:
                await updates.wait(IDLE_SECONDS)
                continue
            error = await _post(client, updates, update)
            updates.last_error = error or updates.last_error
            if error is None:
                updates.confirm(update)
                pause = FIRST_PAUSE_SECONDS
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _post(client: httpx.AsyncClient, updates: Updates, update: object) -> str | None:
    """What went wrong, in Telegram's words; None when the bot took it."""
    webhook = updates.webhook
    if webhook is None:
        return "the webhook was deleted"
    headers = {} if webhook.secret_token is None else {SECRET_HEADER: webhook.secret_token}
    try:
        reply = await client.post(webhook.url, json=update, headers=headers)
    except httpx.HTTPError as error:
        return f"Connection failed: {type(error).__name__}"
    if reply.is_success:
        return None
    return f"Wrong response from the webhook: {reply.status_code} {reply.reason_phrase}"


def _bad_webhook(why: str) -> TelegramError:
    return bad_request(f"bad webhook: {why}")
