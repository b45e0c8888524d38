"""The query of a call: parameters that the document names for it, each once but for lists.

A filter whose name is mistyped filters nothing: who asks for `?bookin=RES-1` would take everybody's
charges for those of one booking.
"""

from __future__ import annotations

from fastapi import Request

from gateway.control.document import Schema, query_at
from gateway.errors import RequestInvalid


async def known(request: Request) -> None:
    """A dependency of every call. Raises RequestInvalid; a name that is not ours is not repeated."""
    sent = request.query_params.multi_items()
    if not sent:
        return
    named = query_at(request.app, request.scope["path"], request.method)
    names = [name for name, _ in sent]
    wrong = [_wrong("", "unknown_parameter")] if set(names) - named.keys() else []
    wrong += [
        _wrong(name, "not_once")
        for name, schema in named.items()
        if names.count(name) > 1 and not _is_list(schema)
    ]
    if wrong:
        raise RequestInvalid(wrong)


def _is_list(schema: Schema) -> bool:
    return any(one.get("type") == "array" for one in (schema, *schema.get("anyOf", ())))


def _wrong(name: str, problem: str) -> dict[str, str]:
    return {"in": "query", "name": name, "problem": problem}
