"""Settings of the REST libraries. A service's settings module takes both dictionaries from here."""

from __future__ import annotations

from typing import Any, Final

REST_FRAMEWORK: Final[dict[str, Any]] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["services.chassis.drf.access.GatewayToken"],
    "DEFAULT_PERMISSION_CLASSES": ["services.chassis.drf.access.Scoped"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "services.chassis.drf.negotiation.Unnegotiated",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "services.chassis.drf.openapi.ContractSchema",
    "EXCEPTION_HANDLER": "services.chassis.drf.errors.answer",
    "FORMAT_SUFFIX_KWARG": None,
    "UNAUTHENTICATED_TOKEN": None,
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}


def spectacular(*, title: str, description: str) -> dict[str, Any]:
    """Return drf-spectacular's settings for one service's OpenAPI 3.1 file."""
    return {
        "OAS_VERSION": "3.1.0",
        "TITLE": title,
        "DESCRIPTION": description,
        "VERSION": "1",
        "LICENSE": {"name": "MIT", "identifier": "MIT"},
        "SERVERS": [{"url": "/", "description": "The gateway, or the service itself"}],
        "SERVE_INCLUDE_SCHEMA": False,
        "SERVE_PERMISSIONS": [],
        "SERVE_AUTHENTICATION": [],
        "COMPONENT_SPLIT_REQUEST": False,
        "COMPONENT_NO_READ_ONLY_REQUIRED": False,
        "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
        "POSTPROCESSING_HOOKS": ["services.chassis.drf.openapi.add_problem"],
        "SORT_OPERATION_PARAMETERS": False,
        "DISABLE_ERRORS_AND_WARNINGS": False,
    }
