"""`own_card:` — shapes of one node that are different cards, not dialects of one: nothing may be both's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.codecs.paths import Path, Step
from gateway.rules.insertions import written_as
from gateway.rules.model_shapes import Shape
from gateway.rules.notes import Notes, Place
from gateway.rules.schema_directions import DirectionEntry, InsertEntry

_OF_ONE_CARD = ("number", "cvc", "expiry", "expiry_month", "expiry_year")


def check_own_cards(
    entry: DirectionEntry, shapes: Sequence[Shape], place: Place, notes: Notes
) -> None:
    """Notes what two cards beside each other would share, and what can not tell them apart."""
    check_shared(shapes, (*place, "tokenize"), notes)
    if entry.carry_forward and any(shape.own_card for shape in shapes):
        message = "`carry_forward` can not tell which of two cards beside each other a token was of"
        notes.add((*place, "carry_forward"), message, "Remove it, or `own_card` from the shapes.")
    for key in ("insert", "on_failure"):
        _check_for(key, getattr(entry, key), shapes, place, notes)


def check_shared(shapes: Sequence[Shape], place: Place, notes: Notes) -> None:
    """Notes the places of a number, a code or an expiry that two cards beside each other would share:
    read they would be nobody's, written the last one's."""
    for n, shape in enumerate(shapes):
        for other in shapes[:n]:
            if shape.name == other.name:
                continue  # in another place of bookings
            if (shape.own_card or other.own_card) and _called(shape) & _called(other):
                for field, path in _shared(shape, other):
                    message = f"`{path.text}` would be two cards': `{field}` of the shapes `{other.name}` and `{shape.name}`"
                    hint = "Each card has its own; an expiry that all share is none's: leave it out, or `optional: true`."
                    notes.add((*place, n), message, hint)


def _check_for(
    key: str, said: Sequence[InsertEntry], shapes: Sequence[Shape], place: Place, notes: Notes
) -> None:
    """`for:` names shapes of this rule, and leaves none of them out."""
    names = [shape.name for shape in shapes]
    for n, one in enumerate(said):
        for i, unknown in enumerate(one.for_):
            if unknown not in names:
                message = f"`for` names a shape of this `tokenize`: `{unknown}` is none"
                notes.add((*place, key, n, "for", i), message, f"There: {', '.join(names)}.")
    for shape in shapes:
        fitting = [one.for_ for one in said if one.format == written_as(shape.format)]
        if fitting and not any(not named or shape.name in named for named in fitting):
            message = f"`{key}` says nothing for the cards of shape `{shape.name}`"
            notes.add_key((*place, key), message, f"Add one with `for: {shape.name}`.")


def _called(shape: Shape) -> set[str | None]:
    """What the nodes of its cards are called; the whole booking has no name."""
    return {
        next((step.name for step in reversed(card.steps) if step.name), None)
        for card in shape.cards
    }


def _shared(shape: Shape, other: Shape) -> Iterator[tuple[str, Path]]:
    """The places that two shapes have in common, by the name of the field."""
    theirs = {steps for _, path in _places(other) if (steps := _way(path))}
    for field, path in _places(shape):
        if _way(path) in theirs:
            yield field, path


def _way(path: Path) -> tuple[int, bool, tuple[Step, ...]]:
    return path.up, path.absolute, path.steps


def _places(shape: Shape) -> Iterator[tuple[str, Path]]:
    for name in _OF_ONE_CARD:
        field = getattr(shape, name)
        for path in field.places if field is not None else ():
            yield name, path
