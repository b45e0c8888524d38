"""A pack's `insert:` and `on_failure:`: template, place and format must go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.codecs.document import Element, Format, Members
from gateway.codecs.paths import Path
from gateway.rules import templates
from gateway.rules.model_directions import Inserted
from gateway.rules.model_shapes import Shape
from gateway.rules.notes import Notes, Place
from gateway.rules.schema_directions import InsertEntry
from gateway.rules.shapes import NOWHERE, path_of

_NOTHING: Final = Members(())
# Parts of a multipart form are fields like any other form's.
_TEMPLATES: Final[Mapping[Format, Format]] = {"multipart": "form"}


def written_as(format: Format) -> Format:
    """In which format's words something is inserted into a message."""
    return _TEMPLATES.get(format, format)


def compile_insertions(
    entries: Sequence[InsertEntry],
    shapes: Sequence[Shape],
    place: Place,
    notes: Notes,
    *,
    failed: bool,
) -> tuple[Inserted, ...]:
    """What is inserted for cards that got a token, or with `failed` for those that got none."""
    return tuple(
        _insertion(entry, shapes, (*place, n), notes, failed=failed)
        for n, entry in enumerate(entries)
    )


def _insertion(
    entry: InsertEntry, shapes: Sequence[Shape], place: Place, notes: Notes, *, failed: bool
) -> Inserted:
    form: Format = entry.format
    content = _content(entry, (*place, form), notes)
    for mistake in templates.mistakes(content, entry.each, failed=failed):
        notes.add((*place, form), mistake)
    there = {written_as(shape.format) for shape in shapes}
    for expected in sorted(there if form not in there else ()):
        message = f"`{form}:` can not be inserted into a message of format {expected}"
        hint = f"Write `{expected}: …`."
        if expected == "text":
            hint = "A text takes its token with `show: alias`, or in a `header:`."
        notes.add_key((*place, form), message, hint)
    into = path_of(entry.into, form, (*place, "into"), notes) or NOWHERE
    mistake = _misplaced(entry, into, [one for one in shapes if written_as(one.format) == form])
    if mistake:
        notes.add((*place, "into"), mistake)
    return Inserted(into, entry.each, content, entry.of, frozenset(entry.for_))


def _content(entry: InsertEntry, place: Place, notes: Notes) -> Element | Members:
    if entry.xml is None:
        return templates.parse_members(entry.json_ or entry.form or {})
    try:
        return templates.parse_xml(entry.xml)
    except ValueError as error:
        notes.add(place, f"this is no XML fragment: {error}")
        return _NOTHING


def _misplaced(entry: InsertEntry, into: Path, shapes: Sequence[Shape]) -> str:
    """`into` must lead to one place, for each booking (or card) its own; else what is wrong."""
    axes = {step.axis for step in into.steps}
    every = any(step.axis == "item" and step.index is None for step in into.steps)
    if "field" in axes:
        return "a form has one level: write `into: .`"
    if "attribute" in axes:
        return "`into` is an element; an attribute holds no elements"
    if into.up:
        return f"`{entry.into}` leads out of the {entry.of}"
    if axes & {"descendant", "below", "every"} or every:
        return f"`{entry.into}` may lead to several places: name each step, or give a number"
    if into.absolute and (entry.of == "card" or any(shape.booking for shape in shapes)):
        return f"`{entry.into}` is the same place for all: start at the {entry.of}"
    return ""
