"""One order at the simulated PAYCOMET: its amounts, what was done to it, and how `info` shows it.

Fields of `info`: the OpenAPI description of rest.paycomet.com (`operationInfo`; state 0 failed, 1
correct, 2 unfinished; response OK, KO, UF). The numbers of the kinds of operation are those of
PAYCOMET's notifications, from memory; the form of `timestamp` is assumed.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from gateway.sandbox.paycomet_body import Json
from gateway.sandbox.paycomet_cards import StoredCard
from gateway.sandbox.paycomet_codes import Code

METHOD_CARD: Final = 1
COUNTRY: Final = "ESP"


class State(IntEnum):
    """How far an operation came."""

    FAILED = 0
    CORRECT = 1
    UNFINISHED = 2


class Kind(IntEnum):
    """`operationType`."""

    PURCHASE = 1
    REFUND = 2
    PREAUTHORISATION = 3
    CANCELLATION = 4
    CONFIRMATION = 6


_RESPONSES: Final = {State.FAILED: "KO", State.CORRECT: "OK", State.UNFINISHED: "UF"}


@dataclass(slots=True)
class Order:
    """What was asked, and what became of it. Amounts are minor units."""

    order: str
    terminal: int
    kind: Kind
    amount: int
    currency: str
    card: StoredCard
    secure: int
    ip: str
    description: str
    urls: tuple[str, str]  # where the cardholder goes after a challenge: ok, ko
    auth_code: str = ""
    state: State = State.UNFINISHED
    code: Code = Code.NO_ERROR
    challenge: str = ""  # its id while the cardholder has not answered
    confirmed: int | None = None  # of a preauthorisation
    cancelled: bool = False
    refunded: int = 0
    history: list[Json] = field(default_factory=list)

    def succeed(self) -> None:
        """The issuer said yes."""
        self.state, self.code, self.challenge = State.CORRECT, Code.NO_ERROR, ""
        # Two letters and six digits, as in the description's example.
        self.auth_code = "AC" + "".join(secrets.choice(string.digits) for _ in range(6))
        self.note(self.kind, self.amount)

    def fail(self, code: Code) -> None:
        """The issuer said no, or the cardholder did."""
        self.state, self.code, self.challenge = State.FAILED, code, ""
        self.note(self.kind, self.amount)

    def wait_for_user(self) -> None:
        """The cardholder is asked first."""
        self.challenge = secrets.token_urlsafe(12)
        self.note(self.kind, self.amount)

    def charged(self) -> int | None:
        """What was taken, or None: nothing was (a preauthorisation that is not confirmed)."""
        return self.confirmed if self.kind is Kind.PREAUTHORISATION else self.amount

    def note(self, kind: Kind, amount: int) -> None:
        """Writes an operation into the history."""
        self.history.append(self._operation(kind, amount))

    def info(self) -> Json:
        """The `payment` of POST /v1/payments/{order}/info: the last operation, and all of them."""
        return {**self.history[-1], "history": list(self.history)}

    def _operation(self, kind: Kind, amount: int) -> Json:
        number = 100_000 + secrets.randbelow(900_000)
        return {
            "paycometId": number,
            "operationId": number,
            "methodId": METHOD_CARD,
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "order": self.order,
            "operationType": int(kind),
            "operationName": kind.name.capitalize(),
            "state": int(self.state),
            "stateName": self.state.name.capitalize(),
            "response": _RESPONSES[self.state],
            "terminal": self.terminal,
            "terminalName": f"Sandbox {self.terminal}",
            "user": "",
            "amount": str(amount),
            "currency": self.currency,
            "amountDisplay": f"{amount / 100:.2f} {self.currency}",
            "errorCode": int(self.code),
            "errorDescription": self.code.told,
            "feeEuro": 0.0,
            "feePercent": 0.0,
            "originalIp": self.ip,
            "pan": self.card.masked,
            "scoring": "0",
            "productDescription": self.description,
            "cardType": "CREDIT",
            "cardCategory": "CONSUMER",
            "cardBrand": self.card.brand,
            "cardCountry": COUNTRY,
            "secure": str(self.secure),
            "authCode": self.auth_code,
        }
