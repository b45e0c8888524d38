"""The JSON that PAYCOMET's REST API takes: read strictly, checked against what each call requires.

Names, JSON types and what is required: the OpenAPI description of rest.paycomet.com as its
generated clients carry it (spazious/paycomet-client, avaibook/paycomet). `terminal`, `idUser`,
`secure` are numbers; `amount`, `methodId`, `expiryMonth`, `expiryYear` are text. A name that it does
not list is let pass, as the description says (additional properties of any type).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from gateway.sandbox.paycomet_codes import Code, PaycometError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fields:
    """What a level may hold: names that must be there, and names whose type is checked."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


_NUMBERS: Final = frozenset(
    {"terminal", "idUser", "secure", "userInteraction", "deferred", "notify", "notifyDirectPayment",
     "tokenize"}
)  # fmt: skip
_OBJECTS: Final = frozenset({"payment", "merchantData", "secureAuthentication"})
# What PAYCOMET answers for a field that is missing or of the wrong type is nowhere shown: it is
# taken to be the code of that field.
_CODES: Final = {
    "terminal": Code.BAD_TERMINAL,
    "pan": Code.BAD_PAN,
    "expiryMonth": Code.BAD_MONTH,
    "expiryYear": Code.BAD_YEAR,
    "cvc2": Code.BAD_CVC,
    "jetToken": Code.WRONG_JET_TOKEN,
    "idUser": Code.CARD_NOT_FOUND,
    "tokenUser": Code.CARD_NOT_FOUND,
    "order": Code.BAD_ORDER,
    "amount": Code.BAD_AMOUNT,
    "currency": Code.BAD_CURRENCY,
    "originalIp": Code.BAD_IP,
    "methodId": Code.NO_SUCH_METHOD,
    "scoring": Code.BAD_SCORING,
    "userInteraction": Code.BAD_USER_INTERACTION,
}

TERMINAL: Final = Fields(("terminal",))
PAIR: Final = Fields(("terminal", "idUser", "tokenUser"))
CARD: Final = Fields(
    ("terminal",),
    ("pan", "expiryMonth", "expiryYear", "cvc2", "jetToken", "order", "productDescription",
     "language", "notify", "cardHolderName", "secureAuthentication"),
)  # fmt: skip
PAYMENT: Final = Fields(
    ("terminal", "order", "amount", "currency", "methodId", "originalIp", "secure"),
    ("idUser", "tokenUser", "scoring", "productDescription", "merchantDescriptor",
     "userInteraction", "trxType", "scaException", "urlOk", "urlKo", "notifyDirectPayment",
     "tokenize", "merchantData", "deferred", "pan", "expiryMonth", "expiryYear", "cvc2",
     "cardHolderName"),
)  # fmt: skip
REFUND: Final = Fields(
    ("terminal", "amount", "currency", "authCode", "originalIp"),
    ("idUser", "tokenUser", "notifyDirectPayment"),
)
SETTLE: Final = Fields(
    ("terminal", "amount", "originalIp", "authCode"), ("deferred", "notifyDirectPayment")
)


def read_body(content_type: str, body: bytes) -> Json:
    """The request's JSON object. Raises PaycometError."""
    if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/json":
        raise PaycometError(Code.BAD_POST, status=422, fields=("Content-Type",))
    try:
        level = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
        json.dumps(level, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise PaycometError(Code.BAD_POST, status=422) from None
    if not isinstance(level, dict):
        raise PaycometError(Code.BAD_POST, status=422)
    return level


def payment_of(body: Json, fields: Fields) -> Json:
    """The `payment` level of a body, checked. Raises PaycometError 422."""
    check(body, Fields(("payment",)))
    payment: Json = body["payment"]
    check(payment, fields)
    return payment


def check(level: Json, fields: Fields) -> None:
    """Raises PaycometError 422 that names every field which is missing or of the wrong type."""
    wrong = [name for name in fields.required if not _fits(name, level.get(name))]
    wrong += [name for name in fields.optional if name in level and not _fits(name, level[name])]
    if wrong:
        raise PaycometError(_code(wrong), status=422, fields=tuple(wrong))


def _code(names: Iterable[str]) -> Code:
    return next((_CODES[name] for name in names if name in _CODES), Code.BAD_POST)


def _fits(name: str, value: object) -> bool:
    if name in _NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if name in _OBJECTS:
        # PHP writes an empty object as []: PAYCOMET's own modules send `merchantData` so.
        return isinstance(value, dict) or (name == "merchantData" and value == [])
    return isinstance(value, str)


def _once(pairs: list[tuple[str, Any]]) -> Json:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    del name
    raise ValueError("NaN and Infinity are no JSON")
