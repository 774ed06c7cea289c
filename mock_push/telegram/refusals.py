"""Refusals of the Bot API, in the words its server uses (tdlib/telegram-bot-api)."""


class TelegramError(Exception):
    """A refusal with a Bot API body.

    Attributes
    ----------
    retry_after_seconds
        Goes into ``parameters.retry_after`` and the Retry-After header.
    """

    def __init__(
        self, error_code: int, description: str, *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(description)
        self.error_code = error_code
        self.description = description
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> dict[str, object]:
        body: dict[str, object] = {
            "ok": False,
            "error_code": self.error_code,
            "description": self.description,
        }
        if self.retry_after_seconds is not None:
            body["parameters"] = {"retry_after": self.retry_after_seconds}
        return body


def unauthorized() -> TelegramError:
    return TelegramError(401, "Unauthorized")


def no_such_method() -> TelegramError:
    return TelegramError(404, "Not Found: method not found")


def bad_request(what: str) -> TelegramError:
    return TelegramError(400, f"Bad Request: {what}")


def chat_not_found() -> TelegramError:
    return bad_request("chat not found")


def blocked() -> TelegramError:
    return TelegramError(403, "Forbidden: bot was blocked by the user")


def too_many_requests(retry_after_seconds: int) -> TelegramError:
    return TelegramError(
        429,
        f"Too Many Requests: retry after {retry_after_seconds}",
        retry_after_seconds=retry_after_seconds,
    )


def webhook_is_active() -> TelegramError:
    return TelegramError(
        409,
        "Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first",
    )


def other_reader() -> TelegramError:
    return TelegramError(
        409,
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running",
    )


def scripted(kind: str, *, retry_after_seconds: int | None) -> TelegramError:
    """The refusal of a scripted fault; a 429 without a time says one second.

    Raises
    ------
    KeyError
        The kind is no refusal of Telegram's.
    """
    if kind == "too_many_requests":
        return too_many_requests(1 if retry_after_seconds is None else retry_after_seconds)
    return {
        "unauthorized": unauthorized(),
        "blocked": blocked(),
        "chat_not_found": chat_not_found(),
        "internal": TelegramError(500, "Internal Server Error"),
        "unavailable": TelegramError(503, "Service Unavailable"),
    }[kind]
