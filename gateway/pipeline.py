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

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.access.admission import Admission
from gateway.codecs.document import Document
from gateway.codecs.envelope import Layout
from gateway.codecs.first_sign import first_sign, sign_of
from gateway.errors import (
    GatewayError,
    MessageForbidden,
    MessageMalformed,
    RouteUnknown,
    UpstreamInvalid,
    VaultUnavailable,
)
from gateway.exchange import Blind, Exchange, Peer, Request, Response, Tunnel
from gateway.headers import Headers
from gateway.log import event
from gateway.record import Recorder
from gateway.rules.model import Route
from gateway.rules.model_directions import Harmless, Opaque, PairExchange, Tokenize
from gateway.rules.model_shapes import Shape
from gateway.rules.watch import Rules
from gateway.stages import formats, labels, opaque
from gateway.stages.admit import Admitting
from gateway.stages.cards_in import CardsIn
from gateway.stages.exchange_tokens import TokenExchange
from gateway.stages.guard import may_pass_unparsed
from gateway.stages.inbox import Inbox
from gateway.stages.keeping import Keeping
from gateway.stages.kept_pushes import KeptPushes
from gateway.stages.last_look import LastLook
from gateway.stages.messages import (
    Messages,
    close_all,
    holds_nothing,
    layout_of,
    open_in,
    parses,
    put_body,
)
from gateway.stages.poll import poll_of
from gateway.stages.quarantine import UNREADABLE, Quarantine
from gateway.stages.reading import read_harmless
from gateway.stages.swap import Swap
from gateway.stages.turns import Turns
from gateway.stages.without_codes import code_names
from gateway.threads import run


@dataclass(frozen=True, slots=True)
class Stages:
    """What the pipeline works with; built once, in `assembly.py`."""

    rules: Rules
    admitting: Admitting
    turns: Turns
    messages: Messages
    inbox: Inbox
    quarantine: Quarantine
    pushes: KeptPushes
    swap: Swap
    cards_in: CardsIn
    tokens: TokenExchange
    last_look: LastLook
    recorder: Recorder
    recapture: Callable[[str, bytes], Awaitable[None]] | None  # (client, an answer's body)


class Pipeline:
    """The one path of every exchange."""

    def __init__(self, stages: Stages) -> None:
        self._s = stages

    # --- admit ----------------------------------------------------------------------------------

    def connect(self, peer: Peer, host: str, port: int, headers: Headers) -> Tunnel | Blind:
        """Admits a CONNECT. Raises what `Admitting.connect` raises."""
        return self._s.admitting.connect(peer, host, port, headers, self._s.rules.matcher)

    def admit(self, exchange: Exchange) -> None:
        """Admits a request by its head. Raises what `Admitting.admit` raises."""
        self._s.admitting.admit(exchange, self._s.rules.matcher)

    def admit_ours(self, exchange: Exchange, admission: Admission) -> None:
        """Admits a request that we make ourselves. Raises what `Admitting.admit_ours` raises."""
        self._s.admitting.admit_ours(exchange, admission, self._s.rules.matcher)

    # --- request --------------------------------------------------------------------------------

    async def send(self, exchange: Exchange) -> None:
        """Turns the request into what may go upstream; `exchange.request` changes in place.

        A request that nothing is to be done with is not even decoded: its bytes are the caller's.
        """
        route, request = _route(exchange), exchange.request
        self._s.admitting.again(exchange)
        if route.response.tokenize or not route.request.idle:
            self._s.swap.may_begin()
        if exchange.channel is not None:
            body = await self._s.messages.decoded(request)
            await run(len(body), self._s.admitting.direct, exchange, exchange.channel, route, body)
        if route.one_at_a_time is not None or route.inbox is not None:
            await self._look_at_poll(exchange, route)
            if exchange.response is not None:
                return  # it is answered from the inbox; nothing is asked of upstream
        if route.guards_request or not route.request.idle:
            with self._s.messages.undisturbed(request):
                await self._take_or_keep(exchange, route, request)

    async def _take_or_keep(self, exchange: Exchange, route: Route, request: Request) -> None:
        try:
            await self._take_in(exchange, route, request)
        except UNREADABLE as error:
            if route.keeps_pushes:
                await self._s.pushes.refuse(exchange, route, request, error)
            raise

    async def _look_at_poll(self, exchange: Exchange, route: Route) -> None:
        """Some polls are made one at a time; some get an answer again that never arrived."""
        body = await self._s.messages.decoded(exchange.request)
        document = None
        if body and (route.one_at_a_time or (route.inbox and route.inbox.again)):
            document = await open_in(exchange, Layout(route.shapes[0].format), body)
            turn = await run(len(body), self._s.turns.needed, route, document)
            self._s.turns.take(exchange, turn)
        exchange.poll = await run(len(body), poll_of, exchange, route, body, document)
        exchange.response = await self._s.inbox.again(exchange)

    async def _take_in(self, exchange: Exchange, route: Route, request: Request) -> None:
        body = decoded = await self._s.messages.decoded(request)
        if self._s.admitting.reads_body(route):
            await run(len(body), self._s.admitting.check_body, exchange, route, body)
        route = formats.for_request(route, request.headers, body)
        rule = route.request
        if rule.opaque and body:
            if rule.opaque.format is not None:
                labels.check(request.headers, rule.opaque.format)
            await self._refuse_opaque(exchange, rule.opaque, body)
        if rule.tokenize and not await holds_nothing(route, rule, body):
            layout = layout_of(rule.tokenize.shapes)
            labels.check_boundary(request.headers, layout.outer, body)
            document = await open_in(exchange, layout, body)
            batch = await self._s.swap.find(exchange, route, document, rule.tokenize, len(body))
            body = await self._s.swap.tokenize(exchange, route, batch, body)
        if rule.detokenize and body:  # a POST without a body has nothing to put a card into
            layout, before = layout_of(rule.detokenize), body
            labels.check(request.headers, layout.outer, body)
            labels.check_boundary(request.headers, layout.outer, body)
            document = await open_in(exchange, layout, body)
            body = await self._s.cards_in.detokenize(
                exchange, route, document, rule.detokenize, body
            )
            labels.check_written(request.headers, layout.outer, before, body)
        if rule.exchange and body:
            labels.check(request.headers, layout_of(rule.exchange.pairs).outer)
            document = await open_in(exchange, layout_of(rule.exchange.pairs), body)
            body = await self._s.tokens.to_theirs(exchange, route, document, rule.exchange, body)
        if route.guards_request:
            body = await run(len(body), self._s.last_look.request, exchange, route, request, body)
        put_body(request, decoded, body)

    async def _refuse_opaque(self, exchange: Exchange, rule: Opaque, body: bytes) -> None:
        """Nothing that could not be looked into goes on, and nothing of it is swapped before."""
        if rule.format is None:
            raise opaque.refuse(rule)
        document = await open_in(exchange, Layout(rule.format), body)
        await run(len(body), opaque.check, document, rule)

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
            with self._s.messages.undisturbed(response):
                await self.rewrite(exchange, route, response)
        except UNREADABLE as error:
            if route.inbox is not None:
                await self._s.quarantine.refuse(exchange, route, as_it_came, error)
            raise
        await self._look_for_recapture(exchange, route)

    async def rewrite(self, exchange: Exchange, route: Route, response: Response) -> None:
        """Turns a route's answer into what may leave it; where it is kept, it is so with its tokens.

        Raises what refuses it, and AnswerCameOut (see `Vault.keep`).
        """
        body = decoded = await self._s.messages.decoded(response)
        whole, route = route, formats.for_answer(route, response.headers, body)
        if route.response.opaque and body:
            await self._refuse_opaque(exchange, route.response.opaque, body)
        if body:
            await self._note_harmless(exchange, route.response.harmless, body)
        rule = route.response.tokenize
        if rule and rule.header:
            response.headers.remove(rule.header)  # what stands there is our word alone
        document = None
        if rule and body and not await holds_nothing(route, route.response, body):
            document = await self._parsed(exchange, rule, whole.response.shapes, body)
        if rule and document is not None:
            labels.check_boundary(response.headers, layout_of(rule.shapes).outer, body)
            batch = await self._s.swap.find(exchange, route, document, rule, len(body))
            if route.inbox is not None and not batch.is_empty:
                finish = partial(self._s.last_look.response, exchange, route, response, decoded)
                keeping = Keeping(self._s.inbox, exchange, route, batch, finish)
                await self._s.swap.tokenize_and_keep(exchange, route, batch, keeping)
                return
            body = await self._s.swap.tokenize(exchange, route, batch, body)
        if route.response.exchange and exchange.pairs and body:
            body = await self._put_back(exchange, route.response.exchange, body)
        look = self._s.last_look.response
        await run(len(body), look, exchange, route, response, decoded, body)

    async def _note_harmless(
        self, exchange: Exchange, told: Sequence[Harmless], body: bytes
    ) -> None:
        """What a rule calls no card, in the message's own format. Of one that can not be read nothing is known."""
        sign = first_sign(body) if len(told) > 1 else None
        for harmless in told:
            if len(told) > 1 and sign != sign_of(harmless.format):
                continue
            try:
                document = await open_in(exchange, Layout(harmless.format), body)
                exchange.not_cards |= await run(len(body), read_harmless, document, harmless.at)
            except (MessageMalformed, MessageForbidden):
                continue

    async def _parsed(
        self, exchange: Exchange, rule: Tokenize, shapes: Sequence[Shape], body: bytes
    ) -> Document | None:
        """An answer that can not be parsed passes only where nothing in it could be a card by the names of
        `shapes`, whatever format they are of: None."""
        layout = layout_of(rule.shapes)
        try:
            return await open_in(exchange, layout, body)
        except MessageMalformed:
            # What an envelope holds could be a card in any spelling, whatever it looks like.
            if len(layout.envelopes) > 0 and await run(len(body), parses, layout.outer, body):
                raise
            names = {name for shape in shapes for name in _names(shape)}
            if not may_pass_unparsed(body, names, code_names(shapes)):
                raise
            return None

    async def _put_back(self, exchange: Exchange, rule: PairExchange, body: bytes) -> bytes:
        """An answer that can not be parsed has no pair in it that anybody could read."""
        try:
            document = await open_in(exchange, layout_of(rule.pairs), body)
        except MessageMalformed:
            return body
        return await self._s.tokens.to_ours(exchange, document, rule, body)

    async def _look_for_recapture(self, exchange: Exchange, route: Route) -> None:
        """A partner may ask for another card in an answer. What goes wrong here keeps it from nobody."""
        response, admission = _response(exchange), exchange.admission
        if not route.recaptures or self._s.recapture is None or admission is None:
            return
        try:
            await self._s.recapture(admission.client, await self._s.messages.decoded(response))
        except GatewayError as error:
            event("recapture_not_seen", level=logging.ERROR, exchange=exchange.id, code=error.code)

    # --- record ---------------------------------------------------------------------------------

    async def end(self, exchange: Exchange, error: GatewayError | None) -> None:
        """Once for each exchange, whatever became of it."""
        self._s.turns.give_back(exchange)
        self._s.inbox.ended(exchange, error)
        try:
            if exchange.held:
                await self._put_back_codes(exchange)
            await self._s.recorder.end(exchange, error)
        finally:
            await close_all(exchange)

    async def _put_back_codes(self, exchange: Exchange) -> None:
        try:
            await self._s.cards_in.put_back(exchange)
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


def _names(shape: Shape) -> set[str]:
    """The names whose presence means "a card could be in here"."""
    ends = [path.steps[-1] for path in (*shape.cards, *shape.number.places) if path.steps]
    names = {step.name for step in ends if step.name is not None}
    # A form's row is told by what stands before its index: `cards`, and `number` of `[number]`.
    return {
        name.partition("[*]")[0].strip("[]") if name[0] == "[" or "[*]" in name else name
        for name in names
    }
