"""What is sealed of a collection: whose card, for which booking, what a guest reads, and the open link."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.cards.card import Booking
from gateway.secret import Secret

_BOOKING: Final = ("system", "hotel", "booking_id")
_TEXTS: Final = ("return_url", "purpose", "link", "url")


@dataclass(frozen=True, slots=True)
class Content:
    """`with_address`: the guest is asked for an address too. `link` is the id of the guest's: a row that
    was altered, to charge what another guest typed, is told by it. `url` is the open link's.
    """

    tokenuser: str = field(repr=False)
    booking: Booking | None = None
    return_url: str | None = None
    purpose: str | None = None
    with_address: bool = False
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    link: str | None = None
    url: str | None = field(default=None, repr=False)


def write(content: Content) -> Secret[bytes]:
    """As it is sealed."""
    said: dict[str, Any] = {  # JSON
        "tokenuser": content.tokenuser,
        "with_address": content.with_address,
        "extra": dict(content.extra),
    }
    for name in _TEXTS:
        value = getattr(content, name)
        if value is not None:
            said[name] = value
    if content.booking is not None:
        said["booking"] = {name: getattr(content.booking, name) for name in _BOOKING}
    return Secret(json.dumps(said).encode("ascii"))


def without_guest(held: Secret[bytes]) -> Secret[bytes]:
    """What is left of it when its guest is erased."""
    return write(Content(read(held).tokenuser))


def read(held: Secret[bytes]) -> Content:
    """Reads back what `write` wrote."""
    said: dict[str, Any] = json.loads(held.reveal())  # Any: JSON
    booking = said.get("booking")
    return Content(
        tokenuser=said["tokenuser"],
        booking=None if booking is None else Booking(**booking),
        return_url=said.get("return_url"),
        purpose=said.get("purpose"),
        with_address=said["with_address"],
        extra=said["extra"],
        link=said.get("link"),
        url=said.get("url"),
    )
