"""What FCM refuses in a well-formed message. Pure checks; each raises.

Sources: the REST reference of projects.messages (reserved keys, lifetimes), "About FCM messages"
(4096 bytes, 2048 for topics), and answers of the real service for the wording. Where only the rule
is documented, the sentence is ours and says "documented".
"""

import json
import re
from decimal import Decimal

from mock_push.fcm.shape import Json
from mock_push.status import InvalidArgumentError, bad_request, fcm_error

TARGETS = ("fid", "token", "topic", "condition")
RESERVED_KEYS = ("from", "message_type")
RESERVED_PREFIXES = ("google.", "gcm.notification.")
MAX_TTL_SECONDS = 2_419_200  # four weeks
MAX_BYTES = 4096
MAX_TOPIC_BYTES = 2048
TOPIC = re.compile(r"[a-zA-Z0-9\-_.~%]{1,900}\Z")
SECONDS = re.compile(r"[0-9]+\Z")


def check_message(message: Json) -> None:
    """Refuse what the schema allows and FCM does not.

    Raises
    ------
    InvalidArgumentError
        For the first rule broken, in the order of this function.
    """
    check_target(message)
    check_platforms(message)
    for path in ("data", "android.data", "androidV2.data", "webpush.data"):
        check_data_keys(_at(message, path), path)
    for platform in ("android", "androidV2"):
        check_ttl(_at(message, platform).get("ttl"))
    check_webpush_ttl(_at(message, "webpush.headers"))
    check_size(message)


def check_target(message: Json) -> None:
    """Exactly one of fid, token, topic, condition."""
    named = [field for field in message if field in TARGETS]
    if len(named) > 1:
        # A protobuf oneof: the parser refuses the second field, before FCM looks at the message.
        description = (
            "Invalid value at 'message' (oneof), oneof field 'target' is already set. "
            f"Cannot set '{named[1]}'"
        )
        raise InvalidArgumentError(description, bad_request(("message", description)))
    if not named or not message[named[0]]:
        raise refused("message", "Recipient of the message is not set.")
    if named == ["topic"] and not TOPIC.match(str(message["topic"])):
        raise refused("message", "Topic name contains invalid characters.")


def check_platforms(message: Json) -> None:
    """The schema calls android and android_v2 mutually exclusive. Wording: ours."""
    if "android" in message and "androidV2" in message:
        raise refused("message", "Only one of android and android_v2 may be set.")


def check_data_keys(data: Json, path: str) -> None:
    for key in data:
        if key in RESERVED_KEYS or key.startswith(RESERVED_PREFIXES):
            field = f"message.{path.replace('androidV2', 'android_v2')}"
            raise refused(field, f"Invalid data payload key: {key}")


def check_ttl(ttl: object) -> None:
    """Documented: 0 to 2419200 seconds. Wording: ours."""
    if isinstance(ttl, str) and not 0 <= Decimal(ttl[:-1]) <= MAX_TTL_SECONDS:
        raise refused(
            "message.android.ttl",
            f"TTL must be between 0 and {MAX_TTL_SECONDS} seconds (4 weeks).",
        )


def check_webpush_ttl(headers: Json) -> None:
    for name, value in headers.items():
        if name.lower() == "ttl" and not SECONDS.match(str(value)):
            raise refused(f"message.webpush.headers.{name}", "TTL must be a non-negative integer.")


def check_size(message: Json) -> None:
    """Keys and values of data and notification, per platform; an APNs payload by itself."""
    limit = MAX_TOPIC_BYTES if "topic" in message or "condition" in message else MAX_BYTES
    shared = _at(message, "notification")
    for platform in ("android", "webpush"):
        own = _at(message, platform)
        data = own.get("data") or message.get("data") or {}
        if _bytes(data) + _bytes(shared | _at(own, "notification")) > limit:
            raise too_large()
    if _json_bytes(_at(message, "apns.payload")) > MAX_BYTES:
        raise too_large()


def ttl_seconds(message: Json) -> int:
    """How long the message may wait: android.ttl rounded down, or four weeks."""
    android = _at(message, "android") or _at(message, "androidV2")
    ttl = android.get("ttl")
    return int(Decimal(ttl[:-1])) if isinstance(ttl, str) else MAX_TTL_SECONDS


def collapse_key(message: Json) -> str | None:
    android = _at(message, "android") or _at(message, "androidV2")
    return str(android["collapseKey"]) if android.get("collapseKey") else None


def refused(field: str, description: str) -> InvalidArgumentError:
    """A rule of FCM itself: BadRequest and FcmError details."""
    return InvalidArgumentError(
        description, bad_request((field, description)), fcm_error("INVALID_ARGUMENT")
    )


def too_large() -> InvalidArgumentError:
    # Seen so: the BadRequest detail names no field here.
    return InvalidArgumentError(
        "Message is too large. The maximum is 4K (4096 bytes).",
        bad_request(),
        fcm_error("INVALID_ARGUMENT"),
    )


def _at(message: Json, path: str) -> Json:
    node: object = message
    for name in path.split("."):
        node = node.get(name, {}) if isinstance(node, dict) else {}
    return node if isinstance(node, dict) else {}


def _bytes(node: object) -> int:
    """Bytes of all keys and scalar values below a node."""
    if isinstance(node, dict):
        return sum(len(key.encode()) + _bytes(value) for key, value in node.items())
    if isinstance(node, list):
        return sum(_bytes(value) for value in node)
    return len(str(node).encode())


def _json_bytes(payload: Json) -> int:
    return len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
