"""What the simulated PAYCOMET does with money: pay, hold, confirm, cancel, give back, tell.

Paths, fields and answers: the OpenAPI description of rest.paycomet.com (`executePurchase`,
`createPreauthorization`, `confirmPreauthorization`, `cancelPreauthorization`, `executeRefund`,
`operationInfo`). Assumed, because no source shows it: `terminal` in the answers to a payment, a card
instead of a pair in a payment, that an order which failed may be tried again, that a declined payment
names its fields, and the codes that `paycomet_codes` has no client for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from fractions import Fraction

from gateway.sandbox.paycomet_body import PAYMENT, REFUND, SETTLE, TERMINAL, Json, payment_of
from gateway.sandbox.paycomet_cards import DECLINES, NEEDS_CHALLENGE, PaycometCards, StoredCard
from gateway.sandbox.paycomet_codes import Code, PaycometError
from gateway.sandbox.paycomet_orders import COUNTRY, METHOD_CARD, Kind, Order, State


class PaycometPayments:
    """The orders by reference. `product` says whether a terminal asks for the CVC, or refuses it."""

    def __init__(self, cards: PaycometCards, product: Callable[[int], bool]) -> None:
        self._cards = cards
        self._product = product
        self._orders: dict[str, Order] = {}
        self.part = Fraction(1)  # of each sum: another is a PAYCOMET that does otherwise than asked

    def reset(self) -> None:
        """Forgets every order, and the part."""
        self.part = Fraction(1)
        self._orders.clear()

    # --- POST /v1/payments, /v1/payments/preauth ------------------------------------------------

    def pay(self, body: Json, base: str) -> Json:
        """A charge. `base` is the URL that a challenge's page stands under."""
        return self._start(payment_of(body, PAYMENT), Kind.PURCHASE, base)

    def preauthorise(self, body: Json, base: str) -> Json:
        """Money held, taken by `confirm`."""
        return self._start(payment_of(body, PAYMENT), Kind.PREAUTHORISATION, base)

    def _start(self, payment: Json, kind: Kind, base: str) -> Json:
        cvc_required = self._product(payment["terminal"])
        amount = _price(payment)
        _free_fields(payment)
        earlier = self._orders.get(payment["order"])
        if earlier is not None and earlier.state is State.UNFINISHED:
            raise PaycometError(Code.DUPLICATE_PENDING_ORDER)
        if earlier is not None and earlier.state is State.CORRECT:
            raise PaycometError(Code.DUPLICATE_ORDER)
        card = self._card(payment, cvc_required=cvc_required)
        order = Order(
            order=payment["order"],
            terminal=payment["terminal"],
            kind=kind,
            amount=int(amount * self.part),
            currency=payment["currency"],
            card=card,
            secure=payment["secure"],
            ip=payment["originalIp"],
            description=payment.get("productDescription", ""),
            urls=(payment.get("urlOk", ""), payment.get("urlKo", "")),
        )
        self._orders[order.order] = order
        _decide(order, payment)
        return _started(order, base)

    def _card(self, payment: Json, *, cvc_required: bool) -> StoredCard:
        if "pan" in payment and "idUser" not in payment:
            return self._cards.add(payment, cvc_required=cvc_required)
        missing = tuple(name for name in ("idUser", "tokenUser") if name not in payment)
        if missing:  # mandatory for a card payment
            raise PaycometError(Code.CARD_NOT_FOUND, status=422, fields=missing)
        return self._cards.of(payment)

    def answer_challenge(self, challenge: str, *, agreed: bool) -> Order | None:
        """What the cardholder did on the challenge's page. None: nobody is waited for there."""
        for order in self._orders.values():
            if order.challenge == challenge:
                if agreed:
                    order.succeed()
                else:
                    order.fail(Code.AUTHENTICATION_CANCELLED)
                return order
        return None

    # --- POST /v1/payments/{order}/… ------------------------------------------------------------

    def info(self, name: str, body: Json) -> Json:
        """What became of an order."""
        payment = payment_of(body, TERMINAL)
        self._product(payment["terminal"])
        order = self._orders.get(name)
        if order is None or order.terminal != payment["terminal"]:
            raise PaycometError(Code.DATA_NOT_FOUND)
        return {"errorCode": 0, "payment": order.info()}

    def refund(self, name: str, body: Json) -> Json:
        """Money given back, all of it where `amount` is empty (OpenAPI)."""
        payment = payment_of(body, REFUND)
        order = self._original(name, payment, Code.ORIGINAL_NOT_FOUND)
        if order.state is State.UNFINISHED:
            raise PaycometError(Code.STILL_IN_PROCESS)
        if order.state is State.FAILED:
            raise PaycometError(Code.ORIGINALLY_DENIED)
        if payment["authCode"] != order.auth_code:
            raise PaycometError(Code.ORIGINAL_NOT_FOUND)
        charged = order.charged()
        if charged is None:
            raise PaycometError(Code.CANNOT_REFUND)
        if payment["currency"] != order.currency:
            raise PaycometError(Code.WRONG_CURRENCY)
        left = charged - order.refunded
        amount = _amount(payment["amount"]) if payment["amount"] else left
        if amount > left or not left:
            raise PaycometError(Code.REFUND_TOO_HIGH)
        amount = int(amount * self.part)
        order.refunded += amount
        order.note(Kind.REFUND, amount)
        return {
            "errorCode": 0,
            "amount": str(amount),
            "currency": order.currency,
            "methodId": METHOD_CARD,
            "order": name,
            "authCode": order.auth_code,
        }

    def confirm(self, name: str, body: Json) -> Json:
        """Takes what was held, or less."""
        payment = payment_of(body, SETTLE)
        order = self._held(name, payment)
        amount = _amount(payment["amount"])
        if order.confirmed is not None:
            raise PaycometError(Code.PREAUTHORISATION_NOT_FOUND)
        if amount > order.amount:
            raise PaycometError(Code.ABOVE_PREAUTHORISATION)
        order.confirmed = amount = int(amount * self.part)
        order.note(Kind.CONFIRMATION, amount)
        return {**_settled(order, amount), "authCode": order.auth_code}

    def cancel(self, name: str, body: Json) -> Json:
        """Lets go of what was held."""
        payment = payment_of(body, SETTLE)
        order = self._held(name, payment)
        amount = _amount(payment["amount"])
        if order.confirmed is not None:
            raise PaycometError(Code.CANNOT_CANCEL)
        order.cancelled = True
        order.note(Kind.CANCELLATION, amount)
        return {**_settled(order, amount), "cardCountry": COUNTRY}

    def _original(self, name: str, payment: Json, missing: Code) -> Order:
        self._product(payment["terminal"])
        _address(payment["originalIp"])
        order = self._orders.get(name)
        if order is None or order.terminal != payment["terminal"]:
            raise PaycometError(missing)
        return order

    def _held(self, name: str, payment: Json) -> Order:
        """The preauthorisation of that order and authCode that is not cancelled."""
        order = self._original(name, payment, Code.PREAUTHORISATION_NOT_FOUND)
        ours = order.kind is Kind.PREAUTHORISATION and order.state is State.CORRECT
        if not ours or payment["authCode"] != order.auth_code:
            raise PaycometError(Code.PREAUTHORISATION_NOT_FOUND)
        if order.cancelled:
            raise PaycometError(Code.ALREADY_CANCELLED)
        return order


def _decide(order: Order, payment: Json) -> None:
    """What the issuer says to a payment."""
    number = order.card.number
    initiated_by_merchant = payment.get("scaException") == "MIT"
    if order.card.has_expired():
        order.fail(Code.CARD_EXPIRED)
    elif number in DECLINES:
        order.fail(DECLINES[number])
    elif number != NEEDS_CHALLENGE or initiated_by_merchant:
        order.succeed()
    elif not payment.get("userInteraction", 1):
        order.fail(Code.CHALLENGE_WITHOUT_USER)
    elif not order.secure:
        order.fail(Code.NEEDS_SCA)
    else:
        order.wait_for_user()


def _started(order: Order, base: str) -> Json:
    answer: Json = {
        "errorCode": int(order.code),
        "amount": str(order.amount),
        "currency": order.currency,
        "methodId": METHOD_CARD,
        "order": order.order,
        "terminal": order.terminal,
        **order.card.pair,
        "cardCountry": COUNTRY,
    }
    if order.state is State.CORRECT:
        answer["authCode"] = order.auth_code
    if order.challenge:
        answer["challengeUrl"] = f"{base}/challenge/{order.challenge}"
    if order.description == "echo":
        answer["pan"] = order.card.number
    return answer


def _settled(order: Order, amount: int) -> Json:
    return {
        "errorCode": 0,
        "amount": str(amount),
        "currency": order.currency,
        "order": order.order,
    }


def _price(payment: Json) -> int:
    """The amount of a payment whose order, currency, address and method are right too."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", payment["order"]):
        raise PaycometError(Code.BAD_ORDER)
    amount = _amount(payment["amount"])
    if not re.fullmatch(r"[A-Z]{3}", payment["currency"]):
        raise PaycometError(Code.BAD_CURRENCY)
    _address(payment["originalIp"])
    if payment["methodId"] != str(METHOD_CARD):
        raise PaycometError(Code.NO_SUCH_METHOD)
    return amount


def _free_fields(payment: Json) -> None:
    """Raises PaycometError where a field that may be missing is there and wrong."""
    if payment["secure"] not in (0, 1):
        raise PaycometError(Code.BAD_POST, status=422, fields=("secure",))
    if payment.get("userInteraction", 1) not in (0, 1):
        raise PaycometError(Code.BAD_USER_INTERACTION)
    if not re.fullmatch(r"|[0-9]{1,2}|100", payment.get("scoring", "")):
        raise PaycometError(Code.BAD_SCORING)
    if payment.get("scaException") == "MIT" and not payment.get("trxType"):
        raise PaycometError(Code.MIT_WITHOUT_TYPE)


def _amount(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or not int(text):
        raise PaycometError(Code.BAD_AMOUNT)
    return int(text)


def _address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise PaycometError(Code.BAD_IP) from None
