"""Make a login for mail, or a Telegram bot: the secret for the sender, its digest for the mock."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from mock_push.disk import Disk
from mock_push.draw import Draw
from mock_push.handover import CredentialsError, check_request, hand_over, write_private
from mock_push.mail import accounts
from mock_push.mail.accounts import SmtpAccount, SmtpAccounts
from mock_push.telegram import bots
from mock_push.telegram.bots import Bot, Bots

T = TypeVar("T")

PASSWORD_BYTES = 24  # 32 characters


def make_smtp_account(
    *, out: Path, url: str, username: str, data: Path | None = None, replace: bool = False
) -> SmtpAccount:
    """Write ``{"username", "password"}``, mode 600, and let the mock take that login.

    Parameters are those of `mock_push.credentials.make_service_account`.

    Raises
    ------
    CredentialsError
        Nothing was written.
    """
    url = check_request(out=out, url=url, replace=replace)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    fields = {"username": username, "password_digest": accounts.digest(password)}
    account = _converted(fields, SmtpAccount, f"{username!r} is not a user name.")
    if data is not None:
        SmtpAccounts(Disk(data)).add(account)
    else:
        hand_over(url, "smtp-accounts", account)
    write_private(out, _json(username=username, password=password), replace=replace)
    return account


def make_telegram_bot(
    *, out: Path, url: str, username: str, data: Path | None = None, replace: bool = False
) -> Bot:
    """Write ``{"token", "username", "api_url"}``, mode 600, and let the mock know that bot.

    Requests go to ``<api_url>/bot<token>/<method>``. Parameters and errors are those of
    `make_smtp_account`.
    """
    url = check_request(out=out, url=url, replace=replace)
    draw = Draw()
    bot_id = draw.telegram_id()
    token = f"{bot_id}:{draw.bot_secret()}"
    fields = {"bot_id": bot_id, "username": username, "token_digest": bots.digest(token)}
    bot = _converted(fields, Bot, f"{username!r} is not a bot's name; such a name ends in bot.")
    if data is not None:
        Bots(Disk(data)).add(bot)
    else:
        hand_over(url, "bots", bot)
    write_private(out, _json(token=token, username=username, api_url=url), replace=replace)
    return bot


def _converted(fields: Mapping[str, object], wanted: type[T], refusal: str) -> T:
    try:
        return msgspec.convert(fields, wanted)
    except msgspec.ValidationError as error:
        raise CredentialsError(refusal) from error


def _json(**fields: str) -> bytes:
    return json.dumps(fields, indent=2).encode() + b"\n"
