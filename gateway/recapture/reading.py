"""What Rapid says, read: the notification that a card failed, and the answer that shows its link.

Both come from outside. Only the fields that are documented are taken; a card number in one of them
is masked, for what is taken here goes on to the PMS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from gateway.cards.masking import without_cards
from gateway.cards.scan import find_cards
from gateway.errors import EventMalformed, EventNotSupported, MessageMalformed
from gateway.recapture.clocks import Stay
from gateway.secret import Secret

FAILURE: Final = "itinerary.payment_verification.failure"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ITINERARY: Final = re.compile(r"[0-9]{1,20}")
_SHOWN: Final = ("affiliate_reference_id", "email", "message")
_LONGEST: Final = 512
_MOST_LINKS: Final = 100  # of one answer: a search may hold many bookings

Json = Any  # what JSON may be


@dataclass(frozen=True, slots=True)
class Event:
    """A notification: `body` is what the PMS is told, in the documented words and order."""

    id: str
    itinerary: str
    at: datetime
    email: Secret[str]
    body: Secret[str]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A payment_change link that an answer held, with what else the answer told of its booking."""

    itinerary: str
    link: Secret[str]
    stay: Stay
    contact: Secret[str] | None


def parse(body: bytes) -> Json:
    """Strict JSON: one value, no name twice in an object, no NaN. Raises MessageMalformed."""
    try:
        return json.loads(body, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        pass
    raise MessageMalformed  # out here: the error above holds the whole body


def read_event(body: bytes) -> Event:
    """Raises MessageMalformed, EventMalformed, EventNotSupported."""
    said = parse(body)
    if not isinstance(said, dict):
        raise EventMalformed
    texts = {
        name: said.get(name, "") for name in (*_SHOWN, "event_id", "event_time", "itinerary_id")
    }
    kind = said.get("event_type")
    if not isinstance(kind, str) or not all(_is_text(value) for value in texts.values()):
        raise EventMalformed
    if kind != FAILURE:
        raise EventNotSupported
    at = _moment(texts["event_time"])
    if at is None or not _ID.fullmatch(texts["event_id"]) or find_cards(texts["event_id"].encode()):
        raise EventMalformed
    if not _ITINERARY.fullmatch(texts["itinerary_id"]):
        raise EventMalformed
    shown = {name: without_cards(texts[name]) for name in _SHOWN}
    told = {
        "affiliate_reference_id": shown["affiliate_reference_id"],
        "email": shown["email"],
        "event_id": texts["event_id"],
        "event_time": texts["event_time"],
        "event_type": kind,
        "itinerary_id": texts["itinerary_id"],
        "message": shown["message"],
    }
    return Event(
        texts["event_id"],
        texts["itinerary_id"],
        at,
        Secret(texts["email"]),
        Secret(json.dumps(told)),
    )


def read_sightings(body: bytes, base: str) -> list[Sighting]:
    """The links of a retrieved booking, or of several; `base` is the scheme and host that a link may
    begin with. What can not be read is left out: it is nobody's request.
    """
    if b"payment_change" not in body:
        return []
    try:
        said = parse(body)
    except MessageMalformed:
        return []
    bookings = said if isinstance(said, list) else [said]
    found = (_sighting(one, base) for one in bookings[:_MOST_LINKS] if isinstance(one, dict))
    return [one for one in found if one is not None]


def _sighting(said: Mapping[str, Json], base: str) -> Sighting | None:
    itinerary = said.get("itinerary_id")
    links = said.get("links")
    change = links.get("payment_change") if isinstance(links, dict) else None
    href = change.get("href") if isinstance(change, dict) else None
    if not isinstance(itinerary, str) or not _ITINERARY.fullmatch(itinerary):
        return None
    if not isinstance(href, str):
        return None
    href = href.removeprefix(base)
    if not _is_change(itinerary, href):
        return None
    contact = said.get("billing_contact")
    return Sighting(
        itinerary,
        Secret(href),
        _stay(said),
        Secret(json.dumps(contact)) if isinstance(contact, dict) else None,
    )


def _is_change(itinerary: str, href: str) -> bool:
    """Whether it is a path that takes a card for this booking, with a token and nothing else: it is
    where a card goes.
    """
    whole = rf"/v3/itineraries/{itinerary}/payment\?token=[!-~]{{1,4096}}"
    return re.fullmatch(whole, href) is not None and "#" not in href and "&" not in href


def _stay(said: Mapping[str, Json]) -> Stay:
    rooms = said.get("rooms")
    rooms = [room for room in rooms if isinstance(room, dict)] if isinstance(rooms, list) else []
    booked = said.get("creation_date_time")
    return Stay(
        _moment(booked) if isinstance(booked, str) else None,
        min(_dates(room.get("checkin") for room in rooms), default=None),
        max(_dates(room.get("checkout") for room in rooms), default=None),
    )


def _dates(texts: Iterable[Json]) -> Iterator[date]:
    for text in texts:
        try:
            yield date.fromisoformat(text)
        except (TypeError, ValueError):
            continue


def _moment(text: str) -> datetime | None:
    """A time with its zone, in UTC."""
    try:
        at = datetime.fromisoformat(text)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made


def _no_constant(_: str) -> Json:
    raise ValueError
