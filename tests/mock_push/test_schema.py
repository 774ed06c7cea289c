"""messages:send is read by Google's schema; faults have the words of Google's parser."""

import json
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from mock_push.fcm.discovery import Property, cut, proto_name, published
from mock_push.fcm.scalars import READERS
from mock_push.fcm.shape import read_request
from mock_push.status import InvalidArgumentError
from tests.mock_push.support import RunningMock

PAYLOAD = "Invalid JSON payload received."


def read(message: object) -> Any:
    return read_request(msgspec.json.encode({"message": message}), published())["message"]


def faults(body: object) -> list[tuple[str | None, str]]:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with pytest.raises(InvalidArgumentError) as seen:
        read_request(raw, published())
    error: Any = seen.value.body()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    [detail] = error["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    found = [(each.get("field"), each["description"]) for each in detail["fieldViolations"]]
    assert error["message"] == "\n".join(description for _, description in found)
    return found


def message_fault(message: object) -> tuple[str | None, str]:
    [fault] = faults({"message": message})
    return fault


def test_both_spellings_are_read_alike() -> None:
    snake = {"android": {"collapse_key": "k", "direct_boot_ok": True}, "fcm_options": {}}
    camel = {"android": {"collapseKey": "k", "directBootOk": True}, "fcmOptions": {}}
    assert read(snake) == read(camel) == camel


def test_the_last_of_two_spellings_counts() -> None:
    assert read({"android": {"collapseKey": "a", "collapse_key": "b"}}) == {
        "android": {"collapseKey": "b"}
    }


def test_null_is_absent() -> None:
    assert read({"fid": None, "data": None, "android": {"ttl": None}}) == {"android": {}}


def test_an_unknown_field_is_named_with_its_place() -> None:
    assert message_fault({"tokens": ["a"]}) == (
        "message",
        f"{PAYLOAD} Unknown name \"tokens\" at 'message': Cannot find field.",
    )


def test_an_unknown_field_of_the_root_has_no_place() -> None:
    """The body a sender of the retired legacy API would post."""
    assert faults({"to": "x", "time_to_live": 1}) == [
        (None, f'{PAYLOAD} Unknown name "to": Cannot find field.'),
        (None, f'{PAYLOAD} Unknown name "time_to_live": Cannot find field.'),
    ]


def test_a_data_value_must_be_a_string() -> None:
    message = {"android": {"data": {"last-body": "1250", "sender": "a@b", "count": 1}}}
    assert message_fault(message) == (
        "message.android.data[2].value",
        "Invalid value at 'message.android.data[2].value' (TYPE_STRING), 1",
    )


@pytest.mark.parametrize(
    ("message", "field", "ending"),
    [
        ({"data": {"a": {"b": "c"}}}, "message.data[0]", "Starting an object on a scalar field"),
        ({"data": {"a": ["b"]}}, "message.data[0]", "is not repeating, cannot start list."),
        ({"data": []}, "message", "Cannot bind a list to map for field 'data'."),
        ({"data": "x"}, "message.data", '(Map), "x"'),
        ({"notification": []}, "message", "Proto field is not repeating, cannot start list."),
        ({"notification": "x"}, "message.notification", '.Notification), "x"'),
        ({"fid": 7}, "message.fid", "(TYPE_STRING), 7"),
        ({"fid": {}}, "message", "(fid), Starting an object on a scalar field"),
        ({"android": {"priority": "urgent"}}, "message.android.priority", '"urgent"'),
        ({"android": {"ttl": 90}}, "message.android.ttl", "duration must end with 's'"),
        ({"android": {"ttl": "90"}}, "message.android.ttl", "duration must end with 's'"),
        ({"android": {"ttl": "1h30s"}}, "message.android.ttl", "must be a number of seconds"),
        ({"android": {"ttl": "90s\n"}}, "message.android.ttl", "duration must end with 's'"),
        ({"android": {"direct_boot_ok": 1}}, "message.android.direct_boot_ok", "(TYPE_BOOL), 1"),
        (
            {"android": {"notification": {"notification_count": 2**31}}},
            "message.android.notification.notification_count",
            "(TYPE_INT32), 2147483648",
        ),
        (
            {"android": {"notification": {"event_time": "2026-02-30T00:00:00Z"}}},
            "message.android.notification.event_time",
            "Illegal timestamp format",
        ),
        (
            {"android": {"notification": {"light_settings": {"color": {"red": "x"}}}}},
            "message.android.notification.light_settings.color.red",
            '(TYPE_FLOAT), "x"',
        ),
        (
            {"android": {"notification": {"vibrate_timings": ["1s", "2"]}}},
            "message.android.notification.vibrate_timings[1]",
            "duration must end with 's'",
        ),
    ],
)  # fmt: skip
def test_a_wrong_type_is_refused(message: object, field: str, ending: str) -> None:
    where, description = message_fault(message)
    assert where == field
    assert description.endswith(ending)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"priority": "high"}, {"priority": "HIGH"}),
        ({"ttl": "3.000000001s"}, {"ttl": "3.000000001s"}),
        ({"direct_boot_ok": "true"}, {"directBootOk": True}),
        ({"notification": {"notification_count": "3"}}, {"notification": {"notificationCount": 3}}),
        ({"notification": {"body_loc_args": "x"}}, {"notification": {"bodyLocArgs": ["x"]}}),
    ],
)
def test_what_googles_parser_forgives_is_forgiven(given: object, taken: object) -> None:
    assert read({"android": given}) == {"android": taken}


def test_an_apns_payload_may_hold_any_json() -> None:
    payload: dict[str, object] = {
        "aps": {"alert": {"title": "t"}, "mutable-content": 1},
        "x": [None, 1.5, {}],
    }
    assert read({"apns": {"payload": payload}}) == {"apns": {"payload": payload}}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff", b"[" * 20_000, b"1e999"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    [(field, description)] = faults(body)
    assert field is None
    assert description.startswith(PAYLOAD)


def test_hostile_numbers_are_refused_and_not_crashed_on() -> None:
    count = b'{"message":{"android":{"notification":{"notification_count":%s}}}}'
    for number in (b"9" * 4000, b"1e308", b'"1e999"', b'"nan"', b"1.5", b"true"):
        assert "TYPE_INT32" in faults(count % number)[0][1]


class TestOverHttp:
    @pytest.mark.parametrize(
        ("message", "sentence"),
        [
            ({}, "Recipient of the message is not set."),
            ({"data": {"a": "b"}}, "Recipient of the message is not set."),
            ({"fid": ""}, "Recipient of the message is not set."),
            ({"topic": "no spaces"}, "Topic name contains invalid characters."),
            ({"topic": "t", "webpush": {"headers": {"TTL": "1.5"}}}, "TTL must be a non-negative"),
            ({"topic": "t", "android": {}, "android_v2": {}}, "Only one of android and android_v2"),
            ({"topic": "t", "webpush": {"data": {"from": "x"}}}, "Invalid data payload key: from"),
            ({"topic": "t", "android": {"ttl": "-1s"}}, "TTL must be between 0 and 2419200"),
        ],
    )
    def test_fcms_own_rules_carry_both_details(
        self, mock: RunningMock, message: object, sentence: str
    ) -> None:
        reply = mock.send({"message": message})
        error = reply.json()["error"]
        assert reply.status_code == 400
        assert error["message"].startswith(sentence)
        assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == [
            "BadRequest",
            "FcmError",
        ]

    def test_a_request_without_a_message_has_no_recipient(self, mock: RunningMock) -> None:
        assert mock.send({}).json()["error"]["message"] == "Recipient of the message is not set."

    def test_two_targets_are_a_oneof_set_twice(self, mock: RunningMock) -> None:
        error = mock.send({"message": {"token": "a", "fid": "b"}}).json()["error"]
        assert error["message"].endswith("'target' is already set. Cannot set 'fid'")
        assert len(error["details"]) == 1

    def test_a_parsers_refusal_carries_no_fcm_error(self, mock: RunningMock) -> None:
        error = mock.send({"message": {"fid": 7}}).json()["error"]
        assert [detail["@type"] for detail in error["details"]] == [
            "type.googleapis.com/google.rpc.BadRequest"
        ]

    def test_a_body_beyond_reason_is_refused(self, mock: RunningMock) -> None:
        assert mock.send(b" " * 70_000).status_code == 413

    def test_other_paths_and_methods_answer_in_googles_form(self, mock: RunningMock) -> None:
        unknown = mock.http.post("/v1/projects/tripcord-demo/messages:recall")
        assert (unknown.status_code, unknown.json()["error"]["status"]) == (404, "NOT_FOUND")
        wrong = mock.http.get("/v1/projects/tripcord-demo/messages:send")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, 405)


class TestTheDocument:
    def test_every_type_in_it_has_a_reader(self) -> None:
        def scalars(node: Property) -> list[Property]:
            inner = node.items or node.values
            if inner is not None:
                return [] if inner.type == "any" else scalars(inner)
            return [] if node.ref or node.enum else [node]

        found = {
            (leaf.type, leaf.format)
            for schema in published().schemas.values()
            for node in schema.properties.values()
            for leaf in scalars(node)
        }
        assert found <= READERS.keys()

    def test_every_reference_leads_somewhere(self) -> None:
        schemas = published().schemas
        references = {n.ref for schema in schemas.values() for n in schema.properties.values()}
        assert references - {None} <= schemas.keys()
        assert published().request in schemas

    def test_it_is_cut_already_and_its_notice_names_its_revision(self) -> None:
        data = files("mock_push.fcm") / "data"
        document = json.loads((data / "fcm.v1.json").read_text())
        assert cut(document) == document
        assert f"revision {published().revision}" in (data / "NOTICE").read_text()

    def test_proto_names(self) -> None:
        assert proto_name("androidV2") == "android_v2"
        assert proto_name("useAsV1DataMessage") == "use_as_v1_data_message"
        assert proto_name("ttl") == "ttl"

    def test_cutting_keeps_what_send_reaches_and_drops_the_prose(self) -> None:
        send = {"request": {"$ref": "A"}, "scopes": ["s"], "description": "x"}
        messages = {"methods": {"send": send, "other": {}}}
        described = {"type": "string", "description": "x"}
        document = {
            "id": "fcm:v1", "name": "fcm", "version": "v1", "revision": "1", "icons": {},
            "resources": {"projects": {"resources": {"messages": messages, "more": {}}}},
            "schemas": {
                "A": {"properties": {"description": described, "b": {"$ref": "B"}}},
                "B": {"properties": {}, "description": "x"},
                "C": {"properties": {}},
            },
        }  # fmt: skip
        kept = cut(document)
        assert kept["schemas"] == {
            "A": {"properties": {"description": {"type": "string"}, "b": {"$ref": "B"}}},
            "B": {"properties": {}},
        }
        assert kept["resources"]["projects"]["resources"]["messages"]["methods"] == {
            "send": {"request": {"$ref": "A"}, "scopes": ["s"]}
        }
