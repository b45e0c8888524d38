"""A pack's `pairs:`, `issuers:` and the `exchange:` of its routes, checked and turned into objects.

An issuer gets clear cards. So it is asked at the host that the caller's own request goes to, at a
path that some route of the same pack lets pass, and never elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from gateway.codecs.document import Format
from gateway.codecs.paths import Path
from gateway.exchange import Authority
from gateway.rules.match import allows
from gateway.rules.model import Route
from gateway.rules.model_addresses import Target
from gateway.rules.model_directions import Issuer, Pair, PairExchange, Said
from gateway.rules.model_shapes import Field
from gateway.rules.notes import Notes, Place
from gateway.rules.schema import PackEntry
from gateway.rules.schema_directions import DirectionEntry
from gateway.rules.schema_pairs import IssuerEntry, PairEntry, SaidEntry
from gateway.rules.schema_words import PlaceEntry
from gateway.rules.shapes import NOWHERE, path_of
from gateway.rules.targets import TargetError, parse_path_pattern
from gateway.yaml_model import suggest

# What a member of an issuer's `json:` may hold of the card; docs/rules.md says what each is.
PLACES: Final = ("number", "MM", "M", "YY", "YYYY", "holder")
_BRACES: Final = re.compile(r"\{([^{}]*)\}|[{}]")
_OURS: Final = frozenset(
    {"host", "connection", "content-type", "content-length", "content-encoding", "accept",
     "accept-encoding", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range",
     "keep-alive", "proxy-authorization", "proxy-connection"}
)  # fmt: skip


class ExchangeCompiler:
    """Compiles what one pack says about pairs. Problems go to `notes`."""

    def __init__(self, entry: PackEntry, notes: Notes) -> None:
        self._notes = notes
        self.pairs: dict[str, Pair] = {
            name: self._pair(name, pair, ("pairs", name)) for name, pair in entry.pairs.items()
        }
        self.issuers: dict[str, Issuer] = {
            name: self._issuer(f"{entry.system}/{name}", issuer, ("issuers", name))
            for name, issuer in entry.issuers.items()
        }

    # --- pairs ----------------------------------------------------------------------------------

    def _pair(self, name: str, entry: PairEntry, place: Place) -> Pair:
        form = entry.format
        return Pair(
            name=name,
            format=form,
            at=path_of(entry.at, form, (*place, "at"), self._notes) or NOWHERE,
            iduser=self._field(entry.iduser, form, (*place, "iduser")),
            tokenuser=self._field(entry.tokenuser, form, (*place, "tokenuser")),
        )

    def _field(self, entry: PlaceEntry, form: Format, place: Place) -> Field:
        number = entry.type == "number"
        if number and form != "json":
            message = f"`type: number` is for json; this pair is {form}"
            self._notes.add((*place, "type"), message)
        path = self._beside(entry.at, form, (*place, "at"))
        return Field(path, number=number)

    def _beside(self, text: str, form: Format, place: Place) -> Path:
        path = path_of(text, form, place, self._notes)
        if path is not None and path.absolute:
            message = f"`{text}` must be relative to the pair's `at`, or all pairs would share it"
            self._notes.add(place, message)
        return path or NOWHERE

    # --- issuers --------------------------------------------------------------------------------

    def _issuer(self, id: str, entry: IssuerEntry, place: Place) -> Issuer:
        try:
            if "*" in parse_path_pattern(entry.post).text:
                self._notes.add((*place, "post"), "`post` is one path, without `*`")
        except TargetError as error:
            hint = "The host is the one that the caller's own request goes to."
            self._notes.add((*place, "post"), str(error), hint)
        for n, name in enumerate(entry.headers):
            if name.lower() in _OURS or name.lower().startswith("x-gateway-"):
                self._notes.add((*place, "headers", n), f"`{name}` is not the caller's to set")
        self._check_members(entry, (*place, "json"))
        return Issuer(
            id=id,
            path=entry.post,
            headers=entry.headers,
            copied=entry.copy_,
            members=tuple(entry.json_.items()),
            issued=self._said(entry.issued, "json", (*place, "issued")),
            iduser=path_of(entry.iduser, "json", (*place, "iduser"), self._notes) or NOWHERE,
            tokenuser=path_of(entry.tokenuser, "json", (*place, "tokenuser"), self._notes)
            or NOWHERE,
        )

    def _check_members(self, entry: IssuerEntry, place: Place) -> None:
        found: set[str] = set()
        for name, template in entry.json_.items():
            if name in entry.copy_:
                self._notes.add_key((*place, name), f"`{name}` is under `copy` already")
            for match in _BRACES.finditer(template):
                if match[1] is None:
                    message = f"`{match[0]}` stands alone; a place is written {{number}}"
                    self._notes.add((*place, name), message)
                elif match[1] not in PLACES:
                    message = f"unknown place `{{{match[1]}}}`{suggest(match[1], PLACES)}"
                    self._notes.add((*place, name), message, f"Places: {', '.join(PLACES)}.")
                else:
                    found.add(match[1])
        if "number" not in found:
            self._notes.add(place, "no member holds the card: write {number} where it goes")

    def _said(self, entry: SaidEntry, form: Format, place: Place) -> Said:
        path = path_of(entry.at, form, (*place, "at"), self._notes) or NOWHERE
        return Said(path, frozenset(entry.is_))

    # --- routes ---------------------------------------------------------------------------------

    def direction(
        self, entry: DirectionEntry, way: Literal["request", "response"], place: Place
    ) -> PairExchange | None:
        """What `exchange:` of one direction says; None where it says nothing."""
        for key, belongs in (("issuer", "request"), ("issue", "request"), ("forget", "response")):
            if key in entry.model_fields_set and (not entry.exchange or way != belongs):
                self._notes.add_key((*place, key), f"`{key}` goes with `exchange` of a {belongs}")
        if not entry.exchange:
            return None
        for key in ("tokenize", "detokenize"):
            if getattr(entry, key):
                self._notes.add_key(
                    (*place, "exchange"), f"`exchange` and `{key}` exclude each other"
                )
        pairs = self._named(entry.exchange, (*place, "exchange"))
        form: Format = pairs[0].format if pairs else "json"
        forget = entry.forget
        return PairExchange(
            pairs=pairs,
            issuer=self._asked(entry, (*place, "issuer")) if way == "request" else None,
            copied=self._copied(entry, form) if pairs else (),
            issue=entry.issue,
            forget=None if forget is None else self._said(forget, form, (*place, "forget")),
        )

    def _named(self, names: Sequence[str], place: Place) -> tuple[Pair, ...]:
        pairs: list[Pair] = []
        for n, name in enumerate(names):
            pair = self.pairs.get(name)
            if pair is None:
                hint = f"This pack's pairs: {', '.join(self.pairs) or 'none'}."
                message = f"unknown pair `{name}`{suggest(name, self.pairs)}"
                self._notes.add((*place, n), message, hint)
                continue
            for other in pairs:
                if _steps(other) == _steps(pair):
                    message = f"the pairs `{name}` and `{other.name}` stand in the same place"
                    self._notes.add((*place, n), message)
            pairs.append(pair)
        formats = sorted({pair.format for pair in pairs})
        if len(formats) > 1:
            self._notes.add(place, f"these pairs are of different formats: {', '.join(formats)}")
        return tuple(pairs)

    def _asked(self, entry: DirectionEntry, place: Place) -> Issuer | None:
        if entry.issuer is None:
            message = "say whose pair takes the place of ours: `issuer:`"
            self._notes.add((*place[:-1], "exchange"), message)
            return None
        if entry.issuer not in self.issuers:
            hint = f"This pack's issuers: {', '.join(self.issuers) or 'none'}."
            message = f"unknown issuer `{entry.issuer}`{suggest(entry.issuer, self.issuers)}"
            self._notes.add(place, message, hint)
        return self.issuers.get(entry.issuer)

    def _copied(self, entry: DirectionEntry, form: Format) -> tuple[tuple[str, Path], ...]:
        issuer = self.issuers.get(entry.issuer or "")
        names = issuer.copied if issuer is not None else ()
        place = ("issuers", entry.issuer or "", "copy")
        return tuple((name, self._beside(name, form, (*place, n))) for n, name in enumerate(names))

    def check_route(self, route: Route, place: Place) -> None:
        """A response's pairs are those that the request was given."""
        if route.response.exchange is not None and route.request.exchange is None:
            message = "nothing is put back here: the route's request exchanges no pair"
            self._notes.add((*place, "response", "exchange"), message)
        if route.protocol is not None and route.request.exchange is not None:
            message = "a route with a `protocol` exchanges no pairs"
            self._notes.add((*place, "request", "exchange"), message)

    def check_reach(self, routes: Sequence[Route]) -> None:
        """Whoever is asked for a token must be one that a request may go to."""
        for n, route in enumerate(routes):
            rule = route.request.exchange
            if rule is None or rule.issuer is None or not rule.issue:
                continue
            if not any(_reaches(other, route.to, rule.issuer.path) for other in routes):
                message = f"no route `to:` the same host allows POST {rule.issuer.path}"
                hint = "A card goes only where the pack lets a request go: add that route."
                self._notes.add(("routes", n, "request", "exchange"), message, hint)


def _steps(pair: Pair) -> Iterable[object]:
    return (*pair.at.steps, *pair.iduser.at.steps)


def _reaches(route: Route, target: Target | None, path: str) -> bool:
    """Whether a route takes a POST to `path` at the host of `target` (None: at any)."""
    to = route.to
    if to is None or "POST" not in route.methods or not path.startswith("/"):
        return False
    if target is not None and (to.host, to.port) != (target.host, target.port):
        return False
    host = f"x.{to.host.host}" if to.host.any_below else to.host.host
    return allows(route, Authority(to.scheme, host, to.port), host, path)
