"""Which places that a route names beside its shapes its examples lead to, and which no example shows.

A slip of the hand in one of these is not seen either: an encrypted card is not noticed, digits that are no card's
are masked, a poll is never the same as the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from gateway.codecs.document import Known
from gateway.codecs.envelope import Layout, open_layout
from gateway.codecs.paths import Path
from gateway.errors import GatewayError
from gateway.rules.finding import Finding, Level
from gateway.rules.load import ReadPack
from gateway.rules.model import Pack, Route
from gateway.rules.model_directions import Direction
from gateway.rules.model_shapes import Shape
from gateway.rules.notes import Place
from gateway.stages.messages import layout_of
from gateway.stages.select import harmless_of

Way = Literal["request", "response"]

_WAYS: Final[tuple[Way, ...]] = ("request", "response")
_SHOW_IT: Final = "Add a message that has it under `examples:`, or correct the path."


@dataclass(frozen=True, slots=True)
class _Named:
    """A path of a route's message: where it stands in the YAML, what it is for, how the message is read."""

    place: Place
    key: str
    path: Path
    way: Way
    layout: Layout


def unexercised_of_routes(read: ReadPack) -> Iterator[Finding]:
    """The places of `opaque`, `not_cards`, `inbox` and `one_at_a_time` that no example leads to, where there is an
    example of such a message at all."""
    for n, route in enumerate(read.pack.routes):
        said = read.entry.routes[n]
        for named in _named(n, route):
            entry = getattr(said, named.way)
            if named.place[2] == named.way and entry is not None and entry.like is not None:
                continue  # told of the other route
            bodies = _bodies(read.pack, route, named)
            if not bodies or any(bodies):
                continue
            message = f"no example has something at `{named.path.text}` (`{named.key}` of route `{route.id}`)"
            problem = read.located.problem(named.place, message, _SHOW_IT)
            yield Finding(Level.LOOK, "not-exercised", route.id, problem)
    yield from _of_shapes(read)


def _named(n: int, route: Route) -> Iterator[_Named]:
    for way in _WAYS:
        direction: Direction = getattr(route, way)
        here: Place = ("routes", n, way)
        refused = direction.opaque
        if refused is not None and refused.format is not None:
            for i, path in enumerate(refused.at):
                yield _Named(
                    (*here, "opaque", "refuse", i), "opaque", path, way, Layout(refused.format)
                )
        for j, one in enumerate(direction.harmless):
            for i, path in enumerate(one.at):
                yield _Named(
                    (*here, "not_cards", j, "at", i), "not_cards", path, way, Layout(one.format)
                )
    inbox, answer = route.inbox, route.response.tokenize
    place: Place = ("routes", n, "inbox", "echo")
    if inbox is not None and inbox.echo is not None and answer is not None:
        yield _Named(place, "inbox.echo", inbox.echo, "response", layout_of(answer.shapes))
    for i, path in enumerate(inbox.again if inbox is not None else ()):
        place = ("routes", n, "inbox", "again", i)
        yield _Named(place, "inbox.again", path, "request", Layout(route.shapes[0].format))
    if route.one_at_a_time is not None:
        place = ("routes", n, "one_at_a_time")
        path = route.one_at_a_time
        yield _Named(place, "one_at_a_time", path, "request", Layout(route.shapes[0].format))


def _bodies(pack: Pack, route: Route, named: _Named) -> list[bool]:
    """Of each example of such a message, whether the path leads somewhere in it."""
    mine: Direction = getattr(route, named.way)
    routes = {one.name: one for one in pack.routes}
    alike = [
        one.message
        for one in pack.examples
        if one.direction == named.way
        and (one.route == route.name or getattr(routes[one.route], named.way) == mine)
    ]
    return [_leads(text, named.layout, named.path, doctype=route.doctype) for text in alike]


def _of_shapes(read: ReadPack) -> Iterator[Finding]:
    """`not_cards` of shapes: by every example whose cards are taken out by the shape."""
    pack = read.pack
    for shape in pack.shapes.values():
        for i, path in enumerate(shape.not_cards):
            shown = [
                _leads(one.message, shape.layout, path, doctype=route.doctype, shape=same)
                for one in pack.examples
                for route in pack.routes
                if route.name == one.route
                for same in _taken_out_by(getattr(route, one.direction))
                if same.name == shape.name
            ]
            if shown and not any(shown):
                message = f"no example has something at `{path.text}` (`not_cards` of shape `{shape.name}`)"
                place = ("shapes", shape.name, "not_cards", i)
                problem = read.located.problem(place, message, _SHOW_IT)
                yield Finding(Level.LOOK, "not-exercised", pack.system, problem)


def _taken_out_by(direction: Direction) -> tuple[Shape, ...]:
    return direction.tokenize.shapes if direction.tokenize else ()


def _leads(
    text: str, layout: Layout, path: Path, *, doctype: bool, shape: Shape | None = None
) -> bool:
    """Whether something stands at `path`; with `shape` one of its `not_cards`, which start at its bookings."""
    try:
        document = open_layout(layout, text.encode(), Known(doctype=doctype))
        return bool(harmless_of(document, shape, path) if shape else document.select(path))
    except GatewayError:
        return False  # an example of what is refused shows nothing else
