"""One pack, from its checked YAML (`schema.py`) to the objects of `model.py`.

Everything that a path, a target, a template or a name can be wrong about is found here and told
with its line; a pack with a problem gives nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from gateway.cards.bin_ranges import Range
from gateway.codecs.paths import Path, PathError, parse_path
from gateway.errors import Problem
from gateway.rules.directions import DirectionCompiler, Way
from gateway.rules.exchanges import ExchangeCompiler
from gateway.rules.model import Example, Inbox, Pack, Route, Source
from gateway.rules.model_addresses import Forward, PathPattern, Target
from gateway.rules.model_shapes import Shape
from gateway.rules.notes import Notes, Place
from gateway.rules.refusals import compile_refusals
from gateway.rules.schema import ExampleEntry, PackEntry, RouteEntry
from gateway.rules.several_formats import by_outer
from gateway.rules.shapes import compile_shape
from gateway.rules.targets import TargetError, parse_forward, parse_path_pattern, parse_target
from gateway.yaml_model import suggest
from gateway.yaml_place import Located

UNKNOWN_HOST: Final = ".variable.invalid"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What gateway.yaml defines and a pack may name. None: not known, so not checked."""

    variables: Mapping[str, str] | None = None
    callers: Collection[str] | None = None
    products: Collection[str] | None = None
    bins: Mapping[str, Sequence[Range]] | None = None  # tables of numbers


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
        self._directions = DirectionCompiler(
            self._shapes, self._routes, self._exchanges, self._notes
        )
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
            self._shapes[name] = compile_shape(
                name, shape, ("shapes", name), self._notes, self._around.bins
            )
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
            draft=entry.draft is not False,
            draft_reason=entry.draft if isinstance(entry.draft, str) else "",
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
        request = self._directions.compile(entry.request, "request", (*place, "request"))
        response = self._directions.compile(entry.response, "response", (*place, "response"))
        target, at, forward = self._addresses(entry, place)
        self._known(entry.product, self._around.products, "product", (*place, "product"))
        route = Route(
            system=self._entry.system,
            name=entry.name,
            source=Source(self._located.file, *self._located.mark(place)),
            methods=frozenset(entry.methods),
            to=target,
            at=at,
            forward=forward,
            protocol=entry.protocol,
            recaptures=entry.recaptures,
            auth=entry.auth,
            product=entry.product,
            mode=entry.mode,
            refusals=compile_refusals(
                entry.refusals, auth=entry.auth, place=(*place, "refusals"), notes=self._notes
            ),
            doctype=entry.doctype is not None,
            request=request,
            response=response,
        )
        if entry.protocol is not None and entry.refusals is not None:
            message = "a route with a `protocol` refuses in that protocol's words: remove it"
            self._notes.add((*place, "refusals"), message)
        self._check_reach(route, place)
        self._exchanges.check_route(route, place)
        turn = entry.one_at_a_time
        return replace(
            route,
            one_at_a_time=self._in_request(turn, route.shapes, (*place, "one_at_a_time"))
            if turn is not None
            else None,
            inbox=self._inbox(entry, route, (*place, "inbox")),
            keeps_pushes=self._keeps_pushes(entry, route, (*place, "inbox")),
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
            self._check_caller(route, place)
        if route.doctype and "xml" not in {shape.format for shape in route.shapes}:
            message = "`doctype` is about XML: this route has no shape of format xml; remove it"
            self._notes.add_key((*place, "doctype"), message)
        if route.recaptures:
            self._check_recaptures(route, (*place, "recaptures"))
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

    def _check_caller(self, route: Route, place: Place) -> None:
        """`auth:` names a caller of gateway.yaml, who has no gateway key."""
        if route.at is None:
            message = "`auth` goes with `at`; through the proxy it is always a gateway key"
            self._notes.add_key((*place, "auth"), message)
        elif route.protocol is not None:
            message = "a route with a `protocol` is always called with a gateway key: remove it"
            self._notes.add_key((*place, "auth"), message)
        for key in ("detokenize", "exchange"):
            if getattr(route.request, key):
                message = "cards are put in only for a caller with a gateway key (`auth: key`)"
                self._notes.add((*place, "request", key), message)
        self._known(route.auth, self._around.callers, "caller", (*place, "auth"))

    def _check_recaptures(self, route: Route, place: Place) -> None:
        """A link is kept for the client that a key names, and is read from JSON."""
        if route.auth != "key" or route.protocol is not None:
            message = "`recaptures` keeps links for a caller with a gateway key: remove it here"
            self._notes.add_key(place, message)
        for form in {shape.format for shape in route.shapes} - {"json"}:
            message = (
                f"`recaptures` reads links from JSON; this route's shapes are {form}: remove it"
            )
            self._notes.add_key(place, message)
        if any(shape.envelopes for shape in route.shapes):
            message = "`recaptures` reads links from the answer itself, not from an envelope"
            self._notes.add_key(place, message + ": remove it")

    def _in_request(self, text: str, shapes: Sequence[Shape], place: Place) -> Path | None:
        """A place in a message of the route, in the format that its shapes have."""
        if not shapes:
            message = (
                f"`{place[-1]}` needs a shape on this route, which says the message's format: "
                "add `tokenize` or `detokenize`"
            )
            self._notes.add_key(place, message)
            return None
        formats = by_outer(shapes)
        if len(formats) > 1:
            message = f"this is a path of one format, and the route's messages have several: {', '.join(formats)}"
            self._notes.add(place, message, "Name shapes of one format, or leave it out.")
            return None
        try:
            return parse_path(text, shapes[0].format)
        except PathError as error:
            self._notes.add(place, str(error))
            return None

    def _inbox(self, entry: RouteEntry, route: Route, place: Place) -> Inbox | None:
        """`inbox:` keeps answers in which cards became tokens, for a caller who is known."""
        if entry.inbox is None or entry.inbox.refused:
            return None
        if route.auth != "key":
            message = (
                "`inbox` keeps answers for a caller with a gateway key; who pushes is told that it "
                "failed, and sends again: remove it"
            )
            hint = "`inbox: refused` keeps pushes that do not fit, for whoever mends the rule."
            self._notes.add(place, message, hint)
            return None
        if route.response.tokenize is None:
            message = (
                "`inbox` keeps answers whose cards became tokens: say which, "
                "`response: { tokenize: … }`"
            )
            self._notes.add(place, message)
            return None
        echo, again = entry.inbox.echo, entry.inbox.again
        same_body = again == ("body",)
        if "body" in again and not same_body:
            message = "`body` is the whole request: name it alone, or places in it"
            self._notes.add((*place, "again"), message)
        paths = [
            self._in_request(text, route.shapes, (*place, "again", n))
            for n, text in enumerate(() if same_body else again)
        ]
        return Inbox(
            echo=self._in_request(echo, route.shapes, (*place, "echo")) if echo else None,
            again=tuple(path for path in paths if path is not None),
            same_body=same_body,
        )

    def _keeps_pushes(self, entry: RouteEntry, route: Route, place: Place) -> bool:
        """`inbox: refused` keeps what a partner pushed and did not fit."""
        if entry.inbox is None or not entry.inbox.refused:
            return False
        if route.auth == "key" or route.request.tokenize is None:
            message = (
                "`inbox: refused` keeps what a partner pushes: it goes with `auth`, a caller of "
                "gateway.yaml, and `request: { tokenize: … }`"
            )
            self._notes.add(place, message)
        if len(entry.inbox.model_fields_set) > 1:
            self._notes.add(
                place, "nothing may stand beside `refused`: an answer is kept elsewhere"
            )
        return True

    def _known(
        self, name: str | None, known: Collection[str] | None, what: str, place: Place
    ) -> None:
        if name is not None and known is not None and name not in known:
            message = f"`{name}` is no {what} of gateway.yaml{suggest(name, known)}"
            self._notes.add(place, message, f"There: {', '.join(sorted(known)) or 'none'}.")

    # --- examples -------------------------------------------------------------------------------

    def _example(self, entry: ExampleEntry, routes: Sequence[Route], place: Place) -> Example:
        way: Way = "request" if entry.request is not None else "response"
        route = next((route for route in routes if route.name == entry.route), None)
        if route is None:
            guess = suggest(entry.route, [route.name for route in routes])
            self._notes.add((*place, "route"), f"unknown route `{entry.route}`{guess}")
        elif getattr(route, way).idle:
            message = f"route `{route.name}` does nothing with a {way}"
            self._notes.add_key((*place, way), message)
        return Example(
            route=entry.route,
            direction=way,
            message=entry.request or entry.response or "",
            expect=MappingProxyType(entry.expect.model_dump(exclude_unset=True)),
            source=Source(self._located.file, *self._located.mark(place)),
        )
