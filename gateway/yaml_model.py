"""Pydantic's complaints, told as `file:line:column: message` to someone who edits YAML."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import Problem
from gateway.yaml_place import Key, Located

# "The value is of another kind": in a union, only of interest where no branch came further.
_KINDS: Final = {
    "string_type": "text (quote it)",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}


def problems(error: ValidationError, located: Located, model: type[BaseModel]) -> list[Problem]:
    """Every complaint of `error` about `located`, with its place, in the order of the file."""
    entries = [(located.known(entry["loc"]), entry) for entry in error.errors(include_url=False)]
    kinds: dict[tuple[Key, ...], list[str]] = {}
    found: list[Problem] = []
    for place, entry in entries:
        beneath = [other for other, _ in entries if other != place and other[: len(place)] == place]
        beside = [other for other, one in entries if other == place and one["type"] not in _KINDS]
        if entry["type"] in _KINDS:
            # Of a union's branches the one that came further tells more.
            if not beneath and not beside:
                kinds.setdefault(place, []).append(_wanted(entry))
        elif entry["type"] != "too_short" or not beneath:  # bad items are missing from the count
            found.append(_problem(place, entry, located, model))
    for place, wanted in kinds.items():
        choice = " or ".join(dict.fromkeys(wanted))
        found.append(located.problem(place, f"{_name(place)} must be {choice}"))
    return sorted(dict.fromkeys(found), key=lambda problem: problem.order)


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?`, or nothing when no known word is close."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def _wanted(entry: ErrorDetails) -> str:
    """What a value is to be; of a list, quotes would make no text that is meant."""
    if entry["type"] == "string_type" and isinstance(entry["input"], list) and entry["input"]:
        return "one text, not a list"
    return _KINDS[entry["type"]]


def _problem(
    place: tuple[Key, ...], entry: ErrorDetails, located: Located, model: type[BaseModel]
) -> Problem:
    if entry["type"] == "extra_forbidden":
        return _unknown(place, entry, located, model)
    if entry["loc"][-1:] == ("[key]",):  # pydantic's word for a mapping's key that is no such key
        return located.problem_of_key(place, _message(place, entry))
    return located.problem(place, _message(place, entry))


def _unknown(
    place: tuple[Key, ...], entry: ErrorDetails, located: Located, model: type[BaseModel]
) -> Problem:
    models = _models(model, entry["loc"][:-1])
    known = [info.alias or name for found in models for name, info in found.model_fields.items()]
    key = str(entry["loc"][-1])
    if any(key in getattr(found, "not_yet", ()) for found in models):
        return located.problem_of_key(place, f"`{key}` is not available yet", "Remove it.")
    there = [getattr(found, "elsewhere", {}).get(key) for found in models]
    if place_of_it := next(filter(None, there), None):
        return located.problem_of_key(place, f"`{key}` stands {place_of_it}", "Move it there.")
    guess = suggest(key, known)
    hint = "" if guess or not known else f"Known keys here: {', '.join(known)}."
    return located.problem_of_key(place, f"unknown key `{key}`{guess}", hint)


def _message(place: tuple[Key, ...], entry: ErrorDetails) -> str:
    kind, context, said = entry["type"], entry.get("ctx", {}), entry["msg"]
    if kind == "missing":
        inside = f" in {_name(place)}" if place else ""
        return f"`{entry['loc'][-1]}` is missing{inside}"
    if kind in {"literal_error", "enum"}:
        expected = str(context.get("expected", "")).replace("'", "`")
        words = [word.strip("`") for word in expected.replace(" or ", ", ").split(", ")]
        return f"{_name(place)} must be {expected}{suggest(str(entry['input']), words)}"
    if kind == "too_short":
        least = context["min_length"]
        return f"{_name(place)} must have at least {least} item{'s' if least > 1 else ''}"
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", said))
    told = said.removeprefix("Input should be ").removeprefix("Value should be ")
    return f"{_name(place)}{' must be ' if told != said else ': '}{told}"


def _name(place: Sequence[Key]) -> str:
    """How a message calls a part: its last key, and the number of the item it stands in."""
    if not place:
        return "the file"
    last = place[-1]
    if isinstance(last, str):
        return f"`{last}`"
    return f"item {last + 1} of {_name(place[:-1])}"


def _models(model: type[BaseModel], place: Sequence[Key]) -> list[type[BaseModel]]:
    """The models that stand at `place`; one, or several branches of a union."""
    candidates: list[Any] = list(_branches(model))
    for step in place:
        deeper = [inner for candidate in candidates for inner in _step(candidate, step)]
        # What is no key or index is the name of a union's branch.
        candidates = (
            deeper
            or [candidate for candidate in candidates if getattr(candidate, "__name__", "") == step]
            or candidates
        )
    return [found for found in candidates if _is_model(found)]


def _step(annotation: Any, step: Key) -> Iterator[Any]:
    """What `step` leads to inside a type, each branch of a union by itself."""
    if _is_model(annotation):
        for name, info in annotation.model_fields.items():
            if step in {name, info.alias}:
                yield from _branches(info.annotation)
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None or not isinstance(origin, type):
        return
    if issubclass(origin, typing.Mapping) and arguments:
        yield from _branches(arguments[1])
    elif isinstance(step, int) and arguments:
        fixed = origin is tuple and Ellipsis not in arguments and step < len(arguments)
        yield from _branches(arguments[step if fixed else 0])


def _branches(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        yield from _branches(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for branch in get_args(annotation):
            yield from _branches(branch)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
