"""What holds for every service's checked-in OpenAPI file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml
from django.core.management import call_command
from django.test import Client

from services.local.components import REPOSITORY


class OpenApiFile:
    """The file `services/<component>/openapi.yaml`."""

    def __init__(self, component: str) -> None:
        self._component = component
        self._path = REPOSITORY / "services" / component / "openapi.yaml"

    def document(self) -> dict[str, Any]:
        """Return the file's content."""
        found: dict[str, Any] = yaml.safe_load(self._path.read_text())
        return found

    def require_current(self, made: Path) -> None:
        """Generate the file anew at `made`, and fail unless it is valid and the same."""
        call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(made))
        assert made.read_text() == self._path.read_text(), (
            f"run ./manage.py {self._component} spectacular --file services/{self._component}/openapi.yaml"
        )

    def require_served(self) -> None:
        """Fail unless the component answers with the file."""
        response = Client().get("/schema")
        assert response.status_code == 200
        assert yaml.safe_load(response.content) == self.document()


def check(document: dict[str, Any], name: str, instance: object) -> None:
    """Fail unless the instance is as the named schema says."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(instance)


def require_complete_operations(document: dict[str, Any]) -> None:
    """Fail unless every operation says who may call it and how it can fail, in the right media types."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"], (path, method)
            assert {"401", "503"} <= set(operation["responses"]), (path, method)
            for status, response in operation["responses"].items():
                for media_type in response.get("content", {}):
                    expected = "application/json" if status < "400" else "application/problem+json"
                    assert media_type == expected, (path, method, status)
