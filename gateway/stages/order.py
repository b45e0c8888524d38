"""In what order the shapes of a rule are read: those of one booking together, then of one card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.codecs.paths import Path, Step
from gateway.rules.model import Shape

_KEPT: Final = 256  # rules


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes whose cards stand in the same places. `fields`: each number is a part of its card;
    `listed`: the cards are the items of a list; `anywhere`: where strays of them may stand."""

    shapes: tuple[Shape, ...]
    card: Path
    fields: bool
    listed: bool
    anywhere: Path | None


@dataclass(frozen=True, slots=True)
class Order:
    """In what order the shapes of a rule are read: by booking, then by card."""

    bookings: tuple[tuple[Shape, tuple[Group, ...]], ...]
    groups: tuple[Group, ...]


@lru_cache(_KEPT)
def order_of(shapes: tuple[Shape, ...]) -> Order:
    """Made once for each rule: shapes are told apart by their identity."""
    by_booking = _grouped(shapes, lambda shape: shape.booking)
    return Order(tuple((same[0], _by_card(same)) for same in by_booking), _by_card(shapes))


def _by_card(shapes: Sequence[Shape]) -> tuple[Group, ...]:
    return tuple(map(_group, _grouped(shapes, lambda shape: shape.card)))


def _group(shapes: Sequence[Shape]) -> Group:
    steps = shapes[0].card.steps
    named = [step for step in steps if step.axis != "item"][-1:]
    anywhere = None
    if named and named[0].axis in {"child", "descendant", "member"} and named[0].name:
        name = named[0].name
        anywhere = Path(f"//{name}", (Step("descendant", name),), absolute=True)
    return Group(
        tuple(shapes),
        shapes[0].card,
        all(shape.number.at.steps for shape in shapes),
        [step.axis for step in steps[-1:]] == ["item"],
        anywhere,
    )


def _grouped(shapes: Sequence[Shape], of: Callable[[Shape], Path | None]) -> list[list[Shape]]:
    """The shapes that have the same path, together, in their order."""
    groups: dict[str, list[Shape]] = {}
    for shape in shapes:
        path = of(shape)
        groups.setdefault(path.text if path else "", []).append(shape)
    return list(groups.values())
