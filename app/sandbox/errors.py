"""Refusals in the venue's own codes, words and HTTP statuses.

Source: binance-spot-api-docs, errors.md and rest-api.md ("HTTP Return Codes").
"""

from http import HTTPStatus


class VenueError(Exception):
    """What the client gets instead of an answer: `{"code": …, "msg": …}`."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_seconds = retry_after_seconds


def bad_symbol() -> VenueError:
    return VenueError(-1121, "Invalid symbol.")


def filter_failure(name: str) -> VenueError:
    return VenueError(-1013, f"Filter failure: {name}")


def rejected(message: str) -> VenueError:
    """-2010: the matching engine does not take the order."""
    return VenueError(-2010, message)


def insufficient_balance() -> VenueError:
    return rejected("Account has insufficient balance for requested action.")


def unknown_order() -> VenueError:
    """-2011: nothing to cancel."""
    return VenueError(-2011, "Unknown order sent.")


def no_such_order() -> VenueError:
    """-2013: nothing to show."""
    return VenueError(-2013, "Order does not exist.")


def mandatory(name: str) -> VenueError:
    return VenueError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def not_required(name: str) -> VenueError:
    return VenueError(-1106, f"Parameter '{name}' sent when not required.")


def illegal_characters(name: str, legal: str) -> VenueError:
    return VenueError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def bad_key_format() -> VenueError:
    return VenueError(-2014, "API-key format invalid.", status=HTTPStatus.UNAUTHORIZED)


def key_refused() -> VenueError:
    """-2015: unknown key, wrong address and missing permission are one answer on purpose."""
    return VenueError(
        -2015,
        "Invalid API-key, IP, or permissions for action.",
        status=HTTPStatus.UNAUTHORIZED,
    )


def bad_signature() -> VenueError:
    return VenueError(-1022, "Signature for this request is not valid.")


def execution_unknown() -> VenueError:
    """What a 5xx of this venue says; the request may or may not have been executed."""
    return VenueError(
        -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def too_much_weight(limit: int, retry_after_seconds: int) -> VenueError:
    return VenueError(
        -1003,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        retry_after_seconds=retry_after_seconds,
    )


def banned(until_ms: int, retry_after_seconds: int) -> VenueError:
    return VenueError(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        status=HTTPStatus.IM_A_TEAPOT,
        retry_after_seconds=retry_after_seconds,
    )


def too_many_orders(limit: int, window: str, retry_after_seconds: int) -> VenueError:
    return VenueError(
        -1015,
        f"Too many new orders; current limit is {limit} orders per {window}.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        retry_after_seconds=retry_after_seconds,
    )
