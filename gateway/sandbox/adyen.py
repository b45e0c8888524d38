"""A card processor that speaks Adyen's JSON: checkout's /payments and the classic /authorise.

POST /v72/payments (also under /checkout) with `paymentMethod.{number,expiryMonth,expiryYear,cvc,
holderName}`; POST /pal/servlet/Payment/v68/authorise with `card.*`. `X-API-Key` is asked for;
any key but `wrong` is taken. Unknown fields, missing ones and wrong types are refused in Adyen's
error shape: status, errorCode, message, errorType, pspReference. A holder name that is one of
`REFUSALS` is refused for that reason, as on Adyen's test platform. The reference `echo` makes the
answer carry the full number in `additionalData.cardNumber`. An Idempotency-Key gives the same
answer again. GET /_sandbox/received shows the cards that came in.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox.cards import brand, is_past, luhn_fits
from gateway.sandbox.records import ReceivedCard, Records
from gateway.sandbox.wire import received_cards

Json = dict[str, Any]

REFUSALS: Final = {
    "DECLINED": ("Refused", "2"),
    "REFERRAL": ("Referral", "3"),
    "BLOCK_CARD": ("Blocked Card", "5"),
    "CARD_EXPIRED": ("Expired Card", "6"),
    "INVALID_CARD": ("Invalid Card Number", "8"),
    "NOT_ENOUGH_BALANCE": ("Not enough balance", "12"),
    "CVC_DECLINED": ("CVC Declined", "24"),
}
_CARD: Final = frozenset(
    {"number", "expiryMonth", "expiryYear", "cvc", "holderName", "issueNumber", "startMonth",
     "startYear"}
)  # fmt: skip
_METHOD: Final = _CARD | {
    "type", "brand", "encryptedCardNumber", "encryptedExpiryMonth", "encryptedExpiryYear",
    "encryptedSecurityCode", "storedPaymentMethodId", "checkoutAttemptId", "fundingSource",
    "networkPaymentReference",
}  # fmt: skip
_COMMON: Final = frozenset(
    {"amount", "reference", "merchantAccount", "shopperReference", "shopperEmail", "shopperIP",
     "shopperInteraction", "shopperName", "shopperStatement", "recurringProcessingModel",
     "additionalData", "billingAddress", "deliveryAddress", "browserInfo", "captureDelayHours",
     "countryCode", "metadata", "mpiData", "merchantOrderReference", "telephoneNumber", "store"}
)  # fmt: skip
_PAYMENTS: Final = _COMMON | {
    "paymentMethod", "returnUrl", "channel", "origin", "storePaymentMethod", "lineItems",
    "authenticationData", "riskData", "shopperLocale", "applicationInfo", "redirectFromIssuerMethod",
}  # fmt: skip
_AUTHORISE: Final = _COMMON | {
    "card",
    "recurring",
    "selectedBrand",
    "fraudOffset",
    "applicationInfo",
}


class AdyenError(Exception):
    """An error answer: HTTP status, errorCode, message and errorType."""

    def __init__(self, status: int, code: str, message: str, kind: str = "validation") -> None:
        super().__init__(code)
        self.status = status
        self.body: Json = {
            "status": status,
            "errorCode": code,
            "message": message,
            "errorType": kind,
        }


class Adyen:
    """The simulator."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._answered: dict[str, tuple[int, Json]] = {}
        self.app = Starlette(
            routes=[
                Route("/_sandbox/received", self._received, methods=["GET"]),
                Route("/{path:path}", self._serve, methods=["GET", "POST"]),
            ]
        )

    def reset(self) -> None:
        """Forgets the idempotency keys."""
        self._answered.clear()

    async def _received(self, request: Request) -> Response:
        return received_cards(request, self.records, "adyen")

    async def _serve(self, request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        earlier = self._answered.get(key)
        if key and earlier is not None:
            return JSONResponse(earlier[1], earlier[0])
        psp = _psp_reference()
        try:
            status, answer = 200, self._act(request, await request.body(), psp)
        except AdyenError as error:
            status, answer = error.status, {**error.body, "pspReference": psp}
        else:
            if key:
                self._answered[key] = (status, answer)
        return JSONResponse(answer, status, {"pspreference": psp})

    def _act(self, request: Request, body: bytes, psp: str) -> Json:
        path = request.url.path
        checkout = re.fullmatch(r"(?:/checkout)?/v(?:6[4-9]|7[0-9])/payments", path)
        classic = re.fullmatch(r"/pal/servlet/Payment/v(?:4[0-9]|5[0-9]|6[0-8])/authorise", path)
        if request.method != "POST" or not (checkout or classic):
            raise AdyenError(404, "000", "HTTP Status Response - Not Found", "internal")
        if request.headers.get("x-api-key", "wrong") == "wrong":
            raise AdyenError(401, "000", "HTTP Status Response - Unauthorized", "security")
        payment = _read(request, body)
        if checkout:
            return self._pay(payment, psp)
        return self._authorise(payment, psp)

    def _pay(self, payment: Json, psp: str) -> Json:
        _known(payment, _PAYMENTS, "PaymentRequest")
        method = payment.get("paymentMethod")
        if not isinstance(method, dict):
            raise AdyenError(422, "14_004", "Missing payment method details")
        _known(method, _METHOD, "PaymentMethodDetails")
        if method.get("type") not in ("scheme", "card"):
            raise AdyenError(422, "14_003", "Invalid payment method data")
        _merchant(payment)
        if not isinstance(payment.get("returnUrl"), str):
            raise AdyenError(422, "14_030", "Return URL is missing.")
        answer = self._decide(method, payment, psp)
        if _asks_for_3ds(payment) and answer["resultCode"] == "Authorised":
            return {
                "pspReference": psp,
                "resultCode": "RedirectShopper",
                "action": {
                    "type": "redirect",
                    "method": "GET",
                    "paymentMethodType": "scheme",
                    "url": f"https://checkoutshopper.adyen.sandbox.test/3ds/{psp}",
                },
            }
        answer["amount"] = payment["amount"]
        answer["merchantReference"] = payment["reference"]
        answer["paymentMethod"] = {"brand": brand(method["number"]), "type": "scheme"}
        return answer

    def _authorise(self, payment: Json, psp: str) -> Json:
        _known(payment, _AUTHORISE, "PaymentRequest")
        card = payment.get("card")
        if not isinstance(card, dict):
            raise AdyenError(422, "102", "Unable to determine variant")
        _known(card, _CARD, "Card")
        _merchant(payment)
        return self._decide(card, payment, psp)

    def _decide(self, card: Mapping[str, Any], payment: Json, psp: str) -> Json:
        number, month, year = _card(card)
        self.records.add_card(
            ReceivedCard(
                "adyen", payment["reference"], number, month, year,
                card.get("cvc"), card.get("holderName"),
            )
        )  # fmt: skip
        additional = {"cardSummary": number[-4:], "expiryDate": f"{int(month)}/{year}"}
        if payment["reference"] == "echo":
            additional["cardNumber"] = number
        refusal = REFUSALS.get((card.get("holderName") or "").split(" : ")[0])
        if refusal:
            reason, code = refusal
            return {
                "additionalData": additional,
                "pspReference": psp,
                "refusalReason": reason,
                "refusalReasonCode": code,
                "resultCode": "Refused",
            }
        additional["authCode"] = "064123"
        return {"additionalData": additional, "pspReference": psp, "resultCode": "Authorised"}


def _read(request: Request, body: bytes) -> Json:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise AdyenError(415, "000", "HTTP Status Response - Unsupported Media Type", "internal")
    try:
        payment = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise AdyenError(400, "702", "Unable to parse the message") from None
    if not isinstance(payment, dict):
        raise AdyenError(400, "702", "Unexpected input: an object was expected")
    return payment


def _once(pairs: list[tuple[str, Any]]) -> Json:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    del name
    raise ValueError("NaN and Infinity are no JSON")


def _known(level: Mapping[str, Any], names: frozenset[str], what: str) -> None:
    unknown = ", ".join(sorted(set(level) - names))
    if unknown:
        text = f"Structure of {what} contains the following unknown fields: [{unknown}]"
        raise AdyenError(400, "702", text)


def _merchant(payment: Json) -> None:
    """Checks what every payment has. Raises AdyenError."""
    amount = payment.get("amount")
    if not isinstance(amount, dict) or set(amount) != {"currency", "value"}:
        raise AdyenError(422, "100", "No amount specified")
    if not isinstance(amount["value"], int) or isinstance(amount["value"], bool):
        raise AdyenError(422, "137", "Invalid amount specified")
    if not re.fullmatch(r"[A-Z]{3}", str(amount["currency"])):
        raise AdyenError(422, "138", "Unsupported currency specified")
    if not payment.get("merchantAccount"):
        raise AdyenError(403, "901", "Invalid Merchant Account", "security")
    if not isinstance(payment.get("reference"), str) or not payment["reference"]:
        raise AdyenError(422, "130", "Reference Missing")


def _card(card: Mapping[str, Any]) -> tuple[str, str, str]:
    """Number, month and year, checked as Adyen checks them. Raises AdyenError."""
    for name in _CARD & set(card):
        if not isinstance(card[name], str):
            raise AdyenError(400, "702", f"Unexpected input for {name}: a string was expected")
    number = card.get("number", "")
    if not re.fullmatch(r"[0-9]{12,19}", number) or not luhn_fits(number):
        raise AdyenError(422, "101", "Invalid card number")
    month, year = card.get("expiryMonth", ""), card.get("expiryYear", "")
    if not re.fullmatch(r"0?[1-9]|1[0-2]", month):
        raise AdyenError(422, "140", "Invalid expiration month, should be 1-12")
    if not re.fullmatch(r"20[0-9]{2}", year):
        raise AdyenError(422, "141", "Invalid expiration year, should be YYYY greater than 2000")
    if is_past(int(month), int(year), datetime.now(UTC).date()):
        raise AdyenError(422, "129", "Expiry Date Invalid")
    if not re.fullmatch(r"[0-9]{3,4}|", card.get("cvc", "")):
        raise AdyenError(422, "103", "CVC is not the right length")
    return number, month, year


def _asks_for_3ds(payment: Json) -> bool:
    data = payment.get("authenticationData")
    return isinstance(data, dict) and data.get("attemptAuthentication") == "always"


def _psp_reference() -> str:
    # Sixteen signs as Adyen's, letters only: it must never look like a card number.
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(16))
