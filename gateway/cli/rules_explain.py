"""`card-gateway rules explain FILE`: recorded messages, one after the other, and what a route does to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.explain import Explanation, explain, shapes_for
from gateway.cli.explain_shown import Told, public, tell
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    print_json,
)
from gateway.cli.reasons import other_format
from gateway.cli.recorded import Recorded, Way
from gateway.cli.rehearsal import Rehearsal
from gateway.cli.routing import Routes
from gateway.cli.rules_found import (
    Directory,
    load_packs,
    route_named,
    rules_directory,
    wrong_use,
)
from gateway.cli.transcript import read
from gateway.cli.why_refused import why_refused
from gateway.codecs.encoding import decode_body
from gateway.config import LimitSettings
from gateway.errors import GatewayError, MessageMalformed
from gateway.headers import Headers
from gateway.rules.load import load_every_pack
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction
from gateway.rules.watch import Rules
from gateway.stages.messages import layout_of

_HELP = """Says which cards a route finds in FILE, where, and which bytes would change.

FILE is one message's body, a transcript (.http, curl -v), or a HAR. Of a transcript and a HAR the route is found by what was asked for, in both directions. Card numbers are shown masked; nothing is sent. Exit code 1 when a message would be refused or a card fails.

Examples: card-gateway rules explain --route siteminder/pull message.xml

card-gateway rules explain pull.http

card-gateway rules explain --as response day.har
"""


def register(app: typer.Typer) -> None:
    """Adds the command to the group."""
    app.command("explain", help=_HELP)(explain_file)


def explain_file(
    file: Annotated[
        Path, typer.Argument(help="A message, a transcript or a HAR.", show_default=False)
    ],
    *,
    route: Annotated[
        str,
        typer.Option(
            "--route",
            help="system/name, or system alone if it has one. Default: the one that takes the message.",
        ),
    ] = "",
    way: Annotated[
        str,
        typer.Option("--as", help="request or response: only those; what a body alone is."),
    ] = "",
    config: ConfigFile = DEFAULT_CONFIG,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """The command; what it is for stands in `_HELP`."""
    if way not in {"", "request", "response"}:
        wrong_use(
            "--as says whether it is a message of one way or the other", ["request", "response"]
        )
    rules = load_packs(config, directory)
    asked = route_named(rules, route) if route else None
    explaining = _Explaining(
        Routes(rules.packs),
        Rules(directory or rules_directory(config), load_every_pack),
        asked,
        way,
    )
    told, bad = [], False
    for one in explaining.all(file):
        bad = bad or one.bad
        if as_json:
            told.append(public(one))
        else:
            tell(one)
            told.append({})
    if not told:
        wrong_use(f"{file} has no {way or 'message'}", [])
    if as_json:
        print_json(told[0] if len(told) == 1 else {"messages": told})
    if bad:
        raise typer.Exit(1)


_LABELS: Final[Mapping[str, bytes]] = {
    "xml": b"application/xml",
    "json": b"application/json",
    "form": b"application/x-www-form-urlencoded",
    "multipart": b"multipart/form-data",
    "text": b"text/plain",
}


class _Explaining:
    """The messages of one file, each on its route."""

    def __init__(self, routes: Routes, rules: Rules, asked: Route | None, way: str) -> None:
        self._routes, self._rehearsal = routes, Rehearsal(rules)
        self._asked, self._way = asked, way

    def all(self, file: Path) -> Iterator[Told]:
        """What there is to say of each message. Raises ConfigurationError, OSError."""
        request: Recorded | None = None
        lost = 0  # the exchange whose request no route takes: of its answer there is no more to say
        for message in read(file):
            if message.way == "request":
                request = message
            elif request is not None and request.exchange != message.exchange:
                request = None
            if message.way is None:
                yield self._body(message)
            elif self._way in {"", message.way} and message.exchange != lost:
                told = self._message(message, message.way, request)
                lost = message.exchange if told.route is None else 0
                yield told

    def _body(self, message: Recorded) -> Told:
        """A body alone: only a person knows whose it is."""
        if self._asked is None:
            wrong_use(
                f"{message.file} is a body alone: say --route, or record it with its head",
                [],
            )
        way = _direction(self._asked, self._way)
        return self._on(self._asked, message, way, None, ())

    def _message(self, message: Recorded, way: Way, request: Recorded | None) -> Told:
        notes = list(message.notes)
        taken = self._routes.take(message) if message.method else None
        found = taken.route if taken else None
        if taken and taken.endpoint and self._asked is None:
            notes.append("no route goes to its host: taken as a request to a URL of the gateway")
        if self._asked is not None:
            if taken is not None and found is not self._asked:
                other = found.id if found else "none"
                notes.append(f"--route says {self._asked.id}; by what was asked for it is {other}")
                if found is None and taken.refused is not None:
                    notes += self._why_not(message, taken.refused)
            found = self._asked
        if found is None:
            if taken is None:
                wrong_use(
                    f"{message.place} answers a request that was not recorded: say --route", []
                )
            refused = taken.refused
            why = self._why_not(message, refused) if refused else []
            return Told(message, way, refused=refused, notes=(*notes, *why))
        return self._on(found, message, way, request, tuple(notes))

    def _why_not(self, message: Recorded, refused: GatewayError) -> list[str]:
        unknown = refused.code == "route_unknown"
        return list(self._routes.why_not(message)) if unknown else []

    def _on(
        self,
        route: Route,
        message: Recorded,
        way: Way,
        request: Recorded | None,
        notes: tuple[str, ...],
    ) -> Told:
        told: Explanation | None = None
        refused: GatewayError | None = None
        body = message.body
        if not message.complete:
            return Told(message, way, route, notes=notes)
        try:
            if body:
                codings = message.headers.get_all("Content-Encoding")
                body = decode_body(body, codings, LimitSettings().body)
            if body or message.way is None:
                told = explain(route, way, body)
        except GatewayError as error:
            refused = error
        if refused is None:
            played = message if message.way is not None else _labelled(message, route, way)
            asked, answer = (played, None) if way == "request" else (request, played)
            outcome = self._rehearsal.play(route, asked, answer)
            refused = outcome.refused if outcome.phase == way else None
        if isinstance(refused, MessageMalformed) and (shapes := shapes_for(route, way, body)):
            look = other_format(body, layout_of(shapes).outer)
            notes = (*notes, *([look] if look else []))
        if refused is not None:
            found = why_refused(shapes_for(route, way, body), body, refused, doctype=route.doctype)
            notes = (*notes, *found)
        return Told(message, way, route, told, refused, notes)


def _labelled(message: Recorded, route: Route, way: Way) -> Recorded:
    """A body alone, as if it had come with the right label: nothing is known of the one it had."""
    shapes, opaque = shapes_for(route, way, message.body), _of(route, way).opaque
    format = layout_of(shapes).outer if shapes else opaque.format if opaque else None
    label = _LABELS.get(format or "", b"application/octet-stream")
    if format == "multipart":  # RFC 2046 section 5.1.1: the body begins with it
        label += b"; boundary=" + message.body.partition(b"\n")[0].rstrip()[2:]
    return replace(message, way=way, status=200, headers=Headers([(b"Content-Type", label)]))


def _of(route: Route, way: Way) -> Direction:
    return route.request if way == "request" else route.response


def _direction(route: Route, asked: str) -> Way:
    ways: tuple[Way, Way] = ("request", "response")
    working = [way for way in ways if not _of(route, way).idle]
    fitting = [way for way in working if asked in {"", way}]
    if len(fitting) == 1:
        return fitting[0]
    if not working:
        return wrong_use(f"the route {route.id} lets everything pass: nothing to explain", [])
    return wrong_use(f"the route {route.id} works on its {' and '.join(working)}: say --as", [])
