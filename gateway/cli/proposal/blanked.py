"""The example of a proposed route: the recorded message with nothing of what it said.

Cards become published test numbers of the same length, or tokens; every other text becomes `x` or `0`.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from gateway.cards import pan
from gateway.cli.proposal import words
from gateway.cli.proposal.columns import row_of
from gateway.cli.proposal.leaves import (
    Bare,
    Step,
    Steps,
    Taken,
    elements_of,
    local,
    pairs,
    parse_json,
    parse_xml,
)
from gateway.cli.proposal.segments import lines_of
from gateway.cli.proposal.ways import text_path
from gateway.codecs.xml_tree import Parsed, local_name

_TESTS: Final = (
    "4111111111111111", "5555555555554444", "378282246310005", "371449635398431", "30569309025904", "38520000023237",
    "4222222222222",
)  # fmt: skip
_WIDE: Final = 140  # signs of one line
_ROOM, _LINES = 1600, 40  # signs and lines, before an example is shortened
_KEPT_IN_FORMS: Final = "[]/:,.-_$*"

Texts = Mapping[Steps, str]  # what stands at a place; everything else is blanked


def test_number(length: int, recorded: Collection[str]) -> str:
    """A number for tests of a length, and none of those that were recorded."""
    published = [one for one in _TESTS if len(one) == length and one not in recorded]
    if published:
        return published[0]
    bare = ("4" + f"{n:0{length - 2}d}" for n in itertools.count())
    numbers = (one + sign for one in bare for sign in "0123456789" if pan.luhn_ok(one + sign))
    return next(one for one in numbers if one not in recorded)


def blanked(taken: Taken, texts: Texts, *, whole: bool) -> tuple[str, bool]:
    """The document with `texts` where they belong and nothing else that it said; whether it was shortened:
    unless it is short, or where not the `whole` of it is wanted."""
    full = _written(taken, texts, lambda _: True) if whole else ""
    if whole and len(full) <= _ROOM and full.count("\n") <= _LINES:
        return full, False
    ways = {steps[:n] for steps in texts for n in range(len(steps) + 1)}
    return _written(taken, texts, lambda steps: steps in ways), True


def encoded(text: str, coding: str) -> str:
    """As an envelope's text holds it."""
    if coding == "text":
        return text
    alphabet = base64.urlsafe_b64encode if coding == "base64url" else base64.b64encode
    written = alphabet(text.encode()).decode("ascii")
    return written.rstrip("=") if coding == "base64url" else written


def _written(taken: Taken, texts: Texts, kept: Callable[[Steps], bool]) -> str:
    if taken.format == "xml":
        return _xml(taken, texts, kept)
    if taken.format == "json":
        value = _json(parse_json(taken.body.removeprefix(b"\xef\xbb\xbf")), (), texts, kept)
        line = json.dumps(value, ensure_ascii=True)
        return line if len(line) <= _WIDE else json.dumps(value, ensure_ascii=True, indent=1)
    if taken.format == "multipart":
        return _multipart(taken, texts, kept)
    if taken.format == "text":
        return _text(taken, texts)
    written = []
    for name, value in pairs(taken.body):
        steps = (Step("field", name),)
        if kept(steps):
            text = texts.get(steps, _blank(value))
            written.append(f"{quote(name, safe=_KEPT_IN_FORMS)}={quote(text, safe=_KEPT_IN_FORMS)}")
    return "&".join(written)


def _blank(text: str) -> str:
    bare = text.strip()
    if not bare:
        return ""
    return "0" if bare.isdigit() else "x"


def _xml(taken: Taken, texts: Texts, kept: Callable[[Steps], bool]) -> str:
    root = parse_xml(taken.body)
    if root is None:
        return ""
    lines = list(_element(root, (Step("element", local_name(root)),), {}, texts, kept))
    whole = "".join(line.strip() for line in lines)
    text = whole if len(whole) <= _WIDE else "\n".join(lines)
    if taken.doctype:
        return f'<!DOCTYPE {_called(root)} SYSTEM "http://dtd.example/message.dtd">\n{text}'
    return text


def _element(
    element: Parsed,
    here: Steps,
    known: Mapping[str | None, str],
    texts: Texts,
    kept: Callable[[Steps], bool],
) -> Iterator[str]:
    """Its lines. `known`: the namespaces that are declared around it."""
    margin = " " * (len(here) - 1)
    spaces = {key: value for key, value in element.nsmap.items() if known.get(key) != value}
    head = [_called(element)]
    head += [f"xmlns{f':{key}' if key else ''}={quoteattr(value)}" for key, value in spaces.items()]
    for key, value in element.items():
        steps = (*here, Step("attribute", local(key)))
        name = _attribute(element, key)
        if kept(steps) and name is not None:
            head.append(f"{name}={quoteattr(texts.get(steps, _blank(str(value))))}")
    children = elements_of(element)
    start = f"{margin}<{' '.join(head)}"
    if not children:
        text = texts.get(here, _blank(element.text or ""))
        yield f"{start}>{escape(text)}</{_called(element)}>" if text else f"{start}/>"
        return
    yield f"{start}>"
    seen: dict[str, int] = {}
    for child in children:
        name = local_name(child)
        steps = (*here, Step("element", name, seen.get(name, 0)))
        seen[name] = seen.get(name, 0) + 1
        if kept(steps):
            yield from _element(child, steps, element.nsmap, texts, kept)
    yield f"{margin}</{_called(element)}>"


def _attribute(element: Parsed, key: str) -> str | None:
    """An attribute's name as it is written; None of one whose prefix is not declared (`xml:`)."""
    space, _, name = key.removeprefix("{").rpartition("}")
    if not space:
        return key
    prefixes = (prefix for prefix, url in element.nsmap.items() if prefix and url == space)
    prefix = next(prefixes, None)
    return f"{prefix}:{name}" if prefix else None


def _called(element: Parsed) -> str:
    name = local_name(element)
    return f"{element.prefix}:{name}" if element.prefix else name


def _json(value: Any, here: Steps, texts: Texts, kept: Callable[[Steps], bool]) -> Any:
    if isinstance(value, dict):
        steps = {name: (*here, Step("member", name)) for name in value}
        shown = _names(value, [name for name in value if steps[name] in texts])
        return {
            shown[n]: _json(v, steps[n], texts, kept) for n, v in value.items() if kept(steps[n])
        }
    if isinstance(value, list):
        items = [(v, (*here, Step("item", nth=i))) for i, v in enumerate(value)]
        return [_json(v, steps, texts, kept) for v, steps in items if kept(steps)]
    if not isinstance(value, str):
        return value  # true, false, null
    text = texts.get(here)
    if isinstance(value, Bare):
        return int(text) if text is not None and text.isdigit() else 0 if text is None else text
    return _blank(value) if text is None else text


def _names(names: Collection[str], asked: Collection[str]) -> dict[str, str]:
    """What the members of an object are called in an example: `x` for what may be a guest's name, unless a
    path of the proposal asks for it."""
    numbered = itertools.chain(["x"], (f"x{n}" for n in itertools.count(2)))
    free = (one for one in numbered if one not in names)
    return {n: next(free) if n not in asked and words.may_be_a_value(n) else n for n in names}


def _text(taken: Taken, texts: Texts) -> str:
    """What stands around the values that are asked for, each in a line; of columns the rows with a card."""
    rows: dict[Step, list[tuple[str, str]]] = {}
    alone = []
    for leaf in taken.leaves:
        path, text = text_path(leaf.steps), texts.get(leaf.steps)
        if leaf.steps[0].axis == "item":
            said = _blank(leaf.text) if text is None else text
            rows.setdefault(leaf.steps[0], []).append((path, said))
        elif text is not None:
            alone.append((path, text))
    lines = lines_of(alone)
    asked = {steps[0] for steps in texts}
    for step, row in rows.items():
        if step in asked and step.name:  # a part of the text, under the same words as others
            lines += lines_of(row)
        elif step in asked:
            lines.append(row_of([path for path, _ in row], [said for _, said in row]))
    return "\n".join(lines)


def _multipart(taken: Taken, texts: Texts, kept: Callable[[Steps], bool]) -> str:
    lines = []
    for leaf in taken.leaves:
        if kept(leaf.steps) and '"' not in leaf.name:  # readers unescape it differently
            text = texts.get(leaf.steps, _blank(leaf.text))
            lines += ["--x", f'Content-Disposition: form-data; name="{leaf.name}"', "", text]
    return "\n".join([*lines, "--x--"])
