"""What a doorbell says, and that it says nothing else (P9)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from app.outbox.models import Topic
from app.push.doorbell import MAX_TTL_SECONDS, address_of, make_doorbell
from app.push.models import Address
from tests.push.support import a_message

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADDRESS = Address("fid", "cAAAAAAAAAAAAAAAAsecret")
RID = UUID("9d1f6a52-7a44-4d55-8f4a-0e8d3c0b3e11")


@pytest.mark.parametrize("topic", list(Topic))
def test_the_data_is_version_topic_and_rid_and_nothing_else(topic: Topic) -> None:
    message = a_message(topic=topic, rid=RID, expires_at=NOW + timedelta(seconds=90))
    doorbell = make_doorbell(message, ADDRESS, now=NOW)
    assert msgspec.to_builtins(doorbell.data) == {"v": "1", "t": topic.value, "rid": str(RID)}


def test_the_time_to_live_is_the_seconds_left_rounded_down() -> None:
    message = a_message(expires_at=NOW + timedelta(seconds=89.9))
    assert make_doorbell(message, ADDRESS, now=NOW).ttl_seconds == 89


def test_in_its_last_second_a_message_is_delivered_at_once_or_not_at_all() -> None:
    message = a_message(expires_at=NOW + timedelta(milliseconds=400))
    assert make_doorbell(message, ADDRESS, now=NOW).ttl_seconds == 0


def test_the_time_to_live_never_exceeds_what_fcm_takes() -> None:
    message = a_message(expires_at=NOW + timedelta(days=100))
    assert make_doorbell(message, ADDRESS, now=NOW).ttl_seconds == MAX_TTL_SECONDS


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1)])
def test_an_expired_message_makes_no_doorbell(late: timedelta) -> None:
    with pytest.raises(ValueError, match="never sent"):
        make_doorbell(a_message(expires_at=NOW - late), ADDRESS, now=NOW)


def test_doorbells_of_one_request_collapse() -> None:
    message = a_message(rid=RID, expires_at=NOW + timedelta(hours=1))
    assert make_doorbell(message, ADDRESS, now=NOW).collapse_id == str(RID)


@pytest.mark.parametrize(
    ("registration", "kind"), [(None, None), (None, "fid"), ("", "fid"), ("x", "carrier pigeon")]
)
def test_without_a_registration_of_a_known_kind_there_is_no_address(
    registration: str | None, kind: str | None
) -> None:
    assert address_of(a_message(registration=registration, registration_kind=kind)) is None


def test_a_printed_doorbell_shows_six_characters_of_the_registration() -> None:
    doorbell = make_doorbell(a_message(expires_at=NOW + timedelta(hours=1)), ADDRESS, now=NOW)
    assert ADDRESS.registration not in repr(doorbell)
    assert "Address(fid, …secret)" in repr(doorbell)


def test_of_a_short_registration_nothing_is_shown() -> None:
    assert Address("fid", "shortone").public_half == "…"
