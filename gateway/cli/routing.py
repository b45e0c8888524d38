"""Which route a recorded request takes, by the matcher that the gateway uses; and why none does."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.cli.hiding import hide, printable
from gateway.cli.recorded import Recorded
from gateway.cli.spans import hide_cards
from gateway.errors import GatewayError, RouteUnknown, TargetAmbiguous
from gateway.rules.match import Matcher
from gateway.rules.model import Pack, Route, RuleSet
from gateway.rules.model_addresses import Target

_MOST = 4  # routes that are named beside the one that was missed


@dataclass(frozen=True, slots=True)
class Taken:
    """The route of a request, or what refuses it. `endpoint`: only as a request to the gateway itself."""

    route: Route | None
    refused: GatewayError | None = None
    endpoint: bool = False


class Routes:
    """The routes of some packs, as the gateway would look them up."""

    def __init__(self, packs: tuple[Pack, ...]) -> None:
        rules = RuleSet(packs)
        self._routes, self._matcher = rules.routes, Matcher(rules)

    def take(self, message: Recorded) -> Taken:
        """The route of a request, or of the request that a response answers.

        First as a request that came through the proxy; where no route goes to its host, as one to the
        gateway's own URLs: that is how it will come once the client's URL is another.
        """
        try:
            if message.authority is not None:
                host = message.authority.host
                found = self._matcher.to(message.method, message.authority, host, message.path)
                if found is not None:
                    return Taken(found)
            at = self._matcher.at(message.method, message.path)
        except TargetAmbiguous as error:
            return Taken(None, error)
        if at is None or (message.authority and self._matcher.knows(message.authority.host)):
            return Taken(None, RouteUnknown())
        return Taken(at[0], endpoint=True)

    def why_not(self, message: Recorded) -> Iterator[str]:
        """Why no route takes a request, in sentences. Nothing of its query is told."""
        if message.authority is None:
            yield f"no route has `at: {_shown(message.path)}`"
            return
        host = message.authority.host
        targets = [(route, route.to) for route in self._routes if route.to and not route.at]
        here = [(route, to) for route, to in targets if to.host.matches(host)]
        if not here:
            yield f"no route goes to the host `{printable(host)}`{self._nearest(host)}"
            return
        yield from self._missed(message, here)

    def _missed(self, message: Recorded, here: list[tuple[Route, Target]]) -> Iterator[str]:
        """What keeps the routes of the very host from taking it."""
        authority = message.authority
        if authority is None:
            return
        if authority.scheme == "http":
            yield "it was sent as http://; a route's target is always https://"
        by_path = [one for one in here if self._takes_path(one[0], message)]
        ports = {to.port for _, to in by_path}
        if by_path and authority.port not in ports and authority.scheme == "https":
            known = ", ".join(map(str, sorted(ports)))
            yield f"it went to port {authority.port}; the route's target has {known}"
        for route, _ in by_path:
            if message.method not in route.methods:
                methods = ", ".join(sorted(route.methods))
                yield f"{route.id} takes {methods}, not {printable(message.method)}"
        if not by_path:
            paths = sorted({f"{to.path.text} ({route.id})" for route, to in here})
            more = f", and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
            path = _shown(message.path)
            yield f"no route of this host has the path `{path}`; there: {', '.join(paths[:_MOST])}{more}"

    def _takes_path(self, route: Route, message: Recorded) -> bool:
        """Whether the path alone would do."""
        to = route.to
        if to is None or message.authority is None:
            return False
        method = next(iter(route.methods))
        alone = Matcher(RuleSet((_only(route),)))
        wanted = type(message.authority)(to.scheme, message.authority.host, to.port)
        return alone.to(method, wanted, wanted.host, message.path) is not None

    def _nearest(self, host: str) -> str:
        """`; nearest: …` where a name is close."""
        known = {
            ("*." if route.to.host.any_below else "") + route.to.host.host
            for route in self._routes
            if route.to
        }
        close = difflib.get_close_matches(host, sorted(known), n=2, cutoff=0.6)
        return f"; nearest: {', '.join(close)}" if close else ""


def _only(route: Route) -> Pack:
    return Pack(route.system, "", "", {}, (route,))


def _shown(path: str) -> str:
    return printable(hide(hide_cards(path.partition("?")[0])))[:120]
