"""An exchange that we begin ourselves: through the pipeline's own steps, like everybody's.

1. It is admitted as the client for whom it is made: the route, its scope, the product are checked, and
   a token resolves for that product only.
2. What it holds is a token until `send`, which puts the card in, with the intent in the audit first.
3. It leaves through `outgoing.py`: the address that was classified, verified TLS, no redirect, nothing
   twice. Whether a part of it was sent is noted, whatever comes.
4. The answer is guarded before anybody reads it: an echoed card is a token again.
5. It ends once, however it ends: audit outcome, metrics, one log line, a security code put back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from time import perf_counter
from typing import Final, Protocol

from gateway.access.admission import Admission
from gateway.errors import ClientGone, GatewayError, RouteUnknown
from gateway.exchange import Exchange, Peer, Request, Response
from gateway.outgoing import Answer, Call
from gateway.pipeline import Pipeline
from gateway.secret import Secret

_OURSELVES: Final = Peer(ip_address("127.0.0.1"), "proxy", tls=False)
# What a route that puts cards in, or exchanges tokens, asks of a key.
_SCOPES: Final = frozenset({"proxy", "detokenize"})


class Calls(Protocol):
    """Who makes our calls."""

    async def call(self, call: Call) -> Answer:
        """The partner's answer, or an Upstream… error."""


class OwnExchanges:
    """Begins, sends and ends them."""

    def __init__(self, pipeline: Pipeline, calls: Calls) -> None:
        self._pipeline, self._calls = pipeline, calls

    @asynccontextmanager
    async def begun(
        self, id: str, request: Request, *, client: str, product: str
    ) -> AsyncIterator[Exchange]:
        """One that is admitted; it ends with the block, as refused by what the block raises.

        Raises RouteUnknown where no route takes it, ScopeMissing, TargetAmbiguous, ProductUnknown.
        """
        exchange = Exchange(_OURSELVES, request, id=id, product_named=product)
        admission = Admission(client, "", _SCOPES, frozenset({product}))
        error: GatewayError | None = ClientGone()  # whoever waits for it is gone: cancelled
        try:
            self._pipeline.admit_ours(exchange, admission)
            yield exchange
            error = None
        except GatewayError as refusal:
            error = refusal
            raise
        finally:
            await self._pipeline.end(exchange, error)

    async def send(self, exchange: Exchange) -> Response:
        """Sends the request, whole, and gives the answer, guarded; `exchange.sent` tells how far it
        came, whatever is raised: the refusals of the pipeline, and the Upstream… errors."""
        await self._pipeline.send(exchange)
        request = exchange.request
        if request.authority is None or exchange.response is not None:
            raise RouteUnknown  # a route that answers by itself is no way to anybody
        call = Call(
            request.method, request.authority, request.path, request.headers, Secret(request.body)
        )
        started = perf_counter()
        try:
            answer = await self._calls.call(call)
        finally:
            exchange.sent = call.sent
            exchange.seconds["upstream"] = perf_counter() - started
        response = Response(answer.status, "", answer.headers, answer.body.reveal())
        exchange.response = response
        await self._pipeline.answer(exchange)
        return response
