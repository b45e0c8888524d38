"""What happens to a message: admit → find → swap → guard → record. Read it top to bottom.

    connect   a CONNECT comes in: may this network ask for that host?     (nothing is dialled)
    admit     a request's head is there: who, which route, which product? (nothing is read or sent)
    direct    an endpoint with a protocol of its own: what is asked for, and of whom?
    send      the request is whole: tokens become cards (charge), or the processor's own tokens
              (later operations); cards become tokens (push)
    answer    the response is whole: cards become tokens (pull), echoes become aliases (charge), the
              processor's own tokens become ours again
    end       it is over, well or badly: audit outcome, metrics, one log line

Every refusal is a `GatewayError`; the engine's boundary answers it and forwards nothing. Nothing
here catches an unforeseen exception: the boundary does, once, for all of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Final

from gateway.access.admission import Admission
from gateway.codecs import open_document
from gateway.codecs.document import Document, Format
from gateway.codecs.encoding import decode_body
from gateway.errors import (
    CardDisguised,
    ClientGone,
    ExchangeUnknown,
    GatewayError,
    MessageForbidden,
    MessageMalformed,
    RouteUnknown,
    UpstreamInvalid,
    VaultUnavailable,
)
from gateway.exchange import Blind, Exchange, Peer, Request, Response, Tunnel
from gateway.garbage import Garbage
from gateway.headers import Headers
from gateway.log import event
from gateway.metrics import Metrics
from gateway.record import Recorder
from gateway.rules.model import (
    Direction,
    Harmless,
    Pair,
    PairExchange,
    Route,
    Shape,
    Tokenize,
)
from gateway.rules.watch import Rules
from gateway.stages import labels
from gateway.stages.admit import Admitting
from gateway.stages.exchange_tokens import TokenExchange
from gateway.stages.guard import (
    guard_body,
    guard_headers,
    guard_text,
    is_text,
    may_pass_unparsed,
)
from gateway.stages.inbox import UNREADABLE, Inbox, Keeping, read_headers
from gateway.stages.reading import read_harmless
from gateway.stages.swap import Swap
from gateway.stages.turns import Turns
from gateway.stages.without_codes import blank_codes, code_names
from gateway.threads import IN_THREAD, run
from gateway.vault.model import AnswerCameOut

_OURSELVES: Final = ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Stages:
    """What the pipeline works with; built once, in `worker.py`."""

    rules: Rules
    admitting: Admitting
    turns: Turns
    inbox: Inbox
    swap: Swap
    tokens: TokenExchange
    recorder: Recorder
    recapture: Callable[[str, bytes], Awaitable[None]] | None  # (client, an answer's body)
    metrics: Metrics
    garbage: Garbage
    body_limit: int  # bytes, once decoded


class Pipeline:
    """The one path of every exchange."""

    def __init__(self, stages: Stages) -> None:
        self._s = stages
        self._replaying = asyncio.Lock()

    # --- admit ----------------------------------------------------------------------------------

    def connect(self, peer: Peer, host: str, port: int, headers: Headers) -> Tunnel | Blind:
        """Admits a CONNECT. Raises what `Admitting.connect` raises."""
        return self._s.admitting.connect(peer, host, port, headers, self._s.rules.matcher)

    def admit(self, exchange: Exchange) -> None:
        """Admits a request by its head. Raises what `Admitting.admit` raises."""
        self._s.admitting.admit(exchange, self._s.rules.matcher)

    # --- request --------------------------------------------------------------------------------

    async def send(self, exchange: Exchange) -> None:
        """Turns the request into what may go upstream; `exchange.request` changes in place.

        A request that nothing is to be done with is not even decoded: its bytes are the caller's.
        """
        route, request = _route(exchange), exchange.request
        if exchange.channel is not None:
            body = await self._decoded(request)
            await run(len(body), self._s.admitting.direct, exchange, exchange.channel, route, body)
        if route.one_at_a_time is not None or route.inbox is not None:
            await self._look_at_poll(exchange, route)
            if exchange.response is not None:
                return  # it is answered from the inbox; nothing is asked of upstream
        if route.guards_request or not route.request.idle:
            with self._undisturbed(request):
                await self._take_in(exchange, route, request)

    async def _look_at_poll(self, exchange: Exchange, route: Route) -> None:
        """Some polls are made one at a time; some get an answer again that never arrived."""
        body = await self._decoded(exchange.request)
        document = None
        if body and (route.one_at_a_time or (route.inbox and route.inbox.again)):
            document = await self._open(exchange, route.shapes, body)
            turn = await run(len(body), self._s.turns.needed, route, document)
            self._s.turns.take(exchange, turn)
        exchange.poll = await run(len(body), self._s.inbox.poll_of, exchange, route, body, document)
        exchange.response = await self._s.inbox.again(exchange)

    async def _take_in(self, exchange: Exchange, route: Route, request: Request) -> None:
        rule = route.request
        body = decoded = await self._decoded(request)
        if self._s.admitting.reads_body(route):
            await run(len(body), self._s.admitting.check_body, exchange, route, body)
        if rule.tokenize:
            document = await self._open(exchange, rule.tokenize.shapes, body)
            batch = await self._s.swap.find(exchange, route, document, rule.tokenize, len(body))
            body = await self._s.swap.tokenize(exchange, route, batch, body)
        if rule.detokenize and body:  # a POST without a body has nothing to put a card into
            labels.check(request.headers, _format(rule.detokenize))
            document = await self._open(exchange, rule.detokenize, body)
            body = await self._s.swap.detokenize(exchange, route, document, rule.detokenize, body)
        if rule.exchange and body:
            labels.check(request.headers, _format(rule.exchange.pairs))
            document = await self._open(exchange, rule.exchange.pairs, body)
            body = await self._s.tokens.to_theirs(exchange, route, document, rule.exchange, body)
        if route.guards_request:
            request.path, found = guard_text(request.path, exchange.known)
            exchange.counts.guarded += found
            body = await run(len(body), self._guard, exchange, route, request.headers, body, rule)
        _put_body(request, decoded, body)

    # --- response -------------------------------------------------------------------------------

    async def answer(self, exchange: Exchange) -> None:
        """Turns the response into what the caller may see; `exchange.response` changes in place."""
        self._s.turns.give_back(exchange)
        route, response = _route(exchange), _response(exchange)
        if exchange.again or not route.guards_response:
            return
        as_it_came = Response(
            response.status, response.reason, Headers(response.headers.fields), response.body
        )
        try:
            with self._undisturbed(response):
                await self._give_back(exchange, route, response)
        except UNREADABLE as error:
            if route.inbox is not None:
                await self._quarantine(exchange, route, as_it_came, error)
            raise
        await self._look_for_recapture(exchange, route)

    async def _quarantine(
        self, exchange: Exchange, route: Route, answer: Response, error: GatewayError
    ) -> None:
        """Keeps an answer that was refused. One that can not be decoded may hold a security code."""
        try:
            answer.body = await self._decoded(answer)
        except GatewayError:
            event("answer_not_kept", level=logging.ERROR, exchange=exchange.id, code=error.code)
            return
        await self._s.inbox.refuse(exchange, route, answer, error.code)

    async def _look_for_recapture(self, exchange: Exchange, route: Route) -> None:
        """A partner may ask for another card in an answer. What goes wrong here keeps it from nobody."""
        response, admission = _response(exchange), exchange.admission
        if not route.recaptures or self._s.recapture is None or admission is None:
            return
        try:
            await self._s.recapture(admission.client, await self._decoded(response))
        except GatewayError as error:
            event("recapture_not_seen", level=logging.ERROR, exchange=exchange.id, code=error.code)

    async def _give_back(self, exchange: Exchange, route: Route, response: Response) -> None:
        body = decoded = await self._decoded(response)
        if route.response.harmless is not None and body:
            await self._note_harmless(exchange, route.response.harmless, body)
        rule = route.response.tokenize
        document = await self._parsed(exchange, rule, body) if rule and body else None
        if rule and document is not None:
            batch = await self._s.swap.find(exchange, route, document, rule, len(body))
            if route.inbox is not None and (batch.cards or batch.failed):
                finish = partial(self._finish, exchange, route, decoded)
                keeping = Keeping(self._s.inbox, exchange, route, batch, finish)
                await self._s.swap.tokenize_and_keep(exchange, route, batch, keeping)
                return
            body = await self._s.swap.tokenize(exchange, route, batch, body)
        if route.response.exchange and exchange.pairs and body:
            body = await self._put_back(exchange, route.response.exchange, body)
        await run(len(body), self._finish, exchange, route, decoded, body)

    async def _note_harmless(self, exchange: Exchange, harmless: Harmless, body: bytes) -> None:
        """What a rule calls no card. Of a message that can not be read nothing is known."""
        try:
            document = await run(len(body), open_document, harmless.format, body)
            exchange.documents.append((len(body), document))
            exchange.not_cards |= await run(len(body), read_harmless, document, harmless.at)
        except (MessageMalformed, MessageForbidden):
            return

    async def _parsed(self, exchange: Exchange, rule: Tokenize, body: bytes) -> Document | None:
        """An answer that can not be parsed passes only where nothing in it could be a card: None."""
        try:
            return await self._open(exchange, rule.shapes, body)
        except MessageMalformed:
            if not may_pass_unparsed(body, {n for shape in rule.shapes for n in _names(shape)}):
                raise
            return None

    def _finish(self, exchange: Exchange, route: Route, decoded: bytes, body: bytes) -> None:
        """The last look at an answer; then the body is in its place."""
        response = _response(exchange)
        if any(sign.isnumeric() for sign in response.reason):
            response.reason, found = guard_text(response.reason, exchange.known)
            exchange.counts.guarded += found
        body = self._guard(exchange, route, response.headers, body, route.response)
        if exchange.held:  # a code that the gateway put in is not for the caller's eyes
            body = blank_codes(body, code_names(route.request.detokenize))
        _put_body(response, decoded, body)

    async def _put_back(self, exchange: Exchange, rule: PairExchange, body: bytes) -> bytes:
        """An answer that can not be parsed has no pair in it that anybody could read."""
        try:
            document = await self._open(exchange, rule.pairs, body)
        except MessageMalformed:
            return body
        return await self._s.tokens.to_ours(exchange, document, rule, body)

    async def replay(self, client: str, name: str, key: str = "") -> str:
        """Runs an answer that was refused through today's rules; the id under which it is kept now.

        It is then undelivered, and can be had like any other. `key` is who asks for it. Raises
        `ExchangeUnknown`, and what refuses it again: then it stays where it is.
        """
        async with self._replaying:  # one after the other: each answer comes out once
            return await self._replay(client, name, key)

    async def _replay(self, client: str, name: str, key: str) -> str:
        exchange = Exchange(
            Peer(_OURSELVES, "endpoints", tls=False), Request("GET", None, "/", Headers())
        )
        exchange.admission = Admission(client, key, frozenset(), None)
        refused = await self._s.inbox.refused(
            name, client, self._s.swap.replayed(exchange, f"of {name}")
        )
        if refused is None:
            raise ExchangeUnknown
        routes = {route.id: route for route in self._s.rules.current.routes}
        route = routes.get(refused.route)
        if route is None:
            raise RouteUnknown
        response = Response(refused.status, "", read_headers(refused.headers), refused.body)
        # No more than whoever asked at first was permitted.
        exchange.admission = Admission(
            client, key, frozenset(), frozenset(refused.products) or None
        )
        exchange.route, exchange.response = route, response
        exchange.replays = name
        if len(refused.products) == 1:
            (exchange.product_named,) = refused.products
            exchange.product_fixed = route.protocol is not None
        try:
            await self._give_back(exchange, route, response)
            if not exchange.kept:
                await self._s.inbox.keep(exchange, route, refused.products)
        except AnswerCameOut:  # beside us, in another process
            raise ExchangeUnknown from None
        finally:
            self._s.inbox.ended(exchange, ClientGone())  # nobody has it yet
            for size, document in exchange.documents:
                await run(size, document.close)
        return exchange.id

    # --- find -----------------------------------------------------------------------------------

    async def _decoded(self, message: Request | Response) -> bytes:
        """The body without its content coding; the same object where it has none."""
        codings = message.headers.get_all("Content-Encoding")
        if not codings or not message.body:
            return message.body
        # Sixteen times is what XML shrinks by; a bomb grows more, and stops at the limit.
        grown = len(message.body) * 16
        return await run(grown, decode_body, message.body, codings, self._s.body_limit)

    async def _open(
        self, exchange: Exchange, shapes: Sequence[Shape | Pair], body: bytes
    ) -> Document:
        document = await run(len(body), open_document, _format(shapes), body)
        exchange.documents.append((len(body), document))
        return document

    def _undisturbed(self, message: Request | Response) -> AbstractContextManager[None]:
        """Big messages are not interrupted by garbage collection."""
        return self._s.garbage.held_off() if len(message.body) > IN_THREAD else nullcontext()

    # --- guard ----------------------------------------------------------------------------------

    def _guard(
        self, exchange: Exchange, route: Route, headers: Headers, body: bytes, rule: Direction
    ) -> bytes:
        """The last look at what leaves towards a side that may not see cards: headers and body."""
        shapes = rule.tokenize.shapes if rule.tokenize else ()
        format = _format(shapes) if shapes else labels.format_of(headers)
        try:
            exchange.counts.guarded += guard_headers(headers, exchange.known)
            if not body:
                return body
            if format is None and not is_text(body):
                raise MessageForbidden
            guarded = guard_body(body, format, exchange.known, exchange.not_cards)
        except CardDisguised:
            self._s.metrics.guard_findings.labels(route.id, "refused").inc()
            raise
        exchange.counts.guarded += guarded.masked
        exchange.counts.echoed += guarded.echoed
        return guarded.body

    # --- record ---------------------------------------------------------------------------------

    async def end(self, exchange: Exchange, error: GatewayError | None) -> None:
        """Once for each exchange, whatever became of it."""
        self._s.turns.give_back(exchange)
        self._s.inbox.ended(exchange, error)
        try:
            await self._put_back_codes(exchange)
            await self._s.recorder.end(exchange, error)
        finally:
            for size, document in exchange.documents:
                await run(size, document.close)

    async def _put_back_codes(self, exchange: Exchange) -> None:
        try:
            await self._s.swap.put_back(exchange)
        except VaultUnavailable as failure:
            event("cvc_lost", level=logging.ERROR, exchange=exchange.id, code=failure.code)

    def refused_head(self, peer: Peer, error: GatewayError) -> None:
        """Once for each request whose head was refused before it became an exchange."""
        self._s.recorder.refused_head(peer, error)

    async def refused_connect(self, peer: Peer, host: str, port: int, error: GatewayError) -> None:
        """Once for each CONNECT that was refused."""
        self._s.recorder.refused_connect(peer, host, port, error)


def _route(exchange: Exchange) -> Route:
    if exchange.route is None:  # nothing gets past `admit` without one
        raise RouteUnknown
    return exchange.route


def _response(exchange: Exchange) -> Response:
    if exchange.response is None:
        raise UpstreamInvalid
    return exchange.response


def _format(shapes: Sequence[Shape | Pair]) -> Format:
    return shapes[0].format  # the loader makes sure that they all have the same


def _names(shape: Shape) -> set[str]:
    """The names whose presence means "a card could be in here"."""
    steps = (*shape.card.steps[-1:], *shape.number.at.steps[-1:])
    return {step.name for step in steps if step.name is not None}


def _put_body(message: Request | Response, decoded: bytes, body: bytes) -> None:
    """Gives the message its new body. Where nothing changed it keeps its bytes and its coding."""
    if body != decoded:
        message.body = body
        message.headers.remove("Content-Encoding")
