"""Paths: how a rule says where a field stands. One small language, no free XPath.

XML   names, `@name`, `/`, `//`, `.`, `[n]` (1-based), `[@a='v']`; `//` at the start searches the
      whole document, `.//` the node at hand. `a/b` starts at the node at hand, `/a/b` at the root,
      `../a` at the node at hand's parent, `../../a` at that one's.
      `a[b='v']` is the `a` that has a child `b` with the text `v`; `a/*` is every child of `a`.
      A name without a prefix matches in any namespace; `p:name` matches the prefix as written.
JSON  `$` (the document, or the node at hand for relative paths), dotted names, `['any name']`,
      `..name` and `..['any name']` (at any depth), `.*` (every member of an object), `[n]` (0-based), `[*]`, `[name='v']` (the item whose member `name` is
      `v`); `.` is the node at hand, `../a` starts at the object that it stands in (a list in between
      is none).
text  what stands around a value, which is `{}`: `Card number: {}` (`codecs/text.py`); `$` or `.` is the
      whole text.
form  one field's name, letter by letter, `%5B` as what it stands for: `card[number]`; `$` or `.` is
      the whole form. Cards in a row are `cards[*]`, and a name that starts with `[` is below one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import unquote

from gateway.codecs.around import mistake

Axis = Literal[
    "child", "descendant", "attribute", "member", "below", "item", "every", "field", "around"
]

_XML_NAME: Final = r"(?:[^\W\d][\w.-]*:)?[^\W\d][\w.-]*"
_XML_STEP: Final = re.compile(
    rf"(?P<slashes>//?)?(?P<at>@)?(?P<name>{_XML_NAME})"
    rf"(?:\[(?P<index>[1-9][0-9]*)\]"
    rf"|\[(?P<of>@?)(?P<key>{_XML_NAME})=(?:'(?P<value>[^']*)'|\"(?P<words>[^\"]*)\")\])?"
    r"|/(?P<every>\*)"
)
_JSON_STEP: Final = re.compile(
    r"\.?(?P<name>[^\W\d][\w-]*)|\.\.(?:(?P<deep>[^\W\d][\w-]*)|\['(?P<odd>[^']+)'\])|\[(?P<index>0|[1-9][0-9]*)\]"
    r"|(?P<every>\[\*\])|(?P<members>\.\*)|\['(?P<quoted>[^']+)'\]"
    r"|\[(?P<key>[^\W\d][\w-]*)=(?:'(?P<value>[^']*)'|\"(?P<words>[^\"]*)\")\]"
)
_ABOVE: Final = re.compile(r"(?:\.\./)+")
_STARTS_ELSEWHERE: Final = re.compile(r"[./$]|\Z")
_PLAIN_NAME: Final = re.compile(r"[^\W\d][\w-]*|\*")
_ANY_STEP: Final = re.compile(r"\$|\[[^\[\]]*\]|(?P<dots>\.{0,2})(?P<name>[^.$'\[\]]+)")
_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_LIKE: Final = {"xml": ".//PaymentCard/@CardNumber", "json": "$.payments[*].number"}


class PathError(ValueError):
    """The path does not follow the language above; its text says where."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `name` is None for `[*]`, `[n]`, `/*` and `.*`; `index` counts from 0 for JSON, 1 for XML."""

    axis: Axis
    name: str | None = None
    index: int | None = None
    where: tuple[str, str] | None = None  # (attribute, value)
    named: tuple[str, str] | None = None  # (child element or member, its text)


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. No steps: the node at hand. `absolute`: from the document's root. `up`: from so
    many levels above the node at hand."""

    text: str
    steps: tuple[Step, ...]
    absolute: bool = False
    up: int = 0

    def __hash__(self) -> int:
        """Codecs look up what they made ready for a path: hashing its steps would take longer than
        following them."""
        return hash(self.text)


def parse_path(text: str, format: str) -> Path:
    """Parses `text` for a format (`xml`, `json`, `form`, `text`). Raises `PathError`."""
    return _parse_around(text) if format == "text" else _parse_steps(text, format)


def _parse_steps(text: str, format: str) -> Path:
    if not text or not text.isprintable():  # nor is a surrogate, which no message can hold
        raise PathError(f"{text!r} is not a path")
    if text == ".":
        return Path(text, ())
    up, below = _ABOVE.match(text), text
    if up is not None:
        below = text[up.end() :]
        if format == "form":
            raise PathError(f"`{text}`: a form has one level; nothing stands above a field")
        if _STARTS_ELSEWHERE.match(below):
            raise PathError(f"`{text}`: a name follows `../`")
    match format:
        case "multipart":
            return Path(text, () if text == "$" else (Step("field", text),))
        case "form":
            return _parse_form(text)
        case "json":
            path = _parse_json(below)
        case "xml":
            path = _parse_xml(below)
        case _:
            raise PathError(f"{format!r} is not a format with paths")
    return path if up is None else replace(path, text=text, up=up.end() // len("../"))


def parse_cards(text: str, format: str) -> Path:
    """As `parse_path`, for the path to cards: in a form it may hold one `[*]`, for each card in a row."""
    if format != "form" or "[*]" not in text:
        return parse_path(text, format)
    before, _, after = text.partition("[*]")
    if not before or "[*]" in after:
        raise PathError(f"`{text}`: a name, and one `[*]`, lead to the cards of a form")
    name = "[*]".join(
        parse_path(part, format).steps[0].name or "" for part in (before, after) if part
    )
    return Path(text, (Step("field", name if after else f"{name}[*]"),))


def _parse_around(text: str) -> Path:
    if wrong := mistake(text):
        raise PathError(f"`{text}` is not a path in text; {wrong}")
    shown = text.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
    return Path(shown, () if text in {"$", "."} else (Step("around", text),))


def _parse_form(text: str) -> Path:
    if text == "$":
        return Path(text, ())
    if "[*]" in text:
        hint = 'write `card: "cards[*]"`, and `"[number]"` for what is below'
        raise PathError(f"`{text}`: `[*]` stands in the path to the cards; {hint}")
    if _BAD_ESCAPE.search(text):
        raise PathError(f"`{text}`: a percent sign wants two hex digits behind it")
    name = unquote(text, errors="surrogateescape")
    if not name.isprintable():
        raise PathError(f"{text!r} is not a path")
    return Path(text, (Step("field", name),))


def _not_a_path(text: str, position: int, format: str) -> PathError:
    where = f"after `{text[:position]}`" if position else "at its start"
    remedy = _remedy(text, position, format)
    return PathError(
        f"`{text}` is not a path in {format}, {where}; {remedy or f'write it like `{_LIKE[format]}`'}"
    )


def _remedy(text: str, position: int, format: str) -> str:
    """What was meant, where what stands there is known from other languages."""
    rest = text[position:]
    if "|" in rest:
        return "several places are a list: `[first, second]`"
    if format == "xml" and "text()" in text:
        return "leave `/text()` out: a path to an element means its text"
    if format == "json" and (quoted := _quoted(text)) is not None:
        return f"a name with other signs is written `{quoted}`"
    return ""


def _quoted(text: str) -> str | None:
    """A JSON path whose odd names stand in quotes; None where that makes none of it."""
    parts = list(_ANY_STEP.finditer(text))
    if "/" in text or "".join(part[0] for part in parts) != text:
        return None
    quoted = "".join(
        part[0] if part["name"] is None or _PLAIN_NAME.fullmatch(part["name"])
        else f"{part['dots'] if part['dots'] == '..' else ''}['{part['name']}']"
        for part in parts
    )  # fmt: skip
    if quoted == text:
        return None
    try:
        _parse_json(quoted)
    except PathError:
        return None
    return quoted


def _parse_xml(text: str) -> Path:
    steps: list[Step] = []
    relative = text.startswith("./")
    rest = text[1:] if relative else text
    position = 0
    while position < len(rest):
        match = _XML_STEP.match(rest, position)
        if match is not None and match["every"] and steps:
            steps.append(Step("every"))
            position = match.end()
            continue
        if match is None or match["every"] or (position and match["slashes"] is None):
            raise _not_a_path(text, len(text) - len(rest) + position, "xml")
        if match["at"] and (match["slashes"] == "//" or match.end() != len(rest)):
            raise PathError(f"`{text}`: an attribute is the last step, after one slash")
        axis: Axis = (
            "attribute" if match["at"] else "descendant" if match["slashes"] == "//" else "child"
        )
        index = int(match["index"]) if match["index"] else None
        said = (match["key"], match["value"] or match["words"] or "") if match["key"] else None
        where, named = (said, None) if match["of"] else (None, said)
        if named and match["at"]:
            raise PathError(f"`{text}`: an attribute has no elements")
        steps.append(Step(axis, match["name"], index, where, named))
        position = match.end()
    return Path(text, tuple(steps), absolute=not relative and text.startswith("/"))


def _parse_json(text: str) -> Path:
    absolute = text.startswith("$")
    rest = text[1:] if absolute else text
    if not rest and absolute:
        return Path(text, ())
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _JSON_STEP.match(rest, position)
        starts_bare = match is not None and match["name"] and match[0][0] != "."
        if match is None or (starts_bare and (position > 0 or absolute)):
            raise _not_a_path(text, len(text) - len(rest) + position, "json")
        deep = match["deep"] or match["odd"]
        if not absolute and position == 0 and match[0][0] == "." and not deep:
            raise PathError(f"`{text}`: a relative path starts with a name")
        if match["every"]:
            steps.append(Step("item"))
        elif match["members"]:
            steps.append(Step("every"))
        elif match["index"] is not None:
            steps.append(Step("item", index=int(match["index"])))
        elif match["key"]:
            steps.append(Step("item", named=(match["key"], match["value"] or match["words"] or "")))
        elif deep:
            steps.append(Step("below", deep))
        else:
            steps.append(Step("member", match["name"] or match["quoted"]))
        position = match.end()
    return Path(text, tuple(steps), absolute)
