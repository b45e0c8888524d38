"""`/openapi.json`: every answer that a call may get is in it, refusals with their codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.errors import (
    BodyTooLarge,
    GatewayError,
    InternalError,
    KeyInvalid,
    KeyRequired,
    KeysConflict,
    NetworkNotAllowed,
    RequestInvalid,
    ScopeMissing,
    VaultUnavailable,
)
from gateway.problem import MEDIA_TYPE

Schema = dict[str, Any]  # JSON
Responses = dict[int | str, dict[str, Any]]  # Any: as FastAPI takes it

# As the forms read them.
MONTH: Final = "^(0?[1-9]|1[0-2])$"
YEAR: Final = "^([0-9]{2}|[0-9]{4})$"
CODE: Final = "^[0-9]{3,4}$"

# What any call may be answered.
_EVERYWHERE: Final[tuple[type[GatewayError], ...]] = (
    RequestInvalid,
    KeysConflict,
    KeyRequired,
    KeyInvalid,
    NetworkNotAllowed,
    ScopeMissing,
    BodyTooLarge,
    InternalError,
    VaultUnavailable,
)
_TEXT: Final = {"type": "string"}
_WRONG: Final = {
    "type": "object",
    "description": "One thing that is wrong, and where.",
    "required": ["problem"],
    "properties": {"in": _TEXT, "name": _TEXT, "problem": _TEXT},
    "additionalProperties": False,
}
_PROBLEM: Final = {
    "type": "object",
    "description": "A refusal (RFC 9457). `code` never changes; nothing of the request is in it.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z_0-9]+$"},
        "detail": _TEXT,
        "errors": {"type": "array", "items": _WRONG},
    },
    "additionalProperties": False,
}
_PARAMETER: Final = re.compile(r"\{[a-z_]+\}")
# FastAPI documents its own refusal of parameters, which nobody is answered here.
_NEVER: Final = ("HTTPValidationError", "ValidationError")

_CONTENT: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
# Of a call that runs a message through the rules once more.
STILL_REFUSED: Final[Responses] = {
    "default": {"description": "Why the rules refuse it still.", "content": _CONTENT}
}


def refusals(*kinds: type[GatewayError]) -> Responses:
    """For an operation's `responses`: what it may refuse with, and what any may."""
    return only(*_EVERYWHERE, *kinds)


def only(*kinds: type[GatewayError]) -> Responses:
    """For the `responses` of an operation that is reached without a key: these and no others."""
    codes: dict[int, set[str]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, set()).add(kind.code)
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in sorted(named)),
            "content": _CONTENT,
        }
        for status, named in sorted(codes.items())
    }


def closed(properties: Schema, *required: str) -> Schema:
    """An object with these properties and no others."""
    made = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": list(required)} if required else {})


def body(schema: Schema) -> Schema:
    """For `openapi_extra`: a JSON body that is read by hand."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def install(app: FastAPI) -> None:
    """Makes the document say what is true of `app`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            app.openapi_schema = _corrected(made)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation says


def methods_at(app: FastAPI, path: str) -> str:
    """What `path` takes, as the header Allow has it; empty where the document has no such path.
    (Starlette knows of one route at a time.)
    """
    return ", ".join(sorted(method.upper() for method in _operations_at(app, path)))


def query_at(app: FastAPI, path: str, method: str) -> dict[str, Schema]:
    """The parameters of a call's query, by name, as the document has them."""
    operation = _operations_at(app, path).get(method.lower(), {})
    parameters = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    return {one["name"]: one["schema"] for one in parameters}


def _operations_at(app: FastAPI, path: str) -> Mapping[str, Schema]:
    for template, operations in app.openapi()["paths"].items():
        pattern = "[^/]+".join(re.escape(part) for part in _PARAMETER.split(template))
        if re.fullmatch(pattern, path):
            return cast("Mapping[str, Schema]", operations)
    return {}


def _corrected(made: dict[str, Any]) -> dict[str, Any]:
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for name in _NEVER:
        schemas.pop(name, None)
    for path in made["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            for status in [status for status in answers if _is_never(answers[status])]:
                del answers[status]
    return made


def _is_never(answer: Mapping[str, Any]) -> bool:
    content = answer.get("content", {}).get("application/json", {})
    schema: str = content.get("schema", {}).get("$ref", "")
    return schema.endswith("/HTTPValidationError")
