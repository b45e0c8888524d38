"""What the places of a processor's templates stand for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import OrderIncomplete
from gateway.processors.currency import EXPONENTS, decimal, rescaled
from gateway.processors.model import Operation, Order
from gateway.secret import Secret

_MOST: Final = 10**15  # minor units: more is a mistake


@dataclass(frozen=True, slots=True)
class Merchant:
    """What a product is called at its processor."""

    merchant_code: str
    terminal: int


def values_of(
    order: Order,
    operation: Operation,
    exchange: str,
    *,
    merchant: Merchant,
    exponents: Mapping[str, int],
    credentials: Mapping[str, Secret[str]],
) -> dict[str, str]:
    """Place → value, without those that the order has nothing for.

    Raises OrderIncomplete for an amount or a currency that is none, or that this processor's units
    can not say.
    """
    exponent = EXPONENTS.get(order.currency)
    if exponent is None or not 0 <= order.amount <= _MOST:
        raise OrderIncomplete
    amount = rescaled(order.amount, exponent, exponents.get(order.currency, exponent))
    if amount is None:
        raise OrderIncomplete
    token = order.token
    found = {
        "order": order.id,
        "exchange": exchange,
        "operation": operation.value,
        "reference": order.reference,
        "booking": order.booking,
        "amount": str(amount),
        "amount.decimal": decimal(order.amount, exponent),
        "currency": order.currency,
        "currency.lower": order.currency.lower(),
        "initiator": order.initiator.value,
        "network_transaction_id": order.network_transaction_id,
        "exemption": order.exemption,
        "return_url": order.return_url,
        "processor_id": order.processor_id,
        "merchant_code": merchant.merchant_code,
        "terminal": str(merchant.terminal),
        "token": token.alias,
        "token.iduser": str(token.iduser),
        "token.tokenuser": token.tokenuser,
    }
    values = {name: value for name, value in found.items() if value is not None}
    values |= {f"extra.{name}": value for name, value in order.extra.items()}
    return values | {f"credential.{name}": value.reveal() for name, value in credentials.items()}
