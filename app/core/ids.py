"""Identifiers: UUIDv7 (RFC 9562), ordered by time. An id is a name, never a secret."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
