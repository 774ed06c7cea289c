"""The OpenAPI description of /oauth/introspect, which the framework cannot derive.

Written by hand; `tests/api/test_introspection_schema.py` holds it against what the handler takes
and gives.
"""

from typing import Any

from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    PathItem,
    RequestBody,
    Schema,
)

from app.api.forms import FORM_TYPE
from app.api.introspection import PATH

_STRING = Schema(type=OpenAPIType.STRING)
_SECONDS = Schema(type=OpenAPIType.INTEGER, description="Seconds since the epoch.")
_STRINGS = Schema(type=OpenAPIType.ARRAY, items=_STRING)

_LIVING = {
    "active": Schema(type=OpenAPIType.BOOLEAN),
    "iss": _STRING,
    "token_type": Schema(type=OpenAPIType.STRING, enum=["DPoP"]),
    "sub": Schema(type=OpenAPIType.STRING, description="The trader's id."),
    "scope": _STRING,
    "iat": _SECONDS,
    "exp": _SECONDS,
    "cnf": Schema(type=OpenAPIType.OBJECT, properties={"jkt": _STRING}, required=["jkt"]),
    "tripcord_kind": Schema(type=OpenAPIType.STRING, enum=["device", "session", "grant"]),
    "tripcord_token_id": _STRING,
    "tripcord_path": _STRINGS,
    "tripcord_state": Schema(
        type=OpenAPIType.STRING, enum=["active", "reduce_only", "cancel_only", "read_only"]
    ),
}
_SOMETIMES = {
    "authorization_details": Schema(
        type=OpenAPIType.ARRAY,
        items=Schema(type=OpenAPIType.OBJECT),
        description="RFC 9396: what a grant was approved for.",
    ),
    "auth_time": _SECONDS,
    "acr": _STRING,
    "amr": _STRINGS,
}
_ACTIVE = Schema(
    type=OpenAPIType.OBJECT,
    properties={**_LIVING, **_SOMETIMES},
    required=list(_LIVING),
    additional_properties=False,
)
_INACTIVE = Schema(
    type=OpenAPIType.OBJECT,
    properties={"active": Schema(type=OpenAPIType.BOOLEAN, const=False)},
    required=["active"],
    additional_properties=False,
    description="Unknown, foreign, expired, not yet approved, frozen or revoked: one answer.",
)
_ERROR = Schema(
    type=OpenAPIType.OBJECT,
    properties={"error": _STRING, "error_description": _STRING},
    required=["error", "error_description"],
    additional_properties=False,
)
_FORM = Schema(
    type=OpenAPIType.OBJECT,
    properties={"token": _STRING, "token_type_hint": _STRING},
    required=["token"],
)


def _answer(description: str, schema: Schema, *headers: str) -> OpenAPIResponse:
    return OpenAPIResponse(
        description=description,
        headers={name: OpenAPIHeader(schema=_STRING) for name in headers} or None,
        content={"application/json": OpenAPIMediaType(schema=schema)},
    )


def _problem(description: str, *headers: str) -> OpenAPIResponse:
    return OpenAPIResponse(
        description=description,
        headers={name: OpenAPIHeader(schema=_STRING) for name in headers} or None,
        content={"application/problem+json": OpenAPIMediaType(schema=Schema())},
    )


BY_HAND = {
    PATH: PathItem(
        post=Operation(
            tags=["oauth"],
            summary="Introspect",
            description="RFC 7662, by a platform's access token (Bearer).",
            operation_id="OauthIntrospect",
            request_body=RequestBody(
                required=True, content={FORM_TYPE: OpenAPIMediaType(schema=_FORM)}
            ),
            responses={
                "200": _answer("What the token is.", Schema(one_of=[_ACTIVE, _INACTIVE])),
                "400": _answer("No form, or a parameter twice.", _ERROR),
                "401": _answer("Not a living client's token.", _ERROR, "WWW-Authenticate"),
                "413": _problem("The body is above 64 kB."),
                "429": _problem("Too many under way.", "Retry-After"),
                "503": _problem("It could not be logged, so nothing is answered."),
            },
        )
    )
}


class _Described(OpenAPI):
    """Keeps the hand-written paths when the framework sets those it derived."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "paths" and value is not None:
            value = {**value, **BY_HAND}
        super().__setattr__(name, value)


class DocumentedByHand(OpenAPIConfig):
    """The framework's configuration, with our paths beside the derived ones."""

    def to_openapi_schema(self) -> OpenAPI:
        derived = super().to_openapi_schema()
        fields = derived.__dataclass_fields__
        return _Described(**{name: getattr(derived, name) for name in fields})
