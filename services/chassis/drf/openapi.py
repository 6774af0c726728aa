"""Pieces of the OpenAPI files: how the shared fields are described, and the components that both services have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeVar

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from services.chassis import contract
from services.chassis.drf.fields import LineIn, Matching, StrictText
from services.chassis.drf.views import ContractView
from services.chassis.problems import CONTENT_TYPE, KINDS, FieldError, Problem

Schema = dict[str, Any]
Direction = Literal["request", "response"]
Method = TypeVar("Method", bound=Callable[..., Any])

TIMESTAMP: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
_STORABLE: Final = r"^[^\x00]*$"
_STORABLE_NOT_BLANK: Final = r"^[^\x00]*[^\s\x00][^\x00]*$"
_BEARER: Final[dict[str, list[str]]] = {"bearerAuth": []}


def anchored(pattern: str) -> str:
    """Return a pattern that must match the whole of a text as JSON Schema wants it."""
    return f"^{pattern}$"


class ContractSchema(AutoSchema):
    """Describes an operation by its view's scopes."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        assert isinstance(self.view, ContractView)  # noqa: S101
        return [_BEARER] if self.view.scopes[self.method] else [{}, _BEARER]

    def get_description(self) -> str:  # type: ignore[override]
        # A view's docstring is for those who read the code.
        return ""

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[1]]


class _StrictTextSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = StrictText

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        field = self.target
        if field.allow_blank:
            return {"type": "string", "maxLength": field.limit, "pattern": _STORABLE}
        return {"type": "string", "minLength": 1, "maxLength": field.limit, "pattern": _STORABLE_NOT_BLANK}


class _MatchingSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = Matching

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        return {"type": "string", "pattern": anchored(self.target.pattern.pattern)}


class _LinesSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "services.chassis.drf.fields.Lines"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        line = auto_schema.resolve_serializer(LineIn, direction)
        return {"type": "array", "items": line.ref, "minItems": 1, "maxItems": contract.LINES_MAX}


class _PriceSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "services.chassis.drf.fields.Price"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        return {"$ref": "#/components/schemas/Price"}


class _MomentSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "services.chassis.drf.openapi.Moment"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        return {"type": "string", "format": "date-time", "pattern": TIMESTAMP}


class _MoneySchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "services.chassis.drf.openapi.Money"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        return {"$ref": "#/components/schemas/Money"}


class Moment(serializers.CharField):
    """A time in an answer."""


class Money(serializers.CharField):
    """An amount with its currency in an answer."""


class Envelope(serializers.Serializer[Any]):
    """What every list's answer begins with."""

    count = serializers.IntegerField(min_value=0)
    page = serializers.IntegerField(min_value=1)
    page_size = serializers.IntegerField(min_value=1, max_value=contract.PAGE_SIZE_MAX)
    pages = serializers.IntegerField(min_value=1)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


def operation(name: str, summary: str, **options: Any) -> Callable[[Method], Method]:
    """Return the decorator that describes a view's method."""
    return extend_schema(operation_id=name, summary=summary, description="", **options)


def parameter(name: str, schema: Schema, description: str, **options: Any) -> OpenApiParameter:
    """Return a query parameter."""
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, **options)


def path_parameter(name: str, pattern: str, *, example: str) -> OpenApiParameter:
    """Return a name in the path."""
    return OpenApiParameter(
        name,
        {"type": "string", "pattern": anchored(pattern)},
        OpenApiParameter.PATH,
        required=True,
        examples=[OpenApiExample(example, value=example)],
    )


def response_header(name: str, status: int, description: str) -> OpenApiParameter:
    """Return a header of one answer."""
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description, response=[status])


PAGE_PARAMETERS: Final = [
    parameter("page", {"type": "integer", "minimum": 1, "default": 1}, "Which page."),
    parameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": contract.PAGE_SIZE_MAX, "default": contract.PAGE_SIZE},
        "How many results on a page.",
    ),
]


def text_schema(limit: int | None = None) -> Schema:
    """Return the schema of text in a query."""
    return {"type": "string", "pattern": _STORABLE, **({"maxLength": limit} if limit else {})}


_ANY: Final = ("token-invalid", "unavailable")
_PRIVATE: Final = ("unauthenticated", "forbidden")
_UNREAD: Final = ("too-large",)
_BODY: Final = ("malformed", "too-large", "unsupported-media-type", "validation")


def refusals(
    *slugs: str, private: bool = True, write: bool = False, body: bool = False
) -> dict[tuple[int, str], OpenApiResponse]:
    """Return the documented problems of an operation: those named, and those that come with its kind."""
    every = [*_ANY, *(_PRIVATE if private else ()), *(_UNREAD if write else ()), *(_BODY if body else ()), *slugs]
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind in KINDS.values():
        if kind.slug in every:
            by_status[kind.status].append(kind.slug)
    return {
        (status, CONTENT_TYPE): OpenApiResponse(
            response={"$ref": "#/components/schemas/Problem"},
            description=" · ".join(KINDS[slug].title for slug in found),
            examples=[OpenApiExample(slug, value=_example(slug), status_codes=[str(status)]) for slug in found],
        )
        for status, found in sorted(by_status.items())
    }


def _example(slug: str) -> Schema:
    return Problem(slug, **_MEMBERS.get(slug, {})).as_json()


_MEMBERS: Final[Mapping[str, Schema]] = {
    "insufficient-stock": {"shortfalls": [{"sku": "LAMP-1", "requested": 3, "available": 2}]},
    "illegal-transition": {"from": "shipped", "to": "cancelled"},
    "reservation-settled": {"state": "released"},
    "validation": {"errors": [FieldError("/name", "required").as_json()]},
}


def add_problem(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add the components that no serializer stands for."""
    components = result.setdefault("components", {})
    components["securitySchemes"] = {"bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    schemas = components.setdefault("schemas", {})
    schemas["Money"] = _MONEY
    if any("schemas/Price'" in str(schema) for schema in schemas.values()):
        schemas["Price"] = _PRICE
    schemas["Problem"] = _problem_schema()
    components["schemas"] = dict(sorted(schemas.items()))
    return result


_MONEY: Final[Schema] = {
    "type": "object",
    "description": "An exact amount: a decimal string with two places, in the shop's one currency.",
    "properties": {
        "amount": {"type": "string", "pattern": r"^[0-9]{1,12}\.[0-9]{2}$", "examples": ["12.50"]},
        "currency": {"type": "string", "const": contract.CURRENCY},
    },
    "required": ["amount", "currency"],
}
_PRICE: Final[Schema] = {
    "type": "object",
    "description": f"What something costs: from {contract.PRICE_MIN} to {contract.PRICE_MAX}, at most two places.",
    "properties": {
        "amount": {
            "type": "string",
            "pattern": r"^(0\.(0[1-9]|[1-9][0-9]?)|[1-9][0-9]{0,4}(\.[0-9]{1,2})?)$",
            "examples": ["12.50"],
        },
        "currency": {"type": "string", "const": contract.CURRENCY},
    },
    "required": ["amount", "currency"],
}


def _problem_schema() -> Schema:
    word: Mapping[str, Any] = {"type": "string"}
    return {
        "type": "object",
        "description": "An answer that is an error (RFC 9457). `type` says which; some types have more members.",
        "properties": {
            "type": {"type": "string", "enum": [kind.type for kind in KINDS.values()]},
            "title": {**word},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {**word},
            "errors": {
                "type": "array",
                "description": "Of `validation`: one entry for each field that cannot be used.",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "pointer": {"type": "string", "description": "Where in the body (RFC 6901)."},
                        "parameter": {"type": "string", "description": "Which query parameter."},
                        "code": {**word},
                        "detail": {**word},
                    },
                    "required": ["code", "detail"],
                },
            },
            "shortfalls": {
                "type": "array",
                "description": "Of `insufficient-stock`, in sku order.",
                "items": {
                    "type": "object",
                    "properties": {
                        "sku": {**word},
                        "requested": {"type": "integer", "minimum": 1},
                        "available": {"type": "integer", "minimum": 0},
                    },
                    "required": ["sku", "requested", "available"],
                },
            },
            "from": {"type": "string", "description": "Of `illegal-transition`: the order's status."},
            "to": {"type": "string", "description": "Of `illegal-transition`: the status asked for."},
            "state": {"type": "string", "description": "Of `reservation-settled`: the reservation's state."},
        },
        "required": ["type", "title", "status", "detail"],
    }
