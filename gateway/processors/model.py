"""What a processor is asked to do with a card, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, Protocol

from gateway.cards.token import Token


class Operation(StrEnum):
    """What a processor can be asked for. `LOOK`: what became of it, by our reference or its id."""

    CUSTOMER = "customer"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    DEBIT = "debit"
    REFUND = "refund"
    CANCEL = "cancel"
    LOOK = "look"


class Initiator(StrEnum):
    """Who started it. All but `GUEST` are merchant-initiated: nobody is there to authenticate."""

    GUEST = "guest"
    NO_SHOW = "no_show"
    DEPOSIT = "deposit"


class Ended(StrEnum):
    """What became of an operation.

    `FAILED`: certainly not done (nothing was sent, or the processor says that it did nothing).
    `UNKNOWN`: it may have been done.
    """

    PENDING = "pending"
    CHALLENGED = "challenged"
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    FAILED = "failed"
    UNKNOWN = "unknown"


# What says that a sum was moved, or is held.
STATING: Final = (Ended.AUTHORIZED, Ended.SUCCEEDED, Ended.REFUNDED)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done. `amount` is in minor units of `currency` (ISO 4217).

    `reference` is what the processor files it under: unique per charge, and its idempotency key
    where it has one. `extra` has fields that a processor needs besides: a billing address, a
    `tentative_payment_id`. `processor_id` is what an earlier operation answered.
    """

    id: str
    client: str
    product: str
    token: Token
    amount: int
    currency: str
    booking: str | None
    reference: str
    initiator: Initiator
    network_transaction_id: str | None
    exemption: str | None
    return_url: str | None
    extra: Mapping[str, str] = field(repr=False)
    processor_id: str | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """The guest must authenticate: follow `url`, post `fields` to it, or be shown `html`. `back`: the
    field of the form that names where the guest comes back to, which is ours to fill.
    """

    kind: Literal["redirect", "form", "html"]
    url: str | None
    fields: Mapping[str, str]
    html: str | None = field(repr=False)
    back: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended. `code` is the GatewayError's, for FAILED and UNKNOWN.

    `consumed`: the processor takes this card no more for this booking. `amount` (minor units) and
    `currency` are what the processor says that it moved or holds; None: it does not say.
    `sum_unreadable`: it says something there that is neither.
    """

    ended: Ended
    processor_id: str | None = None
    decline: str | None = None
    challenge: Challenge | None = None
    network_transaction_id: str | None = None
    consumed: bool = False
    code: str | None = None
    amount: int | None = None
    currency: str | None = None
    sum_unreadable: bool = False


class Processor(Protocol):
    """The one of a product: `products.<p>.processor: <name>` in gateway.yaml."""

    name: str
    operations: frozenset[Operation]

    async def run(self, operation: Operation, order: Order, exchange_id: str) -> Result:
        """What became of it. Nothing is ever sent twice. Raises VaultUnavailable, and nothing else."""
        ...


class Processors(Protocol):
    """The processors of all products."""

    def of(self, product: str) -> Processor | None:
        """The product's, or None where gateway.yaml names none."""
        ...

    def named(self, product: str, name: str) -> Processor | None:
        """One that the product has now or had before; None where there is no file for it."""
        ...
