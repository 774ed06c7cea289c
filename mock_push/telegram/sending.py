"""What sendMessage refuses before it looks for the chat. Pure checks; each raises."""

from typing import Any

from mock_push.telegram.refusals import bad_request

MAX_TEXT = 4096  # characters
PARSE_MODES = ("html", "markdown", "markdownv2")
CHAT_ID_DIGITS = 19


def check_text(given: dict[str, Any]) -> str:
    """The text to send.

    Raises
    ------
    TelegramError
        It is empty or too long, or the parse mode is unknown. What is inside is not parsed.
    """
    mode = given.get("parse_mode")
    if mode and str(mode).lower() not in PARSE_MODES:
        raise bad_request("unsupported parse_mode")
    text = str(given.get("text") or "").strip()
    if not text:
        raise bad_request("message text is empty")
    if len(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return text


def read_chat_id(given: dict[str, Any]) -> int | None:
    """The chat's number; None for a name such as "@channel", which is nobody's here.

    Raises
    ------
    TelegramError
        There is none.
    """
    text = str(given.get("chat_id") or "").strip()
    if not text:
        raise bad_request("chat_id is empty")
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= CHAT_ID_DIGITS):
        return None
    return int(text)
