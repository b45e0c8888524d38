"""What tools write for a body, for headers, for a URL, as what was on the line."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from gateway.cli.recorded_pairs import Node

FORM: Final = "application/x-www-form-urlencoded"
# A pattern of paths: what of it means nothing else than itself, and what only matches.
_PLAIN: Final = (
    (re.compile(r"\[[^\]]*\]"), "[]"),  # one may have the slash in it
    (re.compile(r"\(\?(?::|P?<\w+>)"), "("),
    (re.compile(r"\A\^|\$\Z"), ""),
    (re.compile(r"\([^()]*\)[?*]|/\?\Z"), ""),  # may be missing
    (re.compile(r"\(([\w-]+)(?:\|[\w-]+)*\)"), r"\1"),  # the first of a choice
)
_QUERY: Final = re.compile(r"\\\?|\?(?=[\w.-]+(?:=|\Z))")
_ESCAPE: Final = re.compile(r"\\(?=[./&=-])")
_MATCHES: Final = re.compile(r"[\\\[\](){}*+?|^$<>]")
_ANY: Final = "100"  # a number, which a proposal's path has a `*` for

Pairs = list[tuple[str, str]]


def written(body: Any) -> str | None:
    """A body that a tool keeps as JSON among its own, as it would be sent; a text as it is."""
    if body is None or isinstance(body, str):
        return body
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def unbased(text: Any) -> bytes:
    """Of base64. Raises ValueError."""
    return base64.b64decode("".join(str(text).split()), validate=True)


def form(fields: Sequence[tuple[str, str]]) -> str:
    """As it would be sent."""
    return urlencode(fields, errors="surrogatepass")


def listed(fields: Any, name: str = "name", value: str = "value") -> Pairs:
    """Names and values: of a list of objects (without those that are switched off), of a list of pairs, of an object
    whose values are texts or lists of them."""
    return list(_listed(fields, name, value))


def _listed(fields: Any, name: str, value: str) -> Iterator[tuple[str, str]]:
    if isinstance(fields, dict):
        fields = list(fields.items())
    for one in fields if isinstance(fields, list) else ():
        if isinstance(one, dict):
            off = one.get("disabled") or one.get("enabled") is False
            pair = (one.get(name), one.get(value, one.get(f"{value}s")))
        else:
            off, pair = False, tuple(one) if isinstance(one, list | tuple) else ()
        if off or len(pair) != 2 or pair[0] is None:
            continue
        for text in pair[1] if isinstance(pair[1], list) else [pair[1]]:
            yield str(pair[0]), "" if text is None else str(text)


def exactly(matcher: Any) -> Any:
    """What a stub wants to see, where it says so itself: not what only matches it. None where it does not."""
    if not isinstance(matcher, dict):
        return matcher
    known = ("equalTo", "equalToJson", "equalToXml", "value", "values")
    return next((matcher[one] for one in known if one in matcher), None)


def unpatterned(path: Any) -> str:
    """A pattern of paths, or a template (`/v1/{id}`), as a path that can be asked for: the first of a choice
    between names, a number for every other segment that only matches."""
    text = str(path)
    for pattern, plain in _PLAIN:
        text = pattern.sub(plain, text)
    text, *query = (_ESCAPE.sub("", one) for one in _QUERY.split(text, maxsplit=1))
    asked = "/".join(_ANY if _MATCHES.search(one) else one for one in text.split("/"))
    return "?".join([asked, *query])


def with_query(path: Any, query: Any) -> str:
    """A path and its query, which tools keep as a text, an object or a list."""
    if isinstance(query, str):
        text = query.removeprefix("?")
    else:
        text = form([(name, value) for name, value in listed(query)])
    return f"{path}?{text}" if text else str(path)


def first(one: Node, *names: str) -> Any:
    """The value of the first of these names that is there and says something. Raises KeyError where none is."""
    for name in names:
        if one.get(name):
            return one[name]
    raise KeyError(names[0])
