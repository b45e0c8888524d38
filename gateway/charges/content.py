"""What is sealed of a charge: whose card, for which booking, with which fields, and the challenge."""

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


@dataclass(frozen=True, slots=True)
class Content:
    """`network_id` is the networks' id of this charge; `named_network_id` the one that it named, of
    an earlier charge.
    """

    tokenuser: str = field(repr=False)
    booking: Booking | None = None
    return_url: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    named_network_id: str | None = None
    network_id: str | None = None
    challenge: Challenge | None = None


def write(content: Content) -> Secret[bytes]:
    """As it is sealed."""
    said: dict[str, Any] = {"tokenuser": content.tokenuser, "extra": dict(content.extra)}  # JSON
    for name in ("return_url", "named_network_id", "network_id"):
        value = getattr(content, name)
        if value is not None:
            said[name] = value
    if content.booking is not None:
        said["booking"] = {name: getattr(content.booking, name) for name in _BOOKING}
    if content.challenge is not None:
        parts = {name: getattr(content.challenge, name) for name in _CHALLENGE}
        said["challenge"] = parts | {"fields": dict(content.challenge.fields)}
    return Secret(json.dumps(said).encode("ascii"))


def read(held: Secret[bytes]) -> Content:
    """Reads back what `write` wrote."""
    said: dict[str, Any] = json.loads(held.reveal())  # Any: JSON
    booking, challenge = said.get("booking"), said.get("challenge")
    return Content(
        tokenuser=said["tokenuser"],
        booking=None if booking is None else Booking(**booking),
        return_url=said.get("return_url"),
        extra=said["extra"],
        named_network_id=said.get("named_network_id"),
        network_id=said.get("network_id"),
        challenge=None if challenge is None else Challenge(**challenge),
    )


def order_of(row: Charge, content: Content, operation: Operation) -> Order:
    """What a processor is given. The id is another for each operation that changes something: two
    refunds of one charge are not one request that came twice.
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
        return_url=content.return_url,
        extra=content.extra,
        processor_id=row.processor_id,
    )
