"""A plain text taken apart: what stands behind a card's words in a mail, or in the columns of lines.

Only what is called as a card's field is taken, for what stands around a value becomes its path, and a guest's
name may stand nowhere in a proposal. Each path is tried on the text: it leads to that one value, or is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from gateway.cards import pan
from gateway.cli.proposal import words
from gateway.cli.proposal.leaves import Index, Leaf, Step, Steps, Taken
from gateway.cli.proposal.ways import text_path
from gateway.codecs.around import made_ready, mistake
from gateway.codecs.text import open_text
from gateway.errors import MessageForbidden

_MOST_LINES, _MOST_NAMES = 5_000, 200
_FEWEST_COLUMNS: Final = 3
_SEPARATORS: Final = (";", "\t", "|", ",")
_MARKUP: Final = re.compile(r"\s*[<{]")
_LABEL: Final = r"[A-Za-z](?:(?![0-9]{3})[\w .#/()-]){0,39}?"
# `Card number: 4111…`, alone in its line; `PAN 4111… EXP 0829`, beside others.
_ALONE: Final = re.compile(
    rf"^[ \t>*-]*(?P<label>{_LABEL})(?P<sep>[ \t]*[:=\t][ \t]*|[ \t]{{2,}})(?P<value>[^:=\r\n]{{1,80}})\r?$",
    re.MULTILINE,
)
_BESIDE: Final = re.compile(
    rf"(?<![\w-])(?P<label>{_LABEL})(?P<sep>[ \t]*[:=][ \t]*|[ \t]+)(?P<value>[0-9](?:[0-9 /.-]{{0,24}}[0-9])?)(?![\w-])"
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
    kept = list(_rows(text)) or list(_labelled(text, body))
    return Taken("text", tuple(kept), Index(kept), body) if kept else None


# --- columns ----------------------------------------------------------------------------------------


def _rows(text: str) -> Iterator[Leaf]:
    """The fields of lines of which each has as many."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) > _MOST_LINES:
        return
    for separator in _SEPARATORS:
        rows = [line.split(separator) for line in lines]
        count = len(rows[0])
        if count < _FEWEST_COLUMNS or any(len(row) != count for row in rows):
            continue
        at = _number_column(rows)
        if at is None:
            continue
        head = rows[0] if _is_head(rows[0], rows[0][at].strip()) else None
        for n, row in enumerate(rows):
            if row is head:
                continue
            for column, value in enumerate(row):
                path = "^" + f"{{*}}{separator}" * column + "{}"
                path += separator if column + 1 < count else ""
                label = head[column].strip() if head else f"c{column + 1}"
                steps = (Step("item", nth=n), Step("field", path), Step("member", label))
                yield Leaf(steps, value.strip())
        return


def _number_column(rows: Sequence[Sequence[str]]) -> int | None:
    for row in rows[:20]:
        for column, value in enumerate(row):
            if pan.is_plausible(pan.digits_of(value.strip()) or ""):
                return column
    return None


def _is_head(row: Sequence[str], name: str) -> bool:
    """Whether a line says what its columns are: it has no digits, and a card's name where the number stands."""
    called = words.names_number(name) or words.is_of_card(name) or words.is_generic(name)
    return called and not any(sign.isdigit() for value in row for sign in value)


def head_of(taken: Taken, path: str) -> str:
    """What stands in a column's first line instead of a value; empty where that is a value too."""
    for leaf in taken.leaves:
        if leaf.steps[0].axis == "item" and text_path(leaf.steps) == path:
            return "" if leaf.steps[0].nth == 0 else leaf.name
    return ""


# --- names and values -------------------------------------------------------------------------------


def _labelled(text: str, body: bytes) -> Iterator[Leaf]:
    """What stands behind the words that a card's fields are called by, in the text's order."""
    alone = [found for found in _ALONE.finditer(text) if _is_called(found["label"], "")]
    inside = {found.start("value"): found for found in _BESIDE.finditer(text)
              if _is_called(found["label"], found["sep"])}  # fmt: skip
    taken = {found.start("value"): found for found in alone}
    for start, found in sorted({**inside, **taken}.items())[:_MOST_NAMES]:
        value = found["value"].strip()
        label = found["label"].strip()
        for path in _paths(text, found, ends=start in taken):
            if _leads_to(body, path, value):
                yield Leaf((Step("field", path), Step("member", label)), value)
                break


def _is_called(label: str, separator: str) -> bool:
    if separator and not separator.strip():  # a blank: the whole of it is a field's name
        return words.names_field(label.strip())
    return words.names_field(label.strip()) or words.squash(label) == "name"


def _paths(text: str, found: re.Match[str], *, ends: bool) -> Iterator[str]:
    """What may lead to a value: up to its line's end, or up to what follows it."""
    blank = " " if found["sep"][-1:].isspace() else ""
    separator = found["sep"].strip()
    mark = f" {separator}" if separator and found["sep"][0].isspace() else separator
    before = f"{found['label'].strip()}{mark}{blank}"
    margin = text[text.rfind("\n", 0, found.start("label")) + 1 : found.start("label")]
    after = ""
    if not ends:
        follows = _FOLLOWS.match(text, found.end("value"))
        after = follows[0] if follows else ""
        if after and not re.search(r"[ /.-]", found["value"]):
            after = after[0]
    elif "\t" in found["sep"]:
        before = found["label"].strip() + "\t"
    yield before + "{}" + after
    if not margin.strip():
        yield "^" + margin + before + "{}" + after


def _leads_to(body: bytes, path: str, value: str) -> bool:
    """Whether a path leads to this value, and to nothing else."""
    if mistake(path):
        return False
    places = list(islice(made_ready(path).pattern.finditer(body), 2))
    return len(places) == 1 and places[0][places[0].lastindex or 0].strip() == value.encode()


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
        within = lines[steps[0].nth] if steps[0].axis == "item" else (0, len(before))
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
