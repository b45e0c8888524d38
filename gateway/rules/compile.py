"""One pack, from its checked YAML (`schema.py`) to the objects of `model.py`.

Everything that a path, a target, a template or a name can be wrong about is found here and told
with its line; a pack with a problem gives nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from gateway.codecs.paths import Path, PathError, parse_path
from gateway.errors import Problem
from gateway.rules.exchanges import ExchangeCompiler
from gateway.rules.insertions import compile_insertions
from gateway.rules.model import (
    Direction,
    Example,
    Forward,
    Harmless,
    Inbox,
    Pack,
    PathPattern,
    Route,
    Shape,
    Source,
    Target,
    Tokenize,
)
from gateway.rules.notes import Notes, Place
from gateway.rules.schema import DirectionEntry, ExampleEntry, PackEntry, RouteEntry
from gateway.rules.shapes import compile_shape, number_place
from gateway.rules.targets import TargetError, parse_forward, parse_path_pattern, parse_target
from gateway.yaml_model import suggest
from gateway.yaml_place import Located

Way = Literal["request", "response"]

UNKNOWN_HOST: Final = ".variable.invalid"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What gateway.yaml defines and a pack may name. None: not known, so not checked."""

    variables: Mapping[str, str] | None = None
    callers: Collection[str] | None = None
    products: Collection[str] | None = None


class _Anything(dict[str, str]):
    """Variables, when nobody knows what gateway.yaml says: each one is some host."""

    def __missing__(self, name: str) -> str:
        return f"https://{name}{UNKNOWN_HOST}"


class PackCompiler:
    """Compiles one pack. Its problems are gathered, so that all are told at once."""

    def __init__(self, entry: PackEntry, located: Located, around: Surroundings) -> None:
        self._entry, self._located, self._around = entry, located, around
        self._shapes: dict[str, Shape] = {}
        self._routes: list[Route] = []
        self._notes = Notes(located)
        self._exchanges = ExchangeCompiler(entry, self._notes)
        self._variables: Mapping[str, str] = {**entry.variables, **(around.variables or {})}
        if around.variables is None:
            self._variables = _Anything(self._variables)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the pack, in the order of the file."""
        return self._notes.problems()

    def compile(self) -> Pack:
        """The pack, of use only when there are no problems."""
        entry = self._entry
        for name, shape in entry.shapes.items():
            self._shapes[name] = compile_shape(name, shape, ("shapes", name), self._notes)
        for n, route in enumerate(entry.routes):
            self._routes.append(self._route(route, ("routes", n)))
        self._unique(self._routes)
        self._exchanges.check_reach(self._routes)
        return Pack(
            system=entry.system,
            about=entry.about,
            file=self._located.file,
            shapes=MappingProxyType(self._shapes),
            routes=tuple(self._routes),
            pairs=MappingProxyType(self._exchanges.pairs),
            issuers=MappingProxyType(self._exchanges.issuers),
            examples=tuple(
                self._example(example, self._routes, ("examples", n))
                for n, example in enumerate(entry.examples)
            ),
            format_source=entry.source or "",
            draft=entry.draft,
        )

    def _unique(self, routes: Sequence[Route]) -> None:
        seen: dict[str, int] = {}
        for n, route in enumerate(routes):
            if route.name in seen:
                message = f"a route `{route.name}` is already on line {seen[route.name]}"
                self._notes.add(("routes", n), message)
            seen.setdefault(route.name, route.source.line)

    # --- routes ---------------------------------------------------------------------------------

    def _route(self, entry: RouteEntry, place: Place) -> Route:
        request = self._direction(entry.request, "request", (*place, "request"))
        response = self._direction(entry.response, "response", (*place, "response"))
        target, at, forward = self._addresses(entry, place)
        self._known(entry.product, self._around.products, "product", (*place, "product"))
        route = Route(
            system=self._entry.system,
            name=entry.name,
            source=Source(self._located.file, self._located.line(place)),
            methods=frozenset(entry.methods),
            to=target,
            at=at,
            forward=forward,
            protocol=entry.protocol,
            recaptures=entry.recaptures,
            auth=entry.auth,
            product=entry.product,
            mode=entry.mode,
            request=request,
            response=response,
        )
        self._check_reach(route, place)
        self._exchanges.check_route(route, place)
        turn = entry.one_at_a_time
        return replace(
            route,
            one_at_a_time=self._in_request(turn, route.shapes, (*place, "one_at_a_time"))
            if turn is not None
            else None,
            inbox=self._inbox(entry, route, (*place, "inbox")),
        )

    def _addresses(
        self, entry: RouteEntry, place: Place
    ) -> tuple[Target | None, PathPattern | None, Forward | None]:
        target = at = None
        if entry.to is not None:
            try:
                target = parse_target(entry.to)
            except TargetError as error:
                self._notes.add((*place, "to"), str(error))
        if entry.at is None:
            return target, None, None
        try:
            at = parse_path_pattern(entry.at)
        except TargetError as error:
            self._notes.add((*place, "at"), str(error))
        if at is None or entry.protocol is not None:
            return target, at, None
        try:
            return None, at, parse_forward(entry.forward or "", at, self._variables)
        except TargetError as error:
            self._notes.add((*place, "forward"), str(error))
            return None, at, None

    def _check_reach(self, route: Route, place: Place) -> None:
        """Who may call, and over what clear cards would travel."""
        if route.auth != "key":
            if route.at is None:
                message = "`auth` goes with `at`; through the proxy it is always a gateway key"
                self._notes.add((*place, "auth"), message)
            elif route.protocol is not None:
                message = "a route with a `protocol` is always called with a gateway key"
                self._notes.add((*place, "auth"), message)
            for key in ("detokenize", "exchange"):
                if getattr(route.request, key):
                    message = "cards are put in only for a caller with a gateway key (`auth: key`)"
                    self._notes.add((*place, "request", key), message)
            self._known(route.auth, self._around.callers, "caller", (*place, "auth"))
        if route.protocol is not None and route.response.tokenize is None:
            self._notes.add(
                (*place, "protocol"),
                "say which cards its answer may hold: `response: { tokenize: … }`",
            )
        if route.forward is not None and route.forward.scheme == "http":
            if route.request.detokenize or route.request.exchange:
                self._notes.add((*place, "forward"), "cards may be put in only towards https://")
            if route.response.tokenize:
                self._notes.add(
                    (*place, "forward"), "an answer with clear cards must come over https://"
                )

    def _in_request(self, text: str, shapes: Sequence[Shape], place: Place) -> Path | None:
        """A place in a message of the route, in the format that its shapes have."""
        if not shapes:
            message = f"`{place[-1]}` needs a shape on this route: its format is meant"
            self._notes.add(place, message)
            return None
        try:
            return parse_path(text, shapes[0].format)
        except PathError as error:
            self._notes.add(place, str(error))
            return None

    def _inbox(self, entry: RouteEntry, route: Route, place: Place) -> Inbox | None:
        """`inbox:` keeps answers in which cards became tokens, for a caller who is known."""
        if entry.inbox is None:
            return None
        if route.response.tokenize is None or route.auth != "key":
            message = "`inbox` keeps answers whose cards are tokenized, for callers with a key"
            self._notes.add(place, message)
            return None
        echo, again = entry.inbox.echo, entry.inbox.again
        same_body = again == ("body",)
        paths = [
            self._in_request(text, route.shapes, (*place, "again", n))
            for n, text in enumerate(() if same_body else again)
        ]
        return Inbox(
            echo=self._in_request(echo, route.shapes, (*place, "echo")) if echo else None,
            again=tuple(path for path in paths if path is not None),
            same_body=same_body,
        )

    def _known(
        self, name: str | None, known: Collection[str] | None, what: str, place: Place
    ) -> None:
        if name is not None and known is not None and name not in known:
            message = f"`{name}` is no {what} of gateway.yaml{suggest(name, known)}"
            self._notes.add(place, message, f"There: {', '.join(sorted(known)) or 'none'}.")

    # --- what happens ---------------------------------------------------------------------------

    def _direction(self, entry: DirectionEntry, way: Way, place: Place) -> Direction:
        if entry.like is not None:
            return self._same(entry.like, way, (*place, "like"))
        if entry.detokenize and way == "response":
            message = "putting cards into an answer is not available yet"
            self._notes.add((*place, "detokenize"), message)
        if entry.tokenize and entry.detokenize:
            self._notes.add(place, "a message is either tokenized or detokenized")
        detokenize = self._named_shapes(entry.detokenize, (*place, "detokenize"))
        self._check_numbers(entry.detokenize, (*place, "detokenize"))
        exchange = self._exchanges.direction(entry, way, place)
        if not entry.tokenize:
            for key in ("insert", "on_failure", "errors", "header"):
                if key in entry.model_fields_set:
                    self._notes.add((*place, key), f"`{key}` goes with `tokenize`")
            return Direction(None, detokenize, exchange, self._harmless(entry, way, place))
        if entry.header is not None and way == "request":
            self._notes.add(
                (*place, "header"), "`header` is a header of the answer: under `response`"
            )
        if entry.header is not None and entry.header.lower().startswith("x-gateway-"):
            self._notes.add(
                (*place, "header"), "headers that start with X-Gateway- are the gateway's own"
            )
        shapes = self._named_shapes(entry.tokenize, (*place, "tokenize"))
        tokenize = Tokenize(
            shapes=shapes,
            insert=compile_insertions(
                entry.insert, shapes, (*place, "insert"), self._notes, failed=False
            ),
            on_failure=compile_insertions(
                entry.on_failure, shapes, (*place, "on_failure"), self._notes, failed=True
            ),
            errors=MappingProxyType({str(key): text for key, text in entry.errors.items()}),
            header=entry.header,
        )
        return Direction(tokenize, detokenize, None, self._harmless(entry, way, place))

    def _harmless(self, entry: DirectionEntry, way: Way, place: Place) -> Harmless | None:
        """`not_cards:` of the answer: what the guard leaves as it is."""
        told, place = entry.not_cards, (*place, "not_cards")
        if told is None:
            return None
        if way == "request":
            self._notes.add(place, "`not_cards` is about what the guard sees: under `response`")
            return None
        paths = []
        for n, text in enumerate(told.at):
            try:
                paths.append(parse_path(text, told.format))
            except PathError as error:
                self._notes.add((*place, "at", n), str(error))
        return Harmless(told.format, tuple(paths))

    def _same(self, name: str, way: Way, place: Place) -> Direction:
        """What happens to the same message of a route above."""
        above: dict[str, Direction] = {route.name: getattr(route, way) for route in self._routes}
        if name not in above:
            message = f"`like` names a route that stands above: there is no `{name}`"
            self._notes.add(place, message + suggest(name, above))
            return Direction()
        if above[name].idle:
            self._notes.add(place, f"route `{name}` does nothing with a {way}")
        return above[name]

    def _named_shapes(self, names: Sequence[str], place: Place) -> tuple[Shape, ...]:
        shapes = []
        for n, name in enumerate(names):
            if name in self._shapes:
                shapes.append(self._shapes[name])
                continue
            hint = f"This pack's shapes: {', '.join(self._shapes) or 'none'}."
            message = f"unknown shape `{name}`{suggest(name, self._shapes)}"
            self._notes.add((*place, n), message, hint)
        formats = {shape.format for shape in shapes}
        if len(formats) > 1:
            self._notes.add(
                place, f"these shapes are of different formats: {', '.join(sorted(formats))}"
            )
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
            other = first.setdefault(number_place(self._shapes[name]), name)
            if other != name:
                message = f"the shapes `{name}` and `{other}` have their number in the same place"
                hint = "Name one of them here, or give them numbers in different places."
                self._notes.add((*place, n), message, hint)

    # --- examples -------------------------------------------------------------------------------

    def _example(self, entry: ExampleEntry, routes: Sequence[Route], place: Place) -> Example:
        way: Way = "request" if entry.request is not None else "response"
        route = next((route for route in routes if route.name == entry.route), None)
        if route is None:
            guess = suggest(entry.route, [route.name for route in routes])
            self._notes.add((*place, "route"), f"unknown route `{entry.route}`{guess}")
        elif getattr(route, way).idle:
            message = f"route `{route.name}` does nothing with a {way}"
            self._notes.add((*place, way), message)
        return Example(
            route=entry.route,
            direction=way,
            message=entry.request or entry.response or "",
            expect=MappingProxyType(entry.expect.model_dump(exclude_unset=True)),
            source=Source(self._located.file, self._located.line(place)),
        )
