"""A product's processor, as its file describes it: one operation, one request, one answer.

1. Nothing is sent without credentials, a route that takes it, and all that the file asks for: `failed`.
2. What was sent and had no answer that says what became of it is `unknown`, whatever went wrong, an
   unforeseen exception and a vault that is gone included; what was certainly not sent is `failed`.
3. Nothing is ever sent twice: no retry, no redirect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.engine.boundary import CLEARED, Guard
from gateway.errors import (
    CredentialsMissing,
    GatewayError,
    InternalError,
    OperationNotSupported,
    ProcessorHasNone,
    ProcessorRefused,
    VaultUnavailable,
)
from gateway.exchange import Authority, Exchange
from gateway.metrics import Metrics
from gateway.own_exchange import OwnExchanges
from gateway.processors.currency import in_iso
from gateway.processors.customers import Customers
from gateway.processors.model import Ended, Operation, Order, Result
from gateway.processors.reading import Reader
from gateway.processors.rules import ProcessorRules
from gateway.processors.sending import Chosen, Sending, answer_to
from gateway.processors.values import Merchant
from gateway.vault.credentials import CredentialTable

_BEGIN = (Operation.AUTHORIZE, Operation.DEBIT)
_NOT_DONE = frozenset({Ended.DECLINED, Ended.FAILED})


@dataclass(frozen=True, slots=True)
class Product:
    """What its processor has to know of a product. `stand_ins`: host → what takes its place, for a
    test product."""

    name: str
    merchant: Merchant
    stand_ins: Mapping[str, Authority]


@dataclass(slots=True)
class _Attempt:
    """How far an operation came, for when it does not end by itself."""

    exchange: Exchange | None = None

    @property
    def sent(self) -> bool:
        return self.exchange is not None and self.exchange.sent


class FileProcessor:
    """A `Processor` of one product, by one file."""

    def __init__(
        self,
        rules: ProcessorRules,
        product: Product,
        *,
        own: OwnExchanges,
        customers: Customers,
        credentials: CredentialTable,
        metrics: Metrics,
    ) -> None:
        self.name = rules.name
        self.operations = frozenset(rules.operations) | (
            {Operation.CUSTOMER} if rules.customer else frozenset()
        )
        self._rules, self._product = rules, product
        self._own, self._customers, self._credentials = own, customers, credentials
        self._metrics = metrics

    def wants(self, place: str) -> bool:
        """Whether a request that begins a charge needs a value in this place of its order."""
        begins = [one for kind in _BEGIN for one in self._rules.operations.get(kind, ())]
        return any(place in request.needs for request in begins)

    async def run(self, operation: Operation, order: Order, exchange_id: str) -> Result:
        """What became of it. Raises VaultUnavailable where nothing was sent, and nothing else."""
        result = await self._ended(operation, order, exchange_id)
        labels = (self.name, operation.value, result.ended.value)
        self._metrics.processor_calls.labels(*labels).inc()
        return result

    async def _ended(self, operation: Operation, order: Order, exchange_id: str) -> Result:
        attempt, guard, result = _Attempt(), Guard(), None
        with guard:
            result = await self._run(operation, order, exchange_id, attempt)
            guard.clear()
        if guard.verdict is CLEARED and result is not None:
            return result
        error = guard.verdict if isinstance(guard.verdict, GatewayError) else InternalError()
        if attempt.sent:
            return Result(Ended.UNKNOWN, code=error.code)
        if isinstance(error, VaultUnavailable):
            raise VaultUnavailable
        return Result(Ended.FAILED, code=error.code)

    async def _run(
        self, operation: Operation, order: Order, exchange_id: str, attempt: _Attempt
    ) -> Result:
        if operation not in self.operations or order.product != self._product.name:
            raise OperationNotSupported
        sending = await self._sending(order)
        if operation is Operation.CUSTOMER:
            return await self._make_customer(sending, exchange_id)
        values = sending.values(operation, exchange_id, {})
        chosen = sending.head(self._rules.operations[operation], values)
        async with self._own.begun(
            exchange_id, chosen.head, client=order.client, product=order.product
        ) as exchange:
            attempt.exchange = exchange
            return await self._send(sending, chosen, values, exchange)

    async def _make_customer(self, sending: Sending, exchange_id: str) -> Result:
        customer = self._rules.customer
        if customer is None:
            raise OperationNotSupported
        values = sending.values(Operation.CUSTOMER, exchange_id, {})
        head, order = sending.head(customer.steps[:1], values).head, sending.order
        async with self._own.begun(
            exchange_id, head, client=order.client, product=order.product
        ) as exchange:
            got = await self._customers.of(sending, customer, exchange)
        return got if isinstance(got, Result) else Result(Ended.SUCCEEDED)

    async def _sending(self, order: Order) -> Sending:
        credentials = await self._credentials.read(order.product, self.name)
        if not set(self._rules.credentials) <= credentials.keys():
            raise CredentialsMissing
        product = self._product
        return Sending(self._rules, order, product.merchant, credentials, product.stand_ins)

    async def _send(
        self, sending: Sending, chosen: Chosen, values: dict[str, str], exchange: Exchange
    ) -> Result:
        customer, kept = self._rules.customer, None
        if chosen.request.uses_customer and customer is not None:
            got = await self._customers.of(sending, customer, exchange)
            if isinstance(got, Result):
                return got
            kept = got
            values = values | dict(kept)
        exchange.request.body = sending.body(chosen.request, values)
        response = await answer_to(self._own, exchange)
        reader = Reader(chosen.request.answer, response)
        if kept is not None and customer is not None and any(map(reader.says, customer.gone)):
            await self._customers.forget(sending, customer, kept)
        result = self._in_our_units(reader.result(), sending.order.currency)
        absent = result.code == ProcessorHasNone.code
        if not exchange.sent and (absent or result.ended not in _NOT_DONE):  # our own words
            return Result(Ended.FAILED, code=ProcessorRefused.code)
        if result.processor_id is None and chosen.request.known_as is not None:
            return replace(result, processor_id=chosen.request.known_as.fill(values))
        return result

    def _in_our_units(self, result: Result, currency: str) -> Result:
        """`result` with its amount as we count; `currency` where it names none."""
        if result.amount is None:
            return result
        ours = in_iso(result.amount, result.currency or currency, self._rules.exponents)
        return replace(result, amount=ours, sum_unreadable=result.sum_unreadable or ours is None)
