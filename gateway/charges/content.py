"""What is sealed of a charge: whose card, for which booking, with which fields, the challenge and the
URL of its page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.cards.card import Booking
from gateway.cards.token import Token
from gateway.processors.model import Challenge, Initiator, Operation, Order
from gateway.secret import Secret
from gateway.vault.charge import Charge

_BOOKING: Final = ("system", "hotel", "booking_id")
_CHALLENGE: Final = ("kind", "url", "fields", "html")
_TEXTS: Final = (
    "return_url", "named_network_id", "network_id", "page", "language", "purpose",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """`network_id` is the networks' id of this charge; `named_network_id` the one that it named, of
    an earlier charge. `page`: the URL of the page on which the guest would authenticate, whoever has
    it is the guest; `language` and `purpose` are the page's.
    """

    tokenuser: str = field(repr=False)
    booking: Booking | None = None
    return_url: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    named_network_id: str | None = None
    network_id: str | None = None
    challenge: Challenge | None = None
    page: str | None = field(default=None, repr=False)
    language: str | None = None
    purpose: str | None = None


def write(content: Content) -> Secret[bytes]:
    """As it is sealed."""
    said: dict[str, Any] = {"tokenuser": content.tokenuser, "extra": dict(content.extra)}  # JSON
    for name in _TEXTS:
        value = getattr(content, name)
        if value is not None:
            said[name] = value
    if content.booking is not None:
        said["booking"] = {name: getattr(content.booking, name) for name in _BOOKING}
    if content.challenge is not None:
        parts = {name: getattr(content.challenge, name) for name in _CHALLENGE}
        parts |= {"fields": dict(content.challenge.fields)}
        back = content.challenge.back  # the version before knows no such part
        said["challenge"] = parts if back is None else parts | {"back": back}
    return Secret(json.dumps(said).encode("ascii"))


def read(held: Secret[bytes]) -> Content:
    """Reads back what `write` wrote."""
    said: dict[str, Any] = json.loads(held.reveal())  # Any: JSON
    booking, challenge = said.get("booking"), said.get("challenge")
    return Content(
        tokenuser=said["tokenuser"],
        booking=None if booking is None else Booking(**booking),
        extra=said["extra"],
        challenge=None if challenge is None else Challenge(**challenge),
        **{name: said.get(name) for name in _TEXTS},
    )


def without_guest(held: Secret[bytes]) -> Secret[bytes]:
    """What is left of it when its guest is erased: what a capture, a refund or a look needs. A processor
    that wants more of the guest for them (`extra`) is not asked any more.
    """
    one = read(held)
    return write(
        Content(one.tokenuser, named_network_id=one.named_network_id, network_id=one.network_id)
    )


def order_of(
    row: Charge, content: Content, operation: Operation, return_url: str | None = None
) -> Order:
    """What a processor is given. The id is another for each operation that changes something: two
    refunds of one charge are not one request that came twice. `return_url`: where the bank sends the
    guest back to.
    """
    attempt = 1 if operation is Operation.LOOK else row.attempt
    return Order(
        id=row.id if attempt == 1 else f"{row.id}-{attempt}",
        client=row.client,
        product=row.product,
        token=Token(row.iduser, content.tokenuser, row.test),
        amount=row.amount if operation is Operation.LOOK else row.asked,
        currency=row.currency,
        booking=None if content.booking is None else content.booking.booking_id,
        reference=row.reference,
        initiator=Initiator(row.initiator),
        network_transaction_id=content.named_network_id,
        exemption=row.exemption,
        return_url=return_url,
        extra=content.extra,
        processor_id=row.processor_id,
    )
