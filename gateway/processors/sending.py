"""One order on its way to a processor: its values, where its requests go, their bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import CardRefused, UpstreamInvalid
from gateway.exchange import Authority, Exchange, Response
from gateway.exchange import Request as Message
from gateway.headers import Headers
from gateway.own_exchange import OwnExchanges
from gateway.processors.model import Operation, Order
from gateway.processors.rules import Customer, ProcessorRules, Request
from gateway.processors.template import Values
from gateway.processors.values import Merchant, values_of
from gateway.processors.writing import fitting, write_head, write_message
from gateway.secret import Secret
from gateway.stages.relayed import Relayed


@dataclass(frozen=True, slots=True)
class Chosen:
    """The request that an order goes out as, and its head."""

    request: Request
    head: Message


@dataclass(frozen=True, slots=True)
class Sending:
    """An order, and all that its requests are written from. `stand_ins`: host → what takes its place
    for a test product."""

    rules: ProcessorRules
    order: Order
    merchant: Merchant
    credentials: Mapping[str, Secret[str]] = field(repr=False)
    stand_ins: Mapping[str, Authority]

    def values(
        self, operation: Operation, exchange: str, kept: Mapping[str, str]
    ) -> dict[str, str]:
        """The values of its places. Raises OrderIncomplete."""
        made = values_of(
            self.order,
            operation,
            exchange,
            merchant=self.merchant,
            exponents=self.rules.exponents,
            credentials=self.credentials,
        )
        return made | dict(kept)

    def head(self, requests: Sequence[Request], values: Values) -> Chosen:
        """The request that the order suffices for. Raises OrderIncomplete."""
        request, path = fitting(requests, values)
        authority = self._authority(request)
        return Chosen(request, write_head(self.rules, request, path, authority, values))

    def body(self, request: Request, values: Values) -> bytes:
        """Its body. Raises OrderIncomplete, MessageUnfit."""
        return write_message(request, values, self.order)

    def place(self, customer: Customer) -> str:
        """What the processor's own token is kept for: the processor, and where it was made."""
        return f"{self.rules.name} {self._authority(customer.steps[0])}"

    def _authority(self, request: Request) -> Authority:
        return self.stand_ins.get(request.authority.host, request.authority)


async def answer_to(own: OwnExchanges, exchange: Exchange) -> Response:
    """The answer. Where the card's own way there was refused (`stages/issuing.py`), it is those words
    of the processor's, and `exchange.sent` stays false. Raises what `OwnExchanges.send` raises."""
    try:
        return await own.send(exchange)
    except CardRefused as error:
        relayed = exchange.channel
        if not isinstance(relayed, Relayed):
            raise UpstreamInvalid from None
        status, _, body = relayed.refusal(error, "request")
        return Response(status, "", Headers(), body)
