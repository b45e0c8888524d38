"""The words that a pack's entries are made of: names, texts, fields, and what every entry has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

# Keys that stand one level lower than where they are looked for, with where that is.
_BESIDE = "beside `tokenize`, under `request` or `response`"
BESIDE_TOKENIZE = dict.fromkeys(("carry_forward", "retention"), _BESIDE)


def named(pattern: str, longest: int, what: str) -> AfterValidator:
    """Checks text against a pattern; `what` tells an administrator which."""

    def check(text: str) -> str:
        if len(text) > longest or not re.fullmatch(pattern, text):
            raise ValueError(f"`{text}` must be {what}, at most {longest} signs")
        return text

    return AfterValidator(check)


_DASHED: Final = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
_SHAPE: Final = "[a-z][a-z0-9]*([-_][a-z0-9]+)*"
_HEADER: Final = "[Xx]-[A-Za-z0-9-]+"

Name = Annotated[
    str,
    named(_DASHED, 40, "a-z, 0-9 and dashes"),
    WithJsonSchema({"type": "string", "pattern": f"^{_DASHED}$", "maxLength": 40}),
]
ShapeName = Annotated[
    str,
    named(_SHAPE, 40, "a-z, 0-9, dashes and underscores"),
    WithJsonSchema({"type": "string", "pattern": f"^{_SHAPE}$", "maxLength": 40}),
]
HeaderName = Annotated[
    str,
    named(_HEADER, 60, "a header of the form X-Name"),
    WithJsonSchema({"type": "string", "pattern": f"^{_HEADER}$", "maxLength": 60}),
]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Text = Annotated[str, Field(min_length=1)]


def one_or_many(value: object) -> object:
    """One text is a list of one."""
    # Pydantic's strict mode takes no list for a tuple from Python, as it does from JSON.
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def one_or_each(value: object) -> object:
    """One mapping is a list of one."""
    if isinstance(value, dict):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def path_alone(value: object) -> object:
    """A path alone, or a list of them, is a field without more."""
    return {"at": value} if isinstance(value, str | list) else value


Texts = Annotated[
    tuple[Text, ...],
    Field(min_length=1),
    BeforeValidator(one_or_many),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]


class Entry(BaseModel):
    """A mapping of the pack. `not_yet`: keys that are refused as not available yet; `elsewhere`: keys that
    belong to another place, and to which."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    not_yet: ClassVar[frozenset[str]] = frozenset()
    elsewhere: ClassVar[Mapping[str, str]] = {}


class PlaceEntry(Entry):
    """One place of a token's half. In short: only its path."""

    at: Text
    type: Literal["string", "number"] = "string"


class FieldEntry(Entry):
    """One field of a card: its place, or the places that it may have. In short: only these."""

    at: Texts
    type: Literal["string", "number"] = "string"


def short(model: type[Entry]) -> WithJsonSchema:
    """The JSON Schema of a field that may be its path alone, or where it takes several, a list."""
    schema: dict[str, Any] = model.model_json_schema(by_alias=True)
    at = schema["properties"]["at"]
    ways = at.get("anyOf", [{"type": "string", "minLength": 1}])
    alone = [way for way in ways if way != {"type": "null"}]  # no path is no field
    return WithJsonSchema({"anyOf": [*alone, schema]})


PairPlace = Annotated[PlaceEntry, BeforeValidator(path_alone), short(PlaceEntry)]
FieldPlace = Annotated[FieldEntry, BeforeValidator(path_alone), short(FieldEntry)]
ShapeNames = Annotated[
    tuple[ShapeName, ...],
    Field(min_length=1),
    BeforeValidator(one_or_many),
]
