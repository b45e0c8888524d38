"""`carry_forward:` and `retention:` of a message: what its shapes must say, or they could do nothing."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cards.kept import LinkTerms
from gateway.rules.model_shapes import Shape
from gateway.rules.notes import Notes, Place
from gateway.rules.schema_directions import DirectionEntry


def check_carrying(
    entry: DirectionEntry, shapes: Sequence[Shape], place: Place, notes: Notes
) -> None:
    """A booking is found again by its number, and its token must have a place to go to."""
    for shape in shapes:
        if shape.booking_id is None:
            message = f"`carry_forward` finds a booking by its number: shape `{shape.name}` has no `booking_id`"
            notes.add(place, message, "Say there where it stands, and `hotel`, if numbers repeat.")
    shown = any(shape.show in {"alias", "digits"} for shape in shapes)
    if not (entry.insert or entry.header or shown):
        message = "`carry_forward` hands a token out where `insert` says, and nothing is inserted"
        notes.add(place, message, "Add `insert:`, or remove it.")


def link_terms(
    entry: DirectionEntry, shapes: Sequence[Shape], place: Place, notes: Notes
) -> LinkTerms | None:
    """How long the links are kept that a message makes; None: as their product says."""
    said = entry.retention
    if said is None:
        return None
    if said.after_departure is not None and not any(shape.departure for shape in shapes):
        message = "`after_departure` counts from the booking's departure, which no shape names"
        notes.add((*place, "after_departure"), message, "Say `departure:` in the shape.")
    return LinkTerms(said.after_departure, said.without_departure)
