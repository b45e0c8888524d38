"""The JSON Schema of a pack, for editors: `card-gateway rules schema`, `docs/rules.schema.json`.

It is made of the models in `schema.py`. What those check with code (either this key or that one) is
said here a second time in JSON Schema's words, as far as it has any. Never stricter than the loader:
a pack that loads has no red line in an editor. The other way round it can not be complete; paths,
templates, names that must exist and ties are for `card-gateway rules check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.cards import expiry
from gateway.rules.key_texts import TEXTS
from gateway.rules.schema import PackEntry, refused_ones
from gateway.rules.schema_directions import whole_body
from gateway.rules.schema_words import one_or_each, one_or_many

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_SEGMENT: Final = r"(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+"
_PATH: Final = rf"/(?:(?:\*|{_SEGMENT})/)*(?:\*\*|\*|{_SEGMENT})?"
_HTTPS: Final = r"[Hh][Tt][Tt][Pp][Ss]://"
_HOST: Final = r"(?:\*\.)?[^/?#@*\s]+"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a pack."""
    made = PackEntry.model_json_schema(by_alias=True, schema_generator=_Generator)
    parts = made["$defs"]
    for name, more in _MORE.items():
        parts[name] |= more
    for name, properties in _NARROWER.items():
        for key, more in properties.items():
            (parts[name] if name else made)["properties"][key] |= more
    schema: dict[str, Any] = _told(_closed({"$schema": DIALECT, **made, "title": "Entry"}))
    return schema | {"title": "card-gateway pack"}


class _Generator(GenerateJsonSchema):
    """Says of a key that takes a list, or its one item alone, that it does."""

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        made, function = super().function_before_schema(schema), schema["function"]["function"]
        if function in (one_or_many, one_or_each):
            least = made.get("minItems", 0)
            return made if least > 1 else {"anyOf": [made["items"], made]}
        if function is whole_body:
            return {"anyOf": [{"const": "refuse"}, made]}
        if function is refused_ones:
            return {"anyOf": [{"const": "refused"}, made]}
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema  # a title that repeats the key tells nobody anything
        return False


def _closed(part: Any) -> Any:
    """Without `null`, which the YAML reader never lets through, and without keys of any name."""
    if isinstance(part, Mapping):
        closed = {key: _closed(value) for key, value in part.items() if (key, value) != _NO_DEFAULT}
        ways = closed.get("anyOf")
        if isinstance(ways, list):
            closed["anyOf"] = [way for way in ways if way != {"type": "null"}]
            if len(closed["anyOf"]) == 1:
                closed |= closed.pop("anyOf")[0]
        if "patternProperties" in closed:
            closed["additionalProperties"] = False
        return closed
    return [_closed(item) for item in part] if isinstance(part, list | tuple) else part


_NO_DEFAULT: Final = ("default", None)


def _told(part: Any) -> Any:
    """With what an editor says about each key. Titles lose what is the models' own."""
    if not isinstance(part, Mapping):
        return [_told(item) for item in part] if isinstance(part, list) else part
    told = {key: _told(value) for key, value in part.items()}
    title = told.get("title")
    if isinstance(title, str) and "properties" in told:
        name = told["title"] = title.removesuffix("Entry")
        for key, text in TEXTS[name].items():
            told["properties"][key]["description"] = text
    return told


def _one_of(*keys: str) -> dict[str, Any]:
    """Exactly one of these keys."""
    return {"oneOf": [{"required": [key]} for key in keys]}


def _never_both(key: str, *others: str) -> dict[str, Any]:
    return {
        "if": {"required": [key]},
        "then": {"properties": dict.fromkeys(others, False)},
    }


def _with(*words: str) -> dict[str, Any]:
    """One of these spellings, or a list of them."""
    ways = [{"enum": list(words)}, {"type": "array", "items": {"enum": list(words)}}]
    return {"properties": {"as": {"anyOf": ways}}}


def _kept(name: str) -> dict[str, Any]:
    """`keep` names a field that the shape has."""
    kept = {"properties": {"keep": {"contains": {"const": name}}}, "required": ["keep"]}
    return {"if": kept, "then": {"required": [name]}}


def _both_optional(one: str, other: str) -> dict[str, Any]:
    told = {"properties": {"optional": {"const": True}}, "required": ["optional"]}
    return {
        "if": {"properties": {one: told}, "required": [one]},
        "then": {"properties": {other: told}},
    }


def _direction(*absent: str) -> dict[str, Any]:
    """A request, or a response, without the keys of the other one."""
    return {"properties": dict.fromkeys(absent, False)}


_FORM: Final = {"properties": {"format": {"enum": ["form", "multipart"]}}, "required": ["format"]}
_SAYS_PROTOCOL: Final = {"required": ["protocol"]}
_FOR_A_CALLER: Final = {"properties": {"auth": {"not": {"const": "key"}}}, "required": ["auth"]}
_REFUSED: Final = {
    "anyOf": [{"const": "refused"}, {"required": ["refused"], "maxProperties": 1, "type": "object"}]
}
_NO_CARDS_IN: Final = {"properties": {"request": {"properties": {"detokenize": False, "exchange": False}}}}  # fmt: skip

# What the models' own validators say, and a little of `compile.py`: merged into a definition.
_MORE: Final[Mapping[str, Mapping[str, Any]]] = {
    "ShapeEntry": {
        "dependentRequired": {
            "expiry_month": ["expiry_year"],
            "expiry_year": ["expiry_month"],
        },
        "allOf": [
            _both_optional("expiry", "expiry_month"),
            _both_optional("expiry_month", "expiry"),
            _both_optional("expiry_month", "expiry_year"),
            _both_optional("expiry_year", "expiry_month"),
            {"if": _FORM, "then": {"properties": {"booking": False}}},
            *(_kept(name) for name in ("expiry", "expiry_month", "expiry_year", "holder")),
        ],
    },
    "InsertEntry": {
        **_one_of("xml", "json", "form"),
        "if": {
            "anyOf": [
                {"properties": {"of": {"const": "card"}}, "required": ["of"]},
                {"required": ["for"]},
            ]
        },
        "then": {"properties": {"each": {"const": "card"}}},
    },
    "DirectionEntry": {
        "dependentRequired": {
            "insert": ["tokenize"],
            "on_failure": ["tokenize"],
            "errors": ["tokenize"],
            "header": ["tokenize"],
            "show": ["tokenize"],
            "carry_forward": ["tokenize"],
            "issuer": ["exchange"],
            "issue": ["exchange"],
            "forget": ["exchange"],
        },
        "allOf": [
            {"if": {"required": ["like"]}, "then": {"maxProperties": 1}},
            _never_both("tokenize", "detokenize"),
            _never_both("exchange", "tokenize", "detokenize"),
        ],
    },
    "RouteEntry": {
        "if": _SAYS_PROTOCOL,
        "then": {
            "required": ["at", "to", "response"],
            "properties": {"forward": False, "auth": {"const": "key"}},
        },
        "else": {
            **_one_of("to", "at"),
            "dependentRequired": {"at": ["forward"], "forward": ["at"]},
        },
        "allOf": [
            {
                "if": _FOR_A_CALLER,
                "then": {**_NO_CARDS_IN, "required": ["at"]},
            },
            {
                "if": _FOR_A_CALLER,
                "then": {"properties": {"inbox": _REFUSED, "recaptures": {"const": False}}},
                "else": {"properties": {"inbox": {"not": _REFUSED}}},
            },
        ],
    },
    "ExampleEntry": _one_of("request", "response"),
    "ExpectEntry": {"minProperties": 1},
    "RetentionEntry": {"minProperties": 1},
}

# What a key takes where its model is used for several: merged into the property. "" is the pack.
_NARROWER: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "": {
        "draft": {
            "anyOf": [
                {"type": "boolean"},
                {"type": "string", "pattern": r"\S[\s\S]* [\s\S]*\S"},
            ]
        }
    },
    "ShapeEntry": {
        "expiry": _with(*expiry.WHOLE_SPELLINGS),
        "expiry_month": _with(*expiry.MONTH_SPELLINGS),
        "expiry_year": _with(*expiry.YEAR_SPELLINGS),
    },
    "RouteEntry": {
        "to": {"pattern": rf"^{_HTTPS}{_HOST}{_PATH}$"},
        "at": {"pattern": rf"^{_PATH}$"},
        "request": {
            **_direction("header", "not_cards", "forget"),
            "dependentRequired": {"exchange": ["issuer"]},
        },
        "response": _direction("detokenize", "issuer", "issue"),
    },
    "IssuerEntry": {"post": {"pattern": rf"^(?!.*\*){_PATH}$"}},
    "ExpectEntry": {"failed": {"propertyNames": {"pattern": "^-?[0-9]+$"}}},
}
