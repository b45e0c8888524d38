"""Texts whose places are counted, or numbered, and have no names: EDIFACT's segments, printed ISO 8583.

FOP+CC:::VI:4111…:1227'       FOP+CC:{*}:{*}:{*}:{}:     the separators in front of a value are its path
2: 4111… | 14: 2712 |         2: {} |                    the element's number is
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from gateway.cards import pan
from gateway.cli.proposal import iso8583, spelled
from gateway.cli.proposal.leaves import Leaf, Step, Steps
from gateway.cli.proposal.repeats import spans_of
from gateway.cli.proposal.ways import leads_to

_BEGINS: Final = re.compile(r"\s*(?:UNA(?P<signs>[^\w\s]{2}.[^\w]{2}[^\w\s])\s*)?UNB(?=\W)")
_QUALIFIER: Final = re.compile(r"[A-Z]{1,3}|[0-9]{1,2}")
_EXPIRY: Final = re.compile(r"[0-9]{4}|[0-9]{6}")
_EXPIRES: Final = "DTM", "36"  # a date that is called the day on which something expires
_MOST: Final = 2_000  # segments, or elements
_CLOSE: Final = 3  # components behind a number in which its expiry may stand
_ELEMENT: Final = re.compile(
    r"(?<![\w.])(?P<label>(?:[A-Za-z]{1,5}[ _-]?)?[0-9]{1,3})(?P<sep>[ \t]*[:=][ \t]*\[?)(?P<value>[^\s|,;\[\]]+)"
)
_LINED: Final = re.compile(r"\A[^\w\r\n]{1,3}")


class Segment(NamedTuple):
    """One segment: its tag, and each of its values with the separator in front of it."""

    tag: str
    parts: tuple[tuple[str, str], ...]
    end: str

    def path(self, place: int) -> str:
        """What leads to a value: all separators in front of it; of the values a first qualifier alone."""
        said = self.tag
        for n, (separator, value) in enumerate(self.parts[:place]):
            said += separator + (value if not n and _QUALIFIER.fullmatch(value) else "{*}")
        after = self.parts[place + 1][0] if place + 1 < len(self.parts) else self.end
        return said + self.parts[place][0] + "{}" + after

    def begin(self) -> str:
        """What such a segment begins with."""
        (first, value), *others = self.parts
        known = _QUALIFIER.fullmatch(value) and others
        return self.tag + first + (value + others[0][0] if known else "")


def segments(text: str) -> list[Segment]:
    """The segments of an EDIFACT message; none where it is none."""
    found = _BEGINS.match(text)
    if found is None:
        return []
    component, element, _, release, _, end = tuple(found["signs"] or ":+.? '")
    whole = re.compile(
        rf"([A-Z]{{3}})((?:{re.escape(release)}.|[^{re.escape(end + release)}])*){re.escape(end)}",
        re.DOTALL,
    )
    made: list[Segment] = []
    for one in whole.finditer(text, found.start("signs") + 6 if found["signs"] else 0):
        parts = re.findall(
            rf"([{re.escape(element + component)}])([^{re.escape(element + component)}]*)", one[2]
        )
        if parts and release not in one[2] and len(made) < _MOST:  # it would be one more separator
            made.append(Segment(one[1], tuple((sign, value) for sign, value in parts), end))
    return made


def segments_of(text: str, body: bytes) -> list[Leaf]:
    """The cards' values in an EDIFACT message, those of each segment a card of its own."""
    all_of_them = segments(text)
    holding = [(one, place) for one in all_of_them if (place := _number_in(one)) is not None]
    if not holding:
        return []
    begins = {one.begin() for one, _ in holding}
    card, spans = "", [(0, len(body))]
    if len(holding) > 1:
        begin = begins.pop()
        card = f"{begin}{{...}}{begin}"
        spans = spans_of(card, body)
        if begins or len(spans) != len(holding):
            return []  # nobody could tell whose is what
    leaves = []
    for n, ((segment, place), span) in enumerate(zip(holding, spans, strict=True)):
        around = all_of_them if not card else [segment]
        for path, label, value in _values(segment, place, around):
            if leads_to(body, path, value, span if card else None):
                steps: Steps = (Step("field", path), Step("member", label))
                leaves.append(Leaf((Step("item", card, n), *steps) if card else steps, value))
    return leaves


def _number_in(segment: Segment) -> int | None:
    for place, (_, value) in enumerate(segment.parts):
        if value.isdigit() and pan.is_plausible(value):
            return place
    return None


def _values(
    segment: Segment, place: int, around: Sequence[Segment]
) -> Iterator[tuple[str, str, str]]:
    """Path, name and text of a card's number, and of what behind it may be its expiry and its code."""
    yield segment.path(place), "card number", segment.parts[place][1]
    behind = range(place + 1, min(place + 1 + _CLOSE, len(segment.parts)))
    expires = next((n for n in behind if _is_expiry(segment.parts[n][1])), None)
    if expires is not None:
        yield segment.path(expires), "expiry", segment.parts[expires][1]
    else:
        for one in around:
            if (one.tag, one.parts[0][1]) == _EXPIRES and len(one.parts) > 1:
                yield one.path(1), "expiry", one.parts[1][1]
                break
    for n in behind:
        value = segment.parts[n][1]
        if n != expires and re.fullmatch(r"[0-9]{3}", value):
            yield segment.path(n), f"c{n}", value
            break


def _is_expiry(value: str) -> bool:
    return _EXPIRY.fullmatch(value) is not None and spelled.whole(value) is not None


def elements_of(text: str, body: bytes) -> list[Leaf]:
    """The values of printed ISO 8583, whose names are the numbers of its elements."""
    found = []
    for one in _ELEMENT.finditer(text):
        found.append(one)
        if len(found) == _MOST:
            break
    named = [(one["label"], one["value"]) for one in found]
    kind = re.match(r"\s*(?:MTI\W{1,4})?([0-9]{4})\b", text)
    if not iso8583.is_numbered([*named, *([("0", kind[1])] if kind else [])]):
        return []
    leaves = []
    for one in found:
        label = iso8583.meaning(one["label"])
        if not label or label not in iso8583.OF_CARDS:
            continue
        after = _LINED.match(text[one.end("value") :])
        bare = one["label"] + one["sep"] + "{}" + (after[0] if after else "")
        margin = text[text.rfind("\n", 0, one.start()) + 1 : one.start()]
        before = margin[-3:] if margin.strip() else "^" + margin
        for path in (bare, before + bare):
            if leads_to(body, path, one["value"], None):
                leaves.append(Leaf((Step("field", path), Step("member", label)), one["value"]))
                break
    return leaves


def lines_of(said: Sequence[tuple[str, str]]) -> list[str]:
    """Lines in which values stand where their paths lead; `said`: path and text. Paths that begin alike and pass
    over others are those of one segment."""
    lines: dict[str, tuple[str, dict[int, str]]] = {}
    for path, text in said:
        bare = path.removeprefix("^")
        at = bare[: bare.index("{}")].count("{*}")
        key = bare.partition("{*}")[0] if at else bare.partition("{}")[0] + "{}"
        known = next((one for one in lines if one.startswith(key) or key.startswith(one)), key)
        longest, values = lines.setdefault(known, (bare, {}))
        lines[known] = (max(longest, bare, key=len), values | {at: text})
    return [_filled(path, values) for path, values in lines.values()]


def _filled(path: str, values: dict[int, str]) -> str:
    pieces = re.split(r"\{\*?\}", path)
    said = [values.get(n, "x") for n in range(len(pieces) - 1)]
    return "".join(piece + value for piece, value in zip(pieces, [*said, ""], strict=True))
