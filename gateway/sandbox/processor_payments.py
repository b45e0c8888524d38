"""What the sandbox's own processor does with money: cards, payments, and the states of a payment.

    authorized → succeeded (capture) → refunded;  authorized → cancelled;  challenged → one of these
    declined;  refunded in part it is `succeeded` still

A payment is found by its reference: sent again with the same content it is the same payment, whatever
became of the first answer; with another content it is refused.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from gateway.sandbox.records import ReceivedCard, Records

Json = dict[str, Any]

APPROVED: Final = "4111111111111111"
DECLINED: Final = "4000000001000019"
CHALLENGED: Final = "4000000001000027"
TIMEOUT: Final = "4000000001000035"
CONSUMED: Final = "4000000001000043"
GATEWAY_FAILURE: Final = "4000000001000050"
DROPPED: Final = "4000000001000068"
GARBAGE: Final = "4000000001000076"
FORM_CHALLENGE: Final = "4000000001000084"
HTML_CHALLENGE: Final = "4000000001000092"
ECHO: Final = "4000000001000100"
TWICE: Final = "4000000001000118"
HALF: Final = "4000000001000126"
DOUBLE: Final = "4000000001000134"
OTHER_CURRENCY: Final = "4000000001000142"

CHALLENGES: Final = {CHALLENGED: "redirect", FORM_CHALLENGE: "form", HTML_CHALLENGE: "html"}
# What befalls the answer; the payment itself is made.
FAULTS: Final = {
    TIMEOUT: "never_answer", DROPPED: "abort_after_request", GARBAGE: "garbage",
    TWICE: "two_answers",
}  # fmt: skip
# Another sum than was asked for is held, taken, given back; the answer says so.
_PARTS: Final = {HALF: Fraction(1, 2), DOUBLE: Fraction(2)}


class Refused(Exception):
    """An error answer: nothing was done."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A card that the processor keeps. `holder` is what was sent."""

    id: str
    number: str = field(repr=False)

    def sum_of(self, amount: int) -> int:
        """What becomes of a sum that is asked for."""
        return int(amount * _PARTS.get(self.number, Fraction(1)))


@dataclass(slots=True)
class Payment:
    """One payment. Amounts are minor units."""

    id: str
    reference: str
    asked: Json  # to tell the same from another
    amount: int
    currency: str
    card: StoredCard
    capture: bool
    status: str = "challenged"
    captured: int = 0
    refunded: int = 0
    reason: str = ""
    network_transaction_id: str = ""
    return_url: str = ""
    refunds: dict[str, int] = field(default_factory=dict)

    def approve(self) -> None:
        """The issuer says yes."""
        self.status = "succeeded" if self.capture else "authorized"
        self.captured = self.amount if self.capture else 0
        # Fifteen digits, as the schemes give them out: what stands before us may take it for a card.
        self.network_transaction_id = "".join(secrets.choice(string.digits) for _ in range(15))

    def decline(self, reason: str) -> None:
        """The issuer says no."""
        self.status, self.reason = "declined", reason

    def shown(self) -> Json:
        """The object."""
        return {
            "id": self.id,
            "reference": self.reference,
            "status": self.status,
            "amount": self.amount,
            "currency": self.currency,
            "captured": self.captured,
            "refunded": self.refunded,
            "reason": self.reason or None,
            "network_transaction_id": self.network_transaction_id or None,
            "card_consumed": self.card.number == CONSUMED and self.status != "declined",
        }


class Payments:
    """Cards and payments by id."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self._cards: dict[str, StoredCard] = {}
        self._payments: dict[str, Payment] = {}
        self._used: set[str] = set()

    def keep(self, card: Mapping[str, str]) -> StoredCard:
        """A card, kept under an id of ours."""
        kept = StoredCard(_new_id("card"), card["number"])
        self._cards[kept.id] = kept
        self._records.add_card(
            ReceivedCard(
                "processor", kept.id, card["number"], card["expiry_month"], card["expiry_year"],
                card.get("cvc"), card.get("holder"),
            )
        )  # fmt: skip
        return kept

    def card(self, id: str) -> StoredCard:
        """Raises Refused."""
        if id not in self._cards:
            raise Refused(422, "unknown_card")
        return self._cards[id]

    def forget(self, id: str) -> None:
        """The card is kept no more, as where a customer was deleted."""
        self._cards.pop(id, None)

    def pay(self, asked: Json) -> tuple[Payment, bool]:
        """A payment, and whether it was there already. Raises Refused.

        1. The reference: the same again, or another one's. 2. A gateway that fails does nothing.
        3. A card that was consumed. 4. What its number stands for.
        """
        for earlier in self._payments.values():
            if earlier.reference == asked["reference"]:
                if earlier.asked != asked:
                    raise Refused(409, "reference_of_another")
                return earlier, True
        card = self.card(asked["card"])
        if card.number == GATEWAY_FAILURE:
            raise Refused(502, "gateway_failure")
        payment = Payment(
            id=_new_id("pay"),
            reference=asked["reference"],
            asked=asked,
            amount=card.sum_of(asked["amount"]),
            currency="USD" if card.number == OTHER_CURRENCY else asked["currency"],
            card=card,
            capture=asked["capture"],
            return_url=asked.get("return_url", ""),
        )
        self._payments[payment.id] = payment
        self._decide(payment, asked)
        return payment, False

    def _decide(self, payment: Payment, asked: Json) -> None:
        number, by_merchant = payment.card.number, asked["initiator"] != "guest"
        if number == DECLINED:
            payment.decline("insufficient_funds")
        elif number == CONSUMED and number in self._used:
            payment.decline("card_consumed")
        elif number in CHALLENGES and by_merchant and "network_transaction_id" not in asked:
            payment.decline("authentication_required")
        elif number not in CHALLENGES or by_merchant:
            self._used.add(number)
            payment.approve()

    def one(self, id: str) -> Payment:
        """Raises Refused."""
        if id not in self._payments:
            raise Refused(404, "unknown_payment")
        return self._payments[id]

    def of(self, reference: str) -> list[Payment]:
        """Those of a reference: one, or none."""
        return [one for one in self._payments.values() if one.reference == reference]

    def answer_challenge(self, id: str, *, agreed: bool) -> Payment:
        """What the guest did. Raises Refused."""
        payment = self.one(id)
        if payment.status != "challenged":
            raise Refused(409, "not_challenged")
        if agreed:
            payment.approve()
        else:
            payment.decline("authentication_failed")
        return payment

    def capture(self, id: str, amount: int) -> Payment:
        """Takes what was authorised, or less, once. Raises Refused."""
        payment = self.one(id)
        if payment.status != "authorized":
            raise Refused(409, "not_authorized")
        taken = payment.card.sum_of(amount)
        if taken > payment.amount:
            raise Refused(409, "above_authorization")
        payment.status, payment.captured = "succeeded", taken
        return payment

    def refund(self, id: str, asked: int, key: str) -> Payment:
        """Gives back, all or a part; the same key again gives nothing back. Raises Refused."""
        payment = self.one(id)
        amount = payment.card.sum_of(asked)
        if payment.refunds.get(key) == amount:
            return payment
        if key in payment.refunds:
            raise Refused(409, "reference_of_another")
        if payment.status not in {"succeeded", "refunded"}:
            raise Refused(409, "not_captured")
        if amount > payment.captured - payment.refunded:
            raise Refused(409, "above_captured")
        payment.refunds[key] = amount
        payment.refunded += amount
        if payment.refunded == payment.captured:
            payment.status = "refunded"
        return payment

    def cancel(self, id: str) -> Payment:
        """Lets go of what was authorised. Raises Refused."""
        payment = self.one(id)
        if payment.status not in {"authorized", "challenged"}:
            raise Refused(409, "not_authorized")
        payment.status = "cancelled"
        return payment


def _new_id(prefix: str) -> str:
    """Letters only: it must never look like a card number."""
    return f"{prefix}_" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(20))
