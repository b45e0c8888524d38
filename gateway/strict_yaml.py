"""YAML that means what it says: a small subset, every mistake with its file, line and column.

What goes in: a UTF-8 file. What comes out: dicts, lists, str, int, float, true and false, together
with the place of each. Refused, because a reader and a parser would understand it differently or
because it serves no purpose here: duplicate keys, `no`/`on`/`off` and their like, octals, numbers
with a colon, dates, `.inf`, `1e3`, nulls and empty values, merge keys, tags, anchors and aliases,
directives, several documents, tabs, depth beyond 32, more than 1 MiB.

The events come from PyYAML (YAML 1.1, https://yaml.org/spec/1.1/); its constructors are not used.
All mistakes of one file are reported together, unless it can not be read on after one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from gateway import yaml_model
from gateway.errors import ConfigurationError, Problem
from gateway.yaml_place import Key, Located, Mark

__all__ = [
    "Located",
    "check_model",
    "digest",
    "load",
    "load_model",
    "load_model_text",
    "load_text",
    "read_text",
]

M = TypeVar("M", bound=BaseModel)

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
_LONGEST_INTEGER: Final = 18  # fits 64 bits; longer digits are names and want quotes

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]*")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
# What YAML 1.1, 1.2 or a reader would take for something else than text. The first that fits says
# why; each is refused, never guessed.
_TRAPS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"(?i:yes|no|on|off|y|n)|True|TRUE|False|FALSE"),
        "some readers take `{}` for true or false",
    ),
    (re.compile(r"~|(?i:null)"), "`{}` means no value"),
    (re.compile(r"[-+]?0(?:o[0-7_]+|[0-9_]+)"), "`{}` starts with 0, so some read it as octal"),
    (
        re.compile(r"[-+]?0[xX][0-9a-fA-F_]+|[-+]?0b[01_]+"),
        "`{}` is a hexadecimal or binary number",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"),
        "`{}` is read as a number in base 60",
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"),
        "`{}` is read as a date",
    ),
    (
        re.compile(
            r"(?i:[-+]?\.inf|\.nan)|[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?"
        ),
        "`{}` is a number in a spelling that readers understand differently",
    ),
    (re.compile(r"="), "`{}` is YAML's default-value sign"),
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WORDS: Final = {"true": True, "false": False}


def load(path: Path) -> Located:
    """Reads `path`. Raises `ConfigurationError` with every problem found."""
    return load_text(read_text(path), str(path))


def load_text(text: str, file: str) -> Located:
    """Reads YAML that is at hand already; `file` stands in the messages."""
    return _Reader(text, file).read()


def load_model(path: Path, model: type[M]) -> M:
    """Reads `path` into a pydantic model, strictly: text is not taken for a number, nor 1 for true.

    Every entry of a `ValidationError` becomes a problem with the place of the node it is about, and
    a misspelt key or choice a suggestion.
    """
    return load_model_text(read_text(path), str(path), model)


def load_model_text(
    text: str, file: str, model: type[M], *, context: Mapping[str, object] | None = None
) -> M:
    """As `load_model`, for YAML that is at hand already. `context` is handed to the model's validators."""
    return check_model(load_text(text, file), model, context=context)


def check_model(
    located: Located, model: type[M], *, context: Mapping[str, object] | None = None
) -> M:
    """As `load_model`, for data that was read already."""
    if not isinstance(located.data, dict):
        message = "the file must be a mapping of keys to values"
        raise ConfigurationError([located.problem((), message)])
    try:
        return model.model_validate_json(located.json(), strict=True, context=dict(context or {}))
    except ValidationError as error:
        raise ConfigurationError(yaml_model.problems(error, located, model)) from None


def read_text(path: Path) -> str:
    """The file's text, as `load_text` takes it. Raises `ConfigurationError`."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        problem = Problem(str(path), 0, f"the file can not be read: {reason}")
        raise ConfigurationError([problem]) from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError([Problem(str(path), 0, "the file is larger than 1 MiB")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = error.object[: error.start].decode()  # without the byte order mark
        line, column = _mark(good, len(good))
        raise ConfigurationError(
            [Problem(str(path), line, "the file is not UTF-8", "Save it as UTF-8.", column)]
        ) from None


def digest(text: str) -> str:
    """The SHA-256 of a file with this text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


class _Reader:
    """Walks PyYAML's events once, building data and places, gathering problems."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._located = Located(None, file)
        self._problems: list[Problem] = []

    def read(self) -> Located:
        if len(self._text) > MAX_BYTES:
            raise ConfigurationError([Problem(self._file, 0, "the file is larger than 1 MiB")])
        try:
            self._loader = yaml.SafeLoader(self._text)
            self._document()
        except yaml.reader.ReaderError as error:
            message = f"the character U+{int(error.character):04X} is not allowed in YAML"
            at = _mark(self._text, error.position)
            self._note(at, message, 'Write it as an escape in double quotes, like "\\u0001".')
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
        if self._problems:
            raise ConfigurationError(self._problems)
        return self._located

    def _document(self) -> None:
        self._next()  # the stream's start
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            self._stop(start, "the file is empty")
        if getattr(start, "version", None) or getattr(start, "tags", None):
            self._at(start, "a %YAML or %TAG line is not allowed", "Remove it.")
        self._located.data = self._value(self._next(), ())
        self._next()  # the document's end
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, "a second document starts here", "Keep one document per file.")

    def _value(self, event: yaml.Event, place: tuple[Key, ...]) -> object:
        self._located.values[place] = _start(event)
        self._refuse_extras(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if len(place) >= MAX_DEPTH:
            self._stop(event, f"this is nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place)
        return None  # an alias; it was refused above

    def _mapping(self, place: tuple[Key, ...]) -> dict[str, object]:
        result: dict[str, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event)
            inner = (*place, key)
            if key in result:
                first = self._located.keys[inner].line
                self._at(
                    event,
                    f"the key `{key}` stands here again; it was first on line {first}",
                    "Only one of them would count. Remove one.",
                )
                inner = (*place, f"{key} (again)", len(self._problems))
            self._located.keys[inner] = _start(event)
            value = self._value(self._next(), inner)
            result.setdefault(key, value)
        return result

    def _key(self, event: yaml.Event) -> str:
        self._refuse_extras(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, "a key must be one word", "Quote it, if this is meant to be text.")
        if event.style is None and event.value == "<<":
            self._at(event, "the merge key `<<` is not allowed", "Write the keys out.")
            return "<<"
        if event.style is None and event.value in _WORDS:
            self._at(event, f"the key `{event.value}` is not text", f'Quote it: "{event.value}"')
        self._scalar(event)
        return str(event.value)

    def _sequence(self, place: tuple[Key, ...]) -> list[object]:
        result: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            result.append(self._value(event, (*place, len(result))))
        return result

    def _scalar(self, event: yaml.ScalarEvent) -> str | int | float | bool:
        """What a scalar says; one that says nothing for sure is noted and kept as text."""
        text: str = event.value
        if event.style is not None:
            if _SURROGATE.search(text):
                self._at(
                    event, "this text holds half of a surrogate pair", "Write the sign itself."
                )
            return text
        if text in _WORDS:
            return _WORDS[text]
        if len(text) <= _LONGEST_INTEGER:
            if _INTEGER.fullmatch(text):
                return int(text)
            if _DECIMAL.fullmatch(text):
                return float(text)
        self._refuse_traps(event, text)
        return text

    def _refuse_traps(self, event: yaml.ScalarEvent, text: str) -> None:
        if not text:
            self._at(
                event,
                "there is no value here",
                'Write one, or "", or remove the key. {Braces} want quotes.',
            )
        for trap, why in _TRAPS:
            if trap.fullmatch(text):
                truth = ", or write true or false" if "true or false" in why else ""
                self._at(event, why.format(text), f'Quote it: "{text}"{truth}')
                return

    def _refuse_extras(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._at(
                event,
                f"aliases (`*{event.anchor}`) are not allowed",
                "Write the value out; if the star is part of a text, quote the text.",
            )
        elif getattr(event, "anchor", None) is not None:
            self._at(
                event,
                "anchors (`&…`) are not allowed",
                "Remove it; if the & is part of a text, quote the text.",
            )
        if getattr(event, "tag", None) is not None:
            self._at(
                event,
                "tags (`!…`) are not allowed",
                "Remove it; if the ! is part of a text, quote the text.",
            )

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        what = (error.problem or error.context or "this can not be read").replace("'", "`")
        found = mark.buffer[mark.pointer : mark.pointer + 1] if mark and mark.buffer else ""
        hint = _HINTS.get(found, "")
        if "mapping values are not allowed" in what:
            hint = "A text that contains a colon and a space wants quotes; else check the indent."
        elif "expected `,` or `]`" in what or "expected `,` or `}`" in what:
            hint = "A text with a bracket, a brace or a comma wants quotes in a list or in braces."
        elif what.startswith("could not find expected"):
            hint = "Check the indent, and that the key is followed by a colon."
        at = Mark(mark.line + 1, mark.column + 1) if mark else Mark(0, 0)
        self._note(at, f"this is not YAML: {what}", hint)

    def _next(self) -> yaml.Event:
        event: yaml.Event = self._loader.get_event()  # type: ignore[no-untyped-call]  # untyped there
        return event

    def _at(self, event: yaml.Event, message: str, hint: str = "") -> None:
        self._note(_start(event), message, hint)

    def _note(self, at: Mark, message: str, hint: str = "") -> None:
        self._problems.append(Problem(self._file, at.line, message, hint, at.column))

    def _stop(self, event: yaml.Event, message: str, hint: str = "") -> NoReturn:
        self._at(event, message, hint)
        raise ConfigurationError(self._problems)


def _start(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(0, 0)


def _mark(text: str, offset: int) -> Mark:
    """The place of the character at an offset of a text."""
    return Mark(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


_HINTS: Final = {
    "\t": "Use spaces instead of the tab.",
    "@": "A text that starts with @ wants quotes.",
    "`": "A text that starts with ` wants quotes.",
    "%": "A text that starts with % wants quotes.",
    "*": "A text that starts with * wants quotes.",
    ".": "A text that starts with * wants quotes.",
    "/": "A text that starts with * wants quotes.",
}
