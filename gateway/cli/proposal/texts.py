"""A plain text taken apart: what stands behind a card's words in a mail, or in the columns of lines.

Only what is called as a card's field is taken, for what stands around a value becomes its path, and a guest's
name may stand nowhere in a proposal. Each path is tried on the text: it leads to that one value, or is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.cli.proposal import words
from gateway.cli.proposal.columns import columns_of
from gateway.cli.proposal.leaves import Index, Leaf, Step, Steps, Taken
from gateway.cli.proposal.repeats import Said, repeats_of, spans_of
from gateway.cli.proposal.segments import elements_of, segments_of
from gateway.cli.proposal.ways import leads_to, text_path
from gateway.codecs.around import made_ready
from gateway.codecs.text import open_text
from gateway.errors import MessageForbidden

_MOST_NAMES: Final = 200
_SHORT: Final = frozenset({"name", "number"})  # of a card, where nothing else is said
_MARKUP: Final = re.compile(r"\s*[<{]")
_LABEL: Final = r"[A-Za-z](?:(?![0-9]{3})[\w .#/()-]){0,39}?"
# `Card number: 4111…`, alone in its line; `PAN 4111… EXP 0829`, beside others.
_ALONE: Final = re.compile(
    rf"^[ \t>*-]*(?P<label>{_LABEL})(?P<sep>[ \t]*[:=\t][ \t]*|[ \t]{{2,}})(?P<value>[^:=\r\n]{{1,80}})\r?$",
    re.MULTILINE,
)
_BESIDE: Final = re.compile(
    rf"(?<![\w-])(?P<label>{_LABEL})(?P<sep>[ \t]*[:=~][ \t]*[\x22']?|[ \t]+)(?P<value>[0-9](?:[0-9 /.-]{{0,24}}[0-9])?)(?![\w-])"
)
_FOLLOWS: Final = re.compile(r"[^\w\r\n]+\w{0,12}")


def take_text(body: bytes) -> Taken | None:
    """The fields of cards in a text; None where it is no such text, or has none."""
    try:
        open_text(body)
    except MessageForbidden:
        return None
    text = body.decode("utf-8", "replace")  # what is not UTF-8 is no value that is taken
    if _MARKUP.match(text) or not text.strip():
        return None
    counted = segments_of(text, body) or elements_of(text, body)
    kept = counted or columns_of(text) or list(_labelled(text, body))
    return Taken("text", tuple(kept), Index(kept), body) if kept else None


# --- names and values -------------------------------------------------------------------------------


def _labelled(text: str, body: bytes) -> Iterator[Leaf]:
    """What stands behind the words that a card's fields are called by, in the text's order."""
    beside = {found.start("value"): found for found in _BESIDE.finditer(text)
              if _is_called(found["label"], found["sep"])}  # fmt: skip
    alone = {found.start("value"): found for found in _ALONE.finditer(text)
             if _is_called(found["label"], "")}  # fmt: skip
    places = sorted({**beside, **alone}.items())[:_MOST_NAMES]
    said = [
        Said(found["label"].strip(), found["sep"], found["value"].strip()) for _, found in places
    ]
    repeats = repeats_of(said, body)
    regions = repeats.regions_of(said) if repeats is not None else [None] * len(said)
    for (start, found), region, one in zip(places, regions, said, strict=True):
        span = repeats.spans[region] if repeats is not None and region is not None else None
        if repeats is not None and span is None:
            continue  # in front of the first card
        ways = _paths(text, found, ends=start in alone)
        path = next((way for way in ways if leads_to(body, way, one.value, span)), None)
        if path is None:
            continue
        steps: Steps = (Step("field", path), Step("member", one.label))
        if repeats is not None:
            steps = (Step("item", repeats.path, region or 0), *steps)
        yield Leaf(steps, one.value)


def _is_called(label: str, separator: str) -> bool:
    if separator and not separator.strip():  # a blank: the whole of it is a field's name
        return words.names_field(label.strip())
    return words.names_field(label.strip()) or words.squash(label) in _SHORT


def _paths(text: str, found: re.Match[str], *, ends: bool) -> Iterator[str]:
    """What may lead to a value: up to its line's end, or up to what follows it."""
    blank = " " if found["sep"][-1:].isspace() else ""
    separator = found["sep"].strip()
    mark = f" {separator}" if separator and found["sep"][0].isspace() else separator
    befores = [f"{found['label'].strip()}{mark}{blank}"]
    margin = text[text.rfind("\n", 0, found.start("label")) + 1 : found.start("label")]
    after = ""
    if not ends:
        follows = _FOLLOWS.match(text, found.end("value"))
        after = follows[0] if follows else ""
        if after and not re.search(r"[ /.-]", found["value"]):
            after = after[0]
    elif "\t" in found["sep"]:
        befores = [found["label"].strip() + "\t"]
    if separator and found["sep"].startswith("  "):  # `Card number     : 4111…`
        befores.append(found["label"].strip() + found["sep"].rstrip() + blank)
    for before in befores:
        for end in dict.fromkeys((after, after[:1])):  # a brace further on can not be said
            yield before + "{}" + end
            if not margin.strip():
                yield "^" + margin + before + "{}" + end


# --- what was there before --------------------------------------------------------------------------


def in_columns(taken: Taken, ours: Iterable[Steps]) -> set[Steps]:
    """With all that stands in the columns of ours: a code of two digits goes, too."""
    paths = {text_path(steps) for steps in ours}
    return {leaf.steps for leaf in taken.leaves if text_path(leaf.steps) in paths}


def same_but(before: bytes, after: bytes, ours: Iterable[Steps]) -> bool:
    """Whether all of a text but the values of ours is as it was, byte for byte, in its order."""
    lines = [one.span() for one in made_ready("{line}").pattern.finditer(before)]
    spans = set()
    for steps in ours:
        within = (0, len(before))
        if steps[0].axis == "item":
            parts = spans_of(steps[0].name, before) if steps[0].name else lines
            within = parts[steps[0].nth]
        for found in made_ready(text_path(steps)).pattern.finditer(before, *within):
            spans.add(found.span(found.lastindex or 0))
    at, last = 0, 0
    for start, end in sorted(spans):
        piece = before[last:start]
        place = after.find(piece, at)
        if place < 0 or (not last and place):
            return False
        at, last = place + len(piece), end
    return after[at:].endswith(before[last:])
