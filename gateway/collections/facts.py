"""What is known of a collection, read inside the transaction that decides by it; and the card that is next."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final

from gateway.cards.token import Token, parse_alias
from gateway.charges.virtual import opens
from gateway.collections.content import Content
from gateway.collections.states import Facts, GuestLink, OpenRecapture
from gateway.errors import RecordDamaged
from gateway.pages.links import held
from gateway.recapture.service import SYSTEM
from gateway.vault.collection import Collection, CollectionState
from gateway.vault.collection_changes import Look
from gateway.vault.link import OpenLink
from gateway.vault.model import Wanted
from gateway.vault.recapture import RecaptureState

# As BookingSync names what a guest's address has.
_ADDRESS: Final = {
    "line_1": "address1",
    "line_2": "address2",
    "city": "city",
    "state_province_code": "state",
    "postal_code": "zip",
    "country_code": "country_code",
}


@dataclass(frozen=True, slots=True)
class Offers:
    """What there is for a collection: products with pages, the client that has Rapid's recaptures, and
    where hotels are.
    """

    pages: Names[str]
    rapid: str | None
    zones: Mapping[str, tzinfo]


@dataclass(frozen=True, slots=True)
class Card:
    """The card that is to be charged next, and what a guest typed besides."""

    token: Token
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)


def card_of(row: Collection, content: Content, look: Look) -> Card:
    """What a guest typed at the newest link, or the card that it began with."""
    found = None if row.link is None else look.link(row.link)
    typed = None if found is None else _typed(found)
    if typed is not None:
        return typed
    return Card(Token(row.iduser, content.tokenuser, row.test))


def facts_of(row: Collection, content: Content, look: Look, offers: Offers, now: datetime) -> Facts:
    """What there is to decide by. Raises RecordDamaged."""
    if row.link != content.link:
        raise RecordDamaged
    charges = look.charges(row.id)
    has_pages = row.product in offers.pages
    code = look.code(charges[-1].id) if row.state is CollectionState.CHARGING else None
    recapture, itinerary = None, _itinerary(row, content, offers)
    if itinerary is not None and has_pages and row.state is CollectionState.RECAPTURE:
        recapture = _recapture(look, row, itinerary, now)
    opened = None
    if row.state is CollectionState.WAITING:
        wanted = Wanted(card_of(row, content, look).token, frozenset({row.product}))
        opened = opens(look.bookings(wanted, content.booking), offers.zones.get(row.product))
    return Facts(
        charges=charges,
        code=code,
        link=_link(row, look, now),
        pages=has_pages,
        offered=itinerary is not None and has_pages,
        recapture=recapture,
        opens=opened,
    )


def _itinerary(row: Collection, content: Content, offers: Offers) -> str | None:
    """The booking, where its channel has recaptures for this client."""
    booking = content.booking
    if booking is None or booking.system != SYSTEM or offers.rapid != row.client:
        return None
    return booking.booking_id


def _recapture(look: Look, row: Collection, itinerary: str, now: datetime) -> OpenRecapture | None:
    found = look.recapture(row.client, SYSTEM, itinerary)
    if found is None or found.state is not RecaptureState.PENDING or now >= found.link_ends:
        return None
    return OpenRecapture(found.id, found.link_ends)


def _link(row: Collection, look: Look, now: datetime) -> GuestLink | None:
    found = None if row.link is None else look.link(row.link)
    if found is None:
        return None
    has_card = _typed(found) is not None
    return GuestLink(found.row.state_at(now), found.row.expires, has_card=has_card)


def _typed(link: OpenLink) -> Card | None:
    _, more = held(link)
    result = more.get("result")
    token = None if result is None else parse_alias(result["token"])
    if token is None:
        return None
    contact = more.get("billing_contact") or {}
    address = contact.get("address", {})
    extra = {
        theirs: address[ours] for ours, theirs in _ADDRESS.items() if address.get(ours) is not None
    }
    return Card(token, extra)
