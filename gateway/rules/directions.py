"""What happens to a route's request, or to its response: `tokenize`, `detokenize`, `exchange` and
what goes with them, checked and turned into objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from gateway.codecs.document import Format
from gateway.rules.carrying import check_carrying, link_terms
from gateway.rules.exchanges import ExchangeCompiler
from gateway.rules.insertions import compile_insertions
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction, Harmless, Opaque, Tokenize
from gateway.rules.model_shapes import Shape
from gateway.rules.notes import Notes, Place
from gateway.rules.own_cards import check_own_cards, check_shared
from gateway.rules.schema_directions import DirectionEntry
from gateway.rules.several_formats import by_outer, check_layouts, check_several, split
from gateway.rules.shapes import number_places, path_of
from gateway.yaml_model import suggest

Way = Literal["request", "response"]


class DirectionCompiler:
    """Compiles the messages of a pack's routes.

    `above` holds the routes that are compiled already: `like:` names one of them.
    """

    def __init__(
        self,
        shapes: Mapping[str, Shape],
        above: Sequence[Route],
        exchanges: ExchangeCompiler,
        notes: Notes,
    ) -> None:
        self._shapes = shapes
        self._above = above
        self._exchanges = exchanges
        self._notes = notes

    def compile(self, entry: DirectionEntry, way: Way, place: Place) -> Direction:
        """One message of a route; what is wrong is noted."""
        if entry.like is not None:
            return self._same(entry.like, way, (*place, "like"))
        if entry.detokenize and way == "response":
            message = "putting cards into an answer is not available yet"
            self._notes.add_key((*place, "detokenize"), message)
        if entry.tokenize and entry.detokenize:
            self._notes.add(place, "a message is either tokenized or detokenized")
        detokenize = self._named_shapes(entry.detokenize, (*place, "detokenize"))
        self._check_numbers(entry.detokenize, (*place, "detokenize"))
        check_shared(detokenize, (*place, "detokenize"), self._notes)
        exchange = self._exchanges.direction(entry, way, place)
        if not entry.tokenize:
            for key in (
                "insert", "on_failure", "errors", "header", "show", "carry_forward", "retention",
            ):  # fmt: skip
                if key in entry.model_fields_set:
                    self._notes.add_key((*place, key), f"`{key}` goes with `tokenize`")
            harmless = self._harmless(entry, way, place)
            opaque = self._opaque(entry, detokenize, place)
            rule = Direction(None, detokenize, exchange, harmless, opaque)
        else:
            tokenize = self._tokenize(entry, way, place)
            harmless = self._harmless(entry, way, place)
            opaque = self._opaque(entry, tokenize.shapes, place)
            rule = Direction(tokenize, detokenize, None, harmless, opaque)
        check_several(rule, entry, way, place, self._notes)
        return replace(rule, by_format=split(rule, entry))

    def _tokenize(self, entry: DirectionEntry, way: Way, place: Place) -> Tokenize:
        """`tokenize:`, and what goes with it."""
        if entry.header is not None and way == "request":
            self._notes.add(
                (*place, "header"), "`header` is a header of the answer: under `response`"
            )
        if entry.header is not None and entry.header.lower().startswith("x-gateway-"):
            self._notes.add(
                (*place, "header"), "headers that start with X-Gateway- are the gateway's own"
            )
        shapes, terms = self._named_shapes(entry.tokenize, (*place, "tokenize")), None
        if entry.show is not None:
            shapes = tuple(replace(shape, show=entry.show) for shape in shapes)
        if entry.carry_forward:
            check_carrying(entry, shapes, (*place, "carry_forward"), self._notes)
        check_own_cards(entry, shapes, place, self._notes)
        for same in by_outer(shapes).values():
            terms = link_terms(entry, same, (*place, "retention"), self._notes)
        return Tokenize(
            shapes=shapes,
            insert=compile_insertions(
                entry.insert, shapes, (*place, "insert"), self._notes, failed=False
            ),
            on_failure=compile_insertions(
                entry.on_failure, shapes, (*place, "on_failure"), self._notes, failed=True
            ),
            errors=MappingProxyType({str(key): text for key, text in entry.errors.items()}),
            header=entry.header,
            carry_forward=entry.carry_forward,
            retention=terms,
        )

    def _harmless(self, entry: DirectionEntry, way: Way, place: Place) -> tuple[Harmless, ...]:
        """`not_cards:` of the answer: what the guard leaves as it is, in each format."""
        place = (*place, "not_cards")
        if entry.not_cards is None:
            return ()
        if way == "request":
            self._notes.add(place, "`not_cards` is about what the guard sees: under `response`")
            return ()
        found: dict[Format, Harmless] = {}
        for i, told in enumerate(entry.not_cards):
            paths = [
                path_of(text, told.format, (*place, i, "at", n), self._notes)
                for n, text in enumerate(told.at)
            ]
            if told.format in found:
                message = f"`format: {told.format}` is there already: name all its places together"
                self._notes.add((*place, i), message)
            found[told.format] = Harmless(
                told.format, tuple(path for path in paths if path is not None)
            )
        return tuple(found.values())

    def _opaque(
        self, entry: DirectionEntry, shapes: Sequence[Shape], place: Place
    ) -> Opaque | None:
        """`opaque:` of a message: which bodies are refused unseen."""
        told, place = entry.opaque, (*place, "opaque")
        if told is None:
            return None
        # A signature stands beside what an envelope holds: the paths are of the message itself.
        outer = shapes[0].layout.outer if shapes else None
        format = told.format or outer
        if not told.refuse:
            if shapes or entry.exchange:
                message = "every body would be refused: name the places that tell, `refuse: [...]`"
                self._notes.add(place, message)
            if told.format is not None:
                self._notes.add_key((*place, "format"), "`format` goes with paths under `refuse`")
            return Opaque(because=told.because)
        if format is None:
            self._notes.add(place, "say which format the paths are of: `format: json`")
            return None
        if len(by_outer(shapes)) == 1 and format != outer:
            message = f"this message is {outer}, and so are the paths; remove `format`"
            self._notes.add_key((*place, "format"), message)
        paths = [
            path_of(text, format, (*place, "refuse", n), self._notes)
            for n, text in enumerate(told.refuse)
        ]
        return Opaque(format, tuple(path for path in paths if path is not None), told.because)

    def _same(self, name: str, way: Way, place: Place) -> Direction:
        """What happens to the same message of a route above."""
        above: dict[str, Direction] = {route.name: getattr(route, way) for route in self._above}
        if name not in above:
            message = f"`like` names a route that stands above: there is no `{name}`"
            self._notes.add(place, message + suggest(name, above))
            return Direction()
        if above[name].idle and not above[name].harmless:
            self._notes.add(place, f"route `{name}` does nothing with a {way}")
        return above[name]

    def _named_shapes(self, names: Sequence[str], place: Place) -> tuple[Shape, ...]:
        shapes: list[Shape] = []
        for n, name in enumerate(names):
            if name in self._shapes:
                shapes.extend(self._shapes[name].by_booking)
                continue
            hint = f"This pack's shapes: {', '.join(self._shapes) or 'none'}."
            message = f"unknown shape `{name}`{suggest(name, self._shapes)}"
            self._notes.add((*place, n), message, hint)
        check_layouts(shapes, place, self._notes)
        if len(set(names)) < len(names):
            self._notes.add(place, "a shape is named twice")
        return tuple(shapes)

    def _check_numbers(self, names: Sequence[str], place: Place) -> None:
        """A token that two shapes find would be opened twice, and its place written twice.

        Told here are paths of the same steps, however divided. Different steps may still lead to
        one place (`.//Card` and `Guarantee/Card`), which only a message can show.
        """
        first: dict[object, str] = {}
        for n, name in enumerate(names):
            if name not in self._shapes:
                continue
            outer = self._shapes[name].layout.outer
            places = {(outer, number) for number in number_places(self._shapes[name])}
            others = {first.setdefault(number, name) for number in places} - {name}
            for other in sorted(others):
                message = f"the shapes `{name}` and `{other}` have their number in the same place"
                hint = "Name one of them here, or give them numbers in different places."
                self._notes.add((*place, n), message, hint)
