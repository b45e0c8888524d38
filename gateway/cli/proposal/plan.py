"""Which routes a recording asks for, and what each does with its cards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.cli.proposal import words
from gateway.cli.proposal.leaves import Taken
from gateway.cli.proposal.logs import bodies_in, untagged
from gateway.cli.proposal.messages import Message, read_message
from gateway.cli.proposal.shapes import Draft, merged, shapes_of
from gateway.cli.recorded import Recorded, Way
from gateway.codecs.first_sign import TOLD_BY_THEIR_SIGN

_PUSHED: Final = re.compile(r"notif|webhook|push|callback|deliver", re.IGNORECASE)
_NOTICE: Final = re.compile(r"notif|webhook", re.IGNORECASE)
_ANSWER: Final = re.compile(r"respon[sd]|reply|\w(?:RS|Rs|Result)\Z", re.IGNORECASE)
_TEST: Final = re.compile(
    r"(?:^|[.-])(?:\w*test|\w*sandbox|uat|stg|staging|demo|cert|qa|pilot|integration)(?:[.-]|\d)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Side:
    """What a route does with one direction's messages."""

    shapes: list[Draft] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    opaque: tuple[str, tuple[str, ...], str] | None = None  # because, paths, format
    messages: list[Message] = field(default_factory=list)

    @property
    def acting(self) -> bool:
        """Whether cards are taken out, or put in."""
        return bool(self.shapes)


@dataclass(slots=True)
class Planned:
    """One route."""

    method: str
    host: str  # with its port; empty where the recording does not say
    path: str
    plain: bool  # it came as http://
    pushed: bool = False
    request: Side = field(default_factory=Side)
    response: Side = field(default_factory=Side)
    exchanges: int = 0

    @property
    def looks_like_a_test(self) -> bool:
        """Whether its host is called as test systems are."""
        return _TEST.search(self.host) is not None


def plan(messages: Iterable[Recorded], *, push: bool | None, way: Way | None) -> list[Planned]:
    """The routes that a recording asks for, those of one method, host and path in one."""
    routes: dict[tuple[str, str, str], Planned] = {}
    for recorded in _apart(messages):
        alone = recorded.way is None
        message = read_message(recorded, recorded.way or way or "response")
        if alone and way is None:
            message.way = _guess(message)
        route = routes.setdefault(_key(recorded), _planned(recorded))
        side = route.request if message.way == "request" else route.response
        side.messages.append(message)
        route.exchanges += message.way == "request" or alone
    for route in routes.values():
        route.pushed = (
            _is_pushed(route)
            if push is None
            else push and any(m.cards for m in route.request.messages)
        )
        for side, bookings in (
            (route.request, route.pushed),
            (route.response, not any(m.cards for m in route.request.messages)),
        ):
            _add_shapes(side, bookings=bookings)
    _name_shapes(list(routes.values()))
    return list(routes.values())


def _apart(messages: Iterable[Recorded]) -> Iterator[Recorded]:
    """A log of bodies is as many messages: one in each line, or somewhere between other words."""
    for recorded in messages:
        log = untagged(recorded.body) if recorded.way is None else b""
        bodies = bodies_in(log) if log else []
        if not bodies:
            yield recorded
        for n, body in enumerate(bodies):
            line = log[: log.find(body)].count(b"\n") + 1
            yield replace(recorded, body=body, exchange=recorded.exchange + n, line=line)


def _guess(message: Message) -> Way:
    """A body alone: hotels' bookings are pulled, and so is what is called an answer and has no code in it;
    anything else with a card is a charge."""
    if message.documents and _is_answer(message):
        return "response"
    if any(one.taken.format == "text" and not one.layers for one in message.documents):
        return "response"
    if any(_has_booking(one.taken) and not _is_notice(one.taken) for one in message.documents):
        return "response"
    return "request"


def _is_answer(message: Message) -> bool:
    codes = any(card.code is not None for one in message.documents for card in one.cards)
    return not codes and any(
        _ANSWER.search(step.name)
        for leaf in message.documents[0].taken.leaves
        for step in leaf.steps[:4]
        if step.axis == "element"
    )


def _has_booking(taken: Taken) -> bool:
    return any(words.names_booking(step.name) for leaf in taken.leaves for step in leaf.steps)


def has_bookings(route: Planned) -> bool:
    """Whether a request's cards stand in a message about bookings."""
    return any(
        _has_booking(document.taken)
        for message in route.request.messages
        for document in message.with_cards
    )


def _is_pushed(route: Planned) -> bool:
    """Bookings that a request brings come from a channel manager; a charge has none."""
    return any(
        _has_booking(document.taken) and (_PUSHED.search(route.path) or _is_notice(document.taken))
        for message in route.request.messages
        for document in message.documents
        if message.cards
    )


def _is_notice(taken: Taken) -> bool:
    """Whether a message says that it tells of something: `OTA_HotelResNotifRQ`."""
    return any(_NOTICE.search(step.name) for leaf in taken.leaves for step in leaf.steps[:4])


def _key(recorded: Recorded) -> tuple[str, str, str]:
    return (recorded.method, str(recorded.authority or ""), rule_path(recorded.path))


_SEGMENT: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]+")
_VARIES: Final = re.compile(
    r"(?=.*\d)[A-Za-z0-9_-]{12,}|[0-9]{3,}|.*[0-9]{6}.*|[0-9a-f-]{20,}|(?:[a-z]{2,5}_)\w*\d\w*"
)


def rule_path(path: str) -> str:
    """A path for a rule: without its query, `*` for what looks like an identifier or a secret."""
    bare = path.partition("?")[0].partition(";")[0] or "/"
    segments = bare.removeprefix("/").split("/")
    kept = [
        one if not one or (_SEGMENT.fullmatch(one) and not _VARIES.fullmatch(one)) else "*"
        for one in segments
    ]
    inner = [one or "*" for one in kept[:-1]]
    return "/" + "/".join([*inner, kept[-1]])


def _planned(recorded: Recorded) -> Planned:
    authority = recorded.authority
    host = ""
    if authority is not None:
        name = f"[{authority.host}]" if ":" in authority.host else authority.host
        host = name if authority.port in {443, 80} else f"{name}:{authority.port}"
    plain = authority is not None and authority.scheme == "http"
    return Planned(recorded.method or "POST", host, rule_path(recorded.path), plain)


def _add_shapes(side: Side, *, bookings: bool) -> None:
    encrypted = [one for message in side.messages for one in message.encrypted]
    for message in side.messages:
        for document in message.with_cards:
            for draft in shapes_of(
                document.taken, document.layers, document.cards, bookings=bookings
            ):
                _add(side, draft, mixing=not encrypted)
    if side.shapes and encrypted:
        paths = tuple(
            dict.fromkeys(path for path, format in encrypted if format == side.shapes[0].format)
        )
        if paths and not side.shapes[0].layers:
            side.opaque = ("encrypted", paths, "")
    elif encrypted:
        format = encrypted[0][1]
        paths = tuple(dict.fromkeys(path for path, one in encrypted if one == format))
        side.opaque = ("encrypted", paths, format if format != "multipart" else "")
    signed = any(message.signed for message in side.messages)
    if signed and side.shapes and any(layer.coding != "text" for layer in side.shapes[0].layers):
        side.opaque, side.shapes = ("signed", (), ""), []


def _add(side: Side, draft: Draft, *, mixing: bool) -> None:
    """Adds a shape where a route can have it beside the others: of the same format, or with `mixing` of XML and
    JSON, each the whole message."""
    layouts = {one.layout for one in side.shapes}
    formats = {draft.format, *(one.format for one in side.shapes)}
    plain = not any(one.layers for one in (draft, *side.shapes))
    both = mixing and plain and TOLD_BY_THEIR_SIGN.issuperset(formats)
    if side.shapes and draft.layout not in layouts and not both:
        return
    for n, one in enumerate(side.shapes):
        if one.layout != draft.layout:
            continue
        flat = draft.format in {"form", "multipart", "text"} and draft.card == "$"
        flat = flat or one.flat or draft.flat
        same_number = set(one.fields["number"].at) & set(draft.fields["number"].at)
        if (one.booking, one.card) == (draft.booking, draft.card) and (same_number or not flat):
            side.shapes[n] = merged(one, draft)
            return
    side.shapes.append(draft)


def _name_shapes(routes: list[Planned]) -> None:
    """Names, each once; shapes that are alike in all but their cards' count have one."""
    taken: dict[str, Draft] = {}
    for route in routes:
        asked = "booking" if route.pushed else "card"
        for side, base in ((route.request, asked), (route.response, "answer")):
            for draft in side.shapes:
                side.names.append(_name_of(draft, base, taken))


def _name_of(draft: Draft, base: str, taken: dict[str, Draft]) -> str:
    number = 1
    while True:
        name = base if number == 1 else f"{base}-{number}"
        if name not in taken:
            taken[name] = draft
            return name
        if _alike(taken[name], draft):
            return name
        number += 1


def _alike(one: Draft, other: Draft) -> bool:
    return (one.layout, one.booking, one.card, one.fields, one.join) == (
        other.layout, other.booking, other.card, other.fields, other.join,
    )  # fmt: skip


def drafts_of(routes: Iterable[Planned]) -> Iterator[tuple[str, Draft]]:
    """Each shape once, by its name."""
    seen: set[str] = set()
    for route in routes:
        for side in (route.request, route.response):
            for name, draft in zip(side.names, side.shapes, strict=True):
                if name not in seen:
                    seen.add(name)
                    yield name, draft
