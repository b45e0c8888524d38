"""An answer that was refused, once more: through today's rules, by the pipeline's own steps.

So is a push: by its route's rule, as if it were an answer. It is kept with its tokens then, for the operator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from gateway.access.admission import Admission
from gateway.audit import Action, Outcome
from gateway.errors import ClientGone, ExchangeUnknown, RouteUnknown
from gateway.exchange import Exchange, Peer, Request, Response, new_id
from gateway.headers import Headers
from gateway.pipeline import Pipeline
from gateway.rules.model import Route
from gateway.rules.watch import Rules
from gateway.stages.formats import chosen
from gateway.stages.inbox import Inbox
from gateway.stages.kept_head import read_headers
from gateway.stages.kept_pushes import as_an_answer
from gateway.stages.messages import close_all, layout_of, open_in
from gateway.stages.opening import entry_of
from gateway.stages.quarantine import Quarantine
from gateway.vault.answer import Answer
from gateway.vault.model import AnswerCameOut

_OURSELVES: Final = Peer(ip_address("127.0.0.1"), "endpoints", tls=False)


class Replay:
    """Lets refused answers through the rules. What comes out is undelivered, and can be had like any
    other."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        quarantine: Quarantine,
        inbox: Inbox,
        rules: Rules,
        clock: Callable[[], datetime],
    ) -> None:
        self._pipeline, self._quarantine, self._inbox = pipeline, quarantine, inbox
        self._rules, self._clock = rules, clock
        self._one_at_a_time = asyncio.Lock()

    async def __call__(
        self, client: str, name: str, key: str = "", kept_as: str | None = None
    ) -> str:
        """The id under which the answer that was refused as `name` is kept now: `kept_as`, or one of
        its own.

        `key` is who asks for it. Raises `ExchangeUnknown` where there is none, or it came out already;
        `RouteUnknown`, `VaultUnavailable`; and what refuses it again: then it stays where it is.
        """
        async with (
            self._one_at_a_time
        ):  # the second finds nothing to open; the vault sees to the rest
            exchange = Exchange(
                _OURSELVES,
                Request("GET", None, "/", Headers()),
                id=kept_as or new_id(),
                replays=name,
            )
            try:
                await self._let_through(exchange, client, key)
            except AnswerCameOut:  # in another process, meanwhile
                raise ExchangeUnknown from None
            finally:
                self._inbox.ended(exchange, ClientGone())  # nobody has it yet
                await close_all(exchange)
            return exchange.id

    async def _let_through(self, exchange: Exchange, client: str, key: str) -> None:
        refused = await self._refused(exchange, client, key)
        route = exchange.route = self._route(refused)
        exchange.came = refused.at
        # No more than whoever asked at first was permitted.
        products = frozenset(refused.products) or None
        exchange.admission = Admission(client, key, frozenset(), products)
        if len(refused.products) == 1:
            (exchange.product_named,) = refused.products
            exchange.product_fixed = route.protocol is not None
        response = Response(refused.status, "", read_headers(refused.headers), refused.body)
        exchange.response = response
        if refused.is_push:
            await self._must_parse(exchange, route, refused)
        await self._pipeline.rewrite(exchange, route, response)
        if not exchange.kept:
            await self._inbox.keep(exchange, route, refused.products)

    @staticmethod
    async def _must_parse(exchange: Exchange, route: Route, push: Answer) -> None:
        """An answer that can not be read may pass where no card can be in it; a push may not."""
        rule = chosen(route.response, read_headers(push.headers), push.body).tokenize
        if rule is None:
            raise RouteUnknown  # no rule of today's is for it
        await open_in(exchange, layout_of(rule.shapes), push.body)

    async def _refused(self, exchange: Exchange, client: str, key: str) -> Answer:
        exchange.admission = Admission(client, key, frozenset(), None)
        entry = entry_of(exchange, "", Action.REPLAY, self._clock())
        intent = replace(entry, outcome=Outcome.INTENT, detail=f"of {exchange.replays}")
        refused = await self._quarantine.refused(exchange.replays, client, intent)
        if refused is None:
            raise ExchangeUnknown
        return refused

    def _route(self, refused: Answer) -> Route:
        for route in self._rules.current.routes:
            if route.id == refused.route:
                return as_an_answer(route) if refused.is_push else route
        raise RouteUnknown
