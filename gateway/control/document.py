"""`/openapi.json`: every answer that a call may get is in it, refusals with their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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

Responses = dict[int | str, dict[str, Any]]  # Any: as FastAPI takes it

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
# FastAPI documents its own refusal of parameters, which nobody is answered here.
_NEVER: Final = ("HTTPValidationError", "ValidationError")


def refusals(*kinds: type[GatewayError]) -> Responses:
    """For an operation's `responses`: what it may refuse with, and what any may."""
    return only(*_EVERYWHERE, *kinds)


def only(*kinds: type[GatewayError]) -> Responses:
    """For the `responses` of an operation that is reached without a key: these and no others."""
    codes: dict[int, set[str]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, set()).add(kind.code)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in sorted(named)),
            "content": content,
        }
        for status, named in sorted(codes.items())
    }


def install(app: FastAPI) -> None:
    """Makes the document say what is true of `app`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            app.openapi_schema = _corrected(made)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation says


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
