"""Messages that the gateway refuses: kept as they came, without security codes, for another try.

What a rule, or the gateway, read wrong today is read once it is mended: `gateway/replay.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.audit import Entry
from gateway.errors import (
    BodyTooLarge,
    CardDisguised,
    CodingNotSupported,
    GatewayError,
    LabelWrong,
    MessageForbidden,
    MessageMalformed,
    MessageUnfit,
    VaultUnavailable,
)
from gateway.exchange import Exchange, Request, Response
from gateway.log import event
from gateway.rules.model import Route
from gateway.stages.kept_head import write_headers
from gateway.stages.messages import Messages
from gateway.stages.without_codes import USUAL_NAMES, without_codes
from gateway.threads import run
from gateway.vault.answer import Answer, AnswerState
from gateway.vault.model import ExchangeKnown
from gateway.vault.service import Vault

# What a message can be refused for that other rules, or a mended gateway, might read.
UNREADABLE: Final = (
    BodyTooLarge,
    CardDisguised,
    CodingNotSupported,
    LabelWrong,
    MessageForbidden,
    MessageMalformed,
    MessageUnfit,
)
_OF_A_PUSH: Final = 200  # it has no status; what is made of it is fetched with this one


class Quarantine:
    """The stage that keeps what was refused."""

    def __init__(
        self, *, vault: Vault, messages: Messages, clock: Callable[[], datetime], keep: timedelta
    ) -> None:
        self._vault, self._messages, self._clock, self.keep = vault, messages, clock, keep

    async def refuse(
        self,
        exchange: Exchange,
        route: Route,
        message: Request | Response,
        error: GatewayError,
        *,
        client: str = "",
        room: int | None = None,
    ) -> bool:
        """Keeps a message that is not given on: as it came, but without security codes. Whether it did.

        One in which nobody can tell what is a code, or that can not even be decoded, is not kept, nor
        is any while the vault is down. `client`: under whose name, where that is not the caller's; `room`: at
        most so many bytes, as they are kept.
        """
        decoded, head = await self._decoded(message), write_headers(message.headers)
        if decoded is not None and room is not None and len(head) + len(decoded) > room:
            _not_kept(
                exchange, message, error, why="no_room"
            )  # before it is searched, which takes longer
            return False
        body = None if decoded is None else await _without_codes(route, message, decoded)
        if exchange.admission is None or body is None:
            _not_kept(exchange, message, error)
            return False
        now = self._clock()
        kept = Answer(
            exchange=exchange.id,
            at=now,
            expires=now + self.keep,
            route=route.id,
            client=client or exchange.admission.client,
            products=_products_of_caller(exchange),
            hotels=(),
            echo=None,
            poll=None,
            failed=0,
            failures=(),
            status=message.status if isinstance(message, Response) else _OF_A_PUSH,
            headers=head,
            body=body,
        )
        try:
            await self._vault.answers.quarantine(kept, error.code)
        except ExchangeKnown:
            exchange.rename()
            return await self.refuse(exchange, route, message, error, client=client, room=room)
        except VaultUnavailable:
            _not_kept(exchange, message, error)
            return False
        return True

    async def refused(self, exchange: str, client: str, intent: Entry) -> Answer | None:
        """A refused answer, for another try; None when there is none, or it was tried and came out.

        It may hold clear cards: `intent` is durable before it is opened. Raises VaultUnavailable,
        RecordDamaged.
        """
        rows = await self._vault.answers.listed(
            states=(AnswerState.REFUSED,), client=client, exchange=exchange
        )
        if not rows:
            return None
        await self._vault.record([intent])
        return await self._vault.answers.open_refused(exchange, client=client)

    async def _decoded(self, message: Request | Response) -> bytes | None:
        try:
            return await self._messages.decoded(message)
        except GatewayError:
            return None


async def _without_codes(route: Route, message: Request | Response, body: bytes) -> bytes | None:
    if isinstance(message, Response):
        return await run(len(body), without_codes, body, route.shapes)
    rule = route.request.tokenize
    shapes = route.shapes if rule is None else rule.shapes
    return await run(len(body), without_codes, body, shapes, USUAL_NAMES)


def _not_kept(
    exchange: Exchange, message: Request | Response, error: GatewayError, **why: str
) -> None:
    name = "answer_not_kept" if isinstance(message, Response) else "push_not_kept"
    event(name, level=logging.ERROR, exchange=exchange.id, code=error.code, **why)


def _products_of_caller(exchange: Exchange) -> tuple[str, ...]:
    """Whose cards may be in an answer that nobody could read: whoever holds such a key may have it."""
    if exchange.product_named is not None:
        return (exchange.product_named,)
    products = exchange.admission.products if exchange.admission else None
    return tuple(sorted(products or ()))
