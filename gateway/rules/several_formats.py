"""A route whose messages have several formats: which may stand together, and what happens to those of each.

1. A message is told by its first sign, which only XML and JSON have, whatever its label says; where a
   request may have another format, it must have the label of its format as well. An answer is told by its
   first sign alone: xml and json.
2. Those of one format are read in one way: their envelopes are the same.
3. What a rule says in the words of one format it says for each, or the other's cards would be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from gateway.codecs.document import Format
from gateway.codecs.first_sign import TOLD_BY_THEIR_SIGN
from gateway.rules.insertions import written_as
from gateway.rules.model_directions import Direction, Inserted
from gateway.rules.model_shapes import Shape
from gateway.rules.notes import Notes, Place
from gateway.rules.schema_directions import DirectionEntry, InsertEntry

_LOST: Final = {
    "insert": "their tokens would be told nowhere",
    "on_failure": "nobody would be told which of their cards fail",
}


def by_outer(shapes: Sequence[Shape]) -> dict[Format, tuple[Shape, ...]]:
    """The shapes by the format of the message's own bytes, in the rule's order."""
    found: dict[Format, tuple[Shape, ...]] = {}
    for shape in shapes:
        outer = shape.layout.outer
        found[outer] = (*found.get(outer, ()), shape)
    return found


def check_layouts(shapes: Sequence[Shape], place: Place, notes: Notes) -> None:
    """A message of one format is read once: as all shapes of that format say."""
    for outer, same in by_outer(shapes).items():
        formats = sorted({shape.format for shape in same})
        if len(formats) > 1:
            message = (
                f"these shapes are of different formats in one ({outer}): {', '.join(formats)}"
            )
            notes.add(place, message)
        elif len({shape.envelopes for shape in same}) > 1:
            notes.add(place, "these shapes stand in different envelopes: give all the same")


def check_several(
    rule: Direction,
    entry: DirectionEntry,
    way: Literal["request", "response"],
    place: Place,
    notes: Notes,
) -> None:
    """Notes what can not be said of messages that have several formats."""
    formats = by_outer(rule.shapes)
    if len(formats) < 2:
        return
    named = ", ".join(formats)
    key = "tokenize" if rule.tokenize is not None else "detokenize"
    if way == "response" and not TOLD_BY_THEIR_SIGN.issuperset(formats):
        message = f"an answer's format is told by its first sign, as xml and json can: {named}"
        notes.add((*place, key), message, "Name shapes of xml and json, or of one format.")
    if entry.opaque is not None and entry.opaque.refuse:
        message = f"`opaque` names places of one format, and these messages have several: {named}"
        notes.add((*place, "opaque"), message, "Name shapes of one format, or leave it out.")
    for outer, shapes in formats.items():
        wanted = written_as(shapes[0].format)
        for said in ("insert", "on_failure"):
            if not _is_said(entry, said, wanted, shapes):
                message = f"`{said}` says nothing for messages of format {outer}: {_LOST[said]}"
                hint = f"Add one with `{wanted}: …`."
                if wanted == "text":
                    hint = "A text takes its token with `show: alias`."
                notes.add_key((*place, said), message, hint)


def _is_said(entry: DirectionEntry, key: str, wanted: Format, shapes: Sequence[Shape]) -> bool:
    """Whether what is inserted into some messages is inserted into those of this format, too, or the token
    is told there in another way."""
    said: Sequence[InsertEntry] = getattr(entry, key)
    if not said or any(one.format == wanted for one in said):
        return True
    if key == "on_failure":
        return wanted == "text"  # which takes nothing but its token
    return all(shape.show in {"alias", "digits"} for shape in shapes) or entry.header is not None


def split(rule: Direction, entry: DirectionEntry) -> tuple[Direction, ...]:
    """What happens to the messages of each format; nothing where all have one."""
    formats = by_outer(rule.shapes)
    if len(formats) < 2:
        return ()
    return tuple(_of(outer, shapes, rule, entry) for outer, shapes in formats.items())


def _of(
    outer: Format, shapes: tuple[Shape, ...], rule: Direction, entry: DirectionEntry
) -> Direction:
    harmless = tuple(one for one in rule.harmless if one.format == outer)
    if rule.tokenize is None:
        return replace(rule, detokenize=shapes, harmless=harmless)
    wanted = written_as(shapes[0].format)
    tokenize = replace(
        rule.tokenize,
        shapes=shapes,
        insert=_written_in(wanted, rule.tokenize.insert, entry.insert),
        on_failure=_written_in(wanted, rule.tokenize.on_failure, entry.on_failure),
    )
    return replace(rule, tokenize=tokenize, harmless=harmless)


def _written_in(
    format: Format, inserted: Sequence[Inserted], entries: Sequence[InsertEntry]
) -> tuple[Inserted, ...]:
    return tuple(
        one for one, entry in zip(inserted, entries, strict=True) if entry.format == format
    )
