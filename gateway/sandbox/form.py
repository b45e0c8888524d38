"""`application/x-www-form-urlencoded` with brackets, read as Stripe reads it: nested, and checked.

`a=1`, `a[b]=1`, `a[b][c]=1`, `a[]=1` and `a[0]=1`; of a name given twice the last counts. A
`Schema` says which names an operation knows; any other is refused by name, as Stripe does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

Node = str | dict[str, "Node"]
Schema = Mapping[str, "Schema | str"]  # "text", "integer", "boolean", "map" (any names), or a level

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DEEPEST: Final = 8


@dataclass(frozen=True, slots=True)
class FormWrong(Exception):
    """A form that the operation does not take: Stripe's `code`, `message`, `param`."""

    code: str | None
    message: str
    param: str | None


def read_form(body: bytes) -> dict[str, Node]:
    """Reads a form into nested dictionaries; list indexes are keys. Raises FormWrong."""
    try:
        text = body.decode("ascii") if body.isascii() else body.decode("utf-8")
    except UnicodeDecodeError:
        raise FormWrong(None, "Invalid UTF-8 in the request body", None) from None
    form: dict[str, Node] = {}
    for pair in filter(None, text.split("&")):
        raw_name, _, raw_value = pair.partition("=")
        name, value = unquote_plus(raw_name), unquote_plus(raw_value)
        match = _NAME.fullmatch(name)
        if match is None:
            raise FormWrong(None, "Invalid parameter name", None)
        steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(steps) > _DEEPEST:
            raise FormWrong(None, "The parameters are nested too deeply", match[1])
        _put(form, steps, value)
    return form


def _put(form: dict[str, Node], steps: list[str], value: str) -> None:
    level = form
    for depth, step in enumerate(steps[:-1], 1):
        key = step or str(len(level))
        below = level.setdefault(key, {})
        if not isinstance(below, dict):
            raise FormWrong("parameter_invalid", "Invalid object", _spell(steps[:depth]))
        level = below
    last = steps[-1] or str(len(level))
    if isinstance(level.get(last), dict):
        raise FormWrong("parameter_invalid", "Invalid object", _spell(steps))
    level[last] = value


def _spell(steps: list[str]) -> str:
    return steps[0] + "".join(f"[{step}]" for step in steps[1:])


def check(form: Mapping[str, Node], schema: Schema, above: tuple[str, ...] = ()) -> None:
    """Refuses names that `schema` does not know and values of another kind. Raises FormWrong."""
    for name, node in form.items():
        place = _spell([*above, name])
        kind = schema.get(name)
        if kind is None:
            raise FormWrong("parameter_unknown", f"Received unknown parameter: {place}", place)
        if not isinstance(kind, str):
            if isinstance(node, str):
                raise FormWrong("parameter_invalid", "Invalid object", place)
            check(node, kind, (*above, name))
        else:
            _check_value(node, kind, place)


def _check_value(node: Node, kind: str, place: str) -> None:
    if kind == "map":
        return
    if isinstance(node, dict):
        raise FormWrong("parameter_invalid", "Invalid string: a hash was given", place)
    if kind == "integer" and not re.fullmatch(r"-?[0-9]{1,12}", node):
        raise FormWrong("parameter_invalid_integer", "Invalid integer", place)
    if kind == "boolean" and node not in ("true", "false"):
        raise FormWrong(None, "Invalid boolean", place)


def text_at(form: Mapping[str, Node], *steps: str) -> str | None:
    """The value at a place, or None where there is none."""
    node: Node | None = dict(form)
    for step in steps:
        node = node.get(step) if isinstance(node, dict) else None
    return node if isinstance(node, str) else None


def level_at(form: Mapping[str, Node], *steps: str) -> dict[str, Node] | None:
    """The level at a place, or None."""
    node: Node | None = dict(form)
    for step in steps:
        node = node.get(step) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None
