"""In what order the shapes of a rule are read: those of one booking together, then of one card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from gateway.codecs.paths import Path, Step
from gateway.rules.model_shapes import Shape

_KEPT: Final = 256  # rules


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes whose cards stand in the same places. `fields`: each number is a part of its card;
    `listed`: the cards are the items of a list; `anywhere`: where strays of them may stand; `chosen`: the rule
    says which of those that have the name are cards; `counted`: it says which item of a list each number is.

    `own`: the shape's name where its cards are others than those of the groups beside it. What stands in the place of
    a card's fields is one card's: `bare` and `bare_anywhere` say for which of such groups."""

    shapes: tuple[Shape, ...]
    card: Path
    fields: bool
    listed: bool
    anywhere: Path | None
    chosen: bool
    counted: bool
    own: str = ""
    bare: bool = True
    bare_anywhere: bool = True


@dataclass(frozen=True, slots=True)
class Order:
    """In what order the shapes of a rule are read: by booking, then by card."""

    bookings: tuple[tuple[Shape, tuple[Group, ...]], ...]
    groups: tuple[Group, ...]
    shares: bool  # an expiry may stand where two cards have it
    beside: bool  # two cards may stand in one node


@lru_cache(_KEPT)
def order_of(shapes: tuple[Shape, ...]) -> Order:
    """Made once for each rule: shapes are told apart by their identity."""
    bookings: dict[str, list[Shape]] = {}
    for shape in shapes:
        bookings.setdefault(shape.booking.text if shape.booking else "", []).append(shape)
    by_booking = bookings.values()
    # Outside of its bookings a shape of several places is one: it would find each number twice.
    once: dict[object, Shape] = {}
    for shape in shapes:
        once.setdefault((shape.name, shape.cards, shape.number), shape)
    return Order(
        tuple((same[0], _by_card(same)) for same in by_booking),
        _by_card(tuple(once.values())),
        any(shape.expires_outside for shape in shapes),
        any(shape.own_card for shape in shapes),
    )


def _by_card(shapes: Sequence[Shape]) -> tuple[Group, ...]:
    """The shapes that have the same path to their cards, together, in their order; one that is another card
    than theirs, alone."""
    groups: dict[tuple[Path, str], list[Shape]] = {}
    for shape in shapes:
        for card in shape.cards:
            groups.setdefault((card, shape.name if shape.own_card else ""), []).append(shape)
    found: list[Group] = []
    for (card, own), same in groups.items():
        group = _group(card, same)
        alike = [
            one for one in found if group.anywhere is not None and one.anywhere == group.anywhere
        ]
        found.append(
            replace(
                group,
                own=own,
                bare=all(one.card != card for one in found),
                bare_anywhere=not any(one.own or own for one in alike),
            )
        )
    return tuple(found)


def _group(card: Path, shapes: Sequence[Shape]) -> Group:
    steps = card.steps
    named = [step for step in steps if step.axis != "item"][-1:]
    anywhere = None
    if named and named[0].axis in {"child", "descendant", "member", "below"} and named[0].name:
        name = named[0].name
        anywhere = Path(f"//{name}", (Step("descendant", name),), absolute=True)
    numbers = [place.steps for shape in shapes for place in shape.number.places]
    listed = [step.axis for step in steps[-1:]] == ["item"]
    counted = all(way and way[0].axis == "item" and way[0].index is not None for way in numbers)
    if listed and counted:
        anywhere = None  # the name is that of a list of rows, and none of a card
    return Group(
        tuple(shapes),
        card,
        all(numbers),
        listed,
        anywhere,
        any(step.where or step.named for step in steps),
        counted,
    )
