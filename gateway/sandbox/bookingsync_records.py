"""What the simulated BookingSync keeps: rentals, bookings, payments, as API v3 shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Json = dict[str, Any]
_SITE: Final = "https://www.bookingsync.com/api/v3"
_BOOKING_LINKS: Final = ("account", "rental", "client", "source", "payments", "bookings_payments")
_PAYMENT_LINKS: Final = ("account", "bookings", "bookings_payments")
BOOKING_WRITABLE: Final = (
    "initial_price", "final_price", "downpayment", "discount", "notes", "adults", "children",
)  # fmt: skip
PAYMENT_WRITABLE: Final = (
    "fullname", "email", "address1", "address2", "zip", "city", "state", "country_code", "locale",
    "notes", "card", "credit_card_token",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PaymentGateway:
    """A payment gateway as callers name it in `gateway_id`, `gateway_name` and `gateway_type`."""

    id: int
    name: str
    type: str = "PaymentGateway"


@dataclass(frozen=True, slots=True)
class Rental:
    """Something to book. Without a gateway no payment of it can be executed."""

    id: int
    currency: str
    gateway: PaymentGateway | None


RENTALS: Final[Mapping[int, Rental]] = {
    rental.id: rental
    for rental in (
        Rental(1, "EUR", PaymentGateway(123, "bogus")),
        Rental(2, "EUR", PaymentGateway(124, "booking_pay")),
        Rental(3, "EUR", PaymentGateway(125, "ogone")),
        Rental(4, "USD", PaymentGateway(126, "stripe")),
        Rental(5, "EUR", None),
    )
}


@dataclass(slots=True)
class Booking:
    """A booking: tentative until it is booked, or canceled once `tentative_expires_at` passed."""

    id: int
    rental: Rental
    start_at: datetime
    end_at: datetime
    currency: str
    created_at: datetime
    booked: bool = False
    tentative_expires_at: datetime | None = None
    canceled_at: datetime | None = None
    details: Json = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`Booked`, `Canceled` or `Tentative`."""
        if self.canceled_at is not None:
            return "Canceled"
        return "Booked" if self.booked else "Tentative"

    def shown(self, payments: list[int]) -> Json:
        """The resource."""
        return {
            "links": {
                "account": 1,
                "rental": self.rental.id,
                "client": None,
                "source": None,
                "payments": payments,
                "bookings_payments": payments,
            },
            "id": self.id,
            "start_at": shown_time(self.start_at),
            "end_at": shown_time(self.end_at),
            "status": self.status,
            "updated_at": shown_time(self.canceled_at or self.created_at),
            "reference": f"SB{self.id:04d}",
            "booked": self.booked,
            "unavailable": False,
            "tentative_expires_at": shown_time(self.tentative_expires_at),
            "currency": self.currency,
            **{name: self.details.get(name) for name in BOOKING_WRITABLE},
            "bookings_payments_count": len(payments),
            "created_at": shown_time(self.created_at),
            "canceled_at": shown_time(self.canceled_at),
        }


@dataclass(slots=True)
class Payment:
    """A payment: tentative, then authorised and queued (`capture_at`), then captured.

    `challenge` is the uuid of an authentication that is waited for.
    """

    id: int
    booking: Booking
    amount_in_cents: int
    currency: str
    kind: str
    created_at: datetime
    paid_at: datetime | None = None
    transaction_id: str | None = None
    authorized_at: datetime | None = None
    capture_at: datetime | None = None
    rejected_at: datetime | None = None
    canceled_at: datetime | None = None
    challenge: str | None = None
    details: Json = field(default_factory=dict)

    @property
    def order_id(self) -> str:
        """As in the published answers: `BS-123`."""
        return f"BS-{self.id}"

    @property
    def chargeable(self) -> bool:
        """Whether it can still be executed: not once authorised or paid, not for a lost booking."""
        return (
            self.authorized_at is None and self.paid_at is None and self.booking.canceled_at is None
        )

    def shown(self) -> Json:
        """The resource."""
        return {
            "links": {
                "account": 1,
                "bookings": [self.booking.id],
                "bookings_payments": [self.id],
            },
            "id": self.id,
            "order_id": self.order_id,
            "transaction_id": self.transaction_id,
            "amount_in_cents": self.amount_in_cents,
            "currency": self.currency,
            "kind": self.kind,
            **{name: self.details.get(name) for name in PAYMENT_WRITABLE},
            "chargeable": self.chargeable,
            "created_at": shown_time(self.created_at),
            "updated_at": shown_time(self.paid_at or self.authorized_at or self.created_at),
            "authorized_at": shown_time(self.authorized_at),
            "paid_at": shown_time(self.paid_at),
            "rejected_at": shown_time(self.rejected_at),
            "canceled_at": shown_time(self.canceled_at),
        }


def booking_body(booking: Booking, payments: list[int]) -> Json:
    """The answer that holds one booking."""
    return _body("bookings", booking.shown(payments), _BOOKING_LINKS)


def payment_body(payment: Payment) -> Json:
    """The answer that holds one payment."""
    return _body("payments", payment.shown(), _PAYMENT_LINKS)


def _body(kind: str, shown: Json, links: tuple[str, ...]) -> Json:
    templates = {f"{kind}.{name}": f"{_SITE}/{_plural(name)}/{{{kind}.{name}}}" for name in links}
    return {"links": templates, kind: [shown], "meta": {}}


def _plural(name: str) -> str:
    return name if name.endswith("s") else f"{name}s"


def shown_time(moment: datetime | None) -> str | None:
    """`2014-08-21T08:40:44Z`, or None."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
