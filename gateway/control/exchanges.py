"""`/v1/exchanges`: answers that are kept until their client has them, and those that were refused.

    scope      sees
    proxy      the exchanges of its client whose products are all among the key's
    admin      those of every client, named by `client=`; still only the key's products

An answer itself is for the client whose it is: an administrator who needs none of its guests' data
gets none, and a refused answer, which may hold clear cards, is given to nobody. What the caller may
not see is not there: 404, not 403.

Replayed under an Idempotency-Key, an answer has its new id before it is let through: whoever asks again,
after a crash too, is told that id. To acknowledge twice is to acknowledge once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Protocol

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.audit import Action, Entry, Outcome
from gateway.control import problems
from gateway.control.caller import Caller, needs
from gateway.control.document import STILL_REFUSED, Responses, refusals
from gateway.control.handed import Handed
from gateway.control.idempotency import ONCE, InFlight
from gateway.control.kept_exchange import KeptExchange
from gateway.errors import (
    AnswerNotRefused,
    AnswerOfAnother,
    AnswerRefused,
    ExchangeUnknown,
    GatewayError,
    IdempotencyKeyReused,
    RecordDamaged,
    RequestInProgress,
    ScopeMissing,
    VaultUnavailable,
)
from gateway.exchange import new_id
from gateway.log import event
from gateway.secret import Secret
from gateway.vault.answer import AnswerRow, AnswerState
from gateway.vault.answers import AnswerTable
from gateway.vault.idempotency import Once
from gateway.vault.requests import Requests

LONGEST: Final = 100  # characters of a hotel or an EchoToken
MOST: Final = 1000  # rows of one list
ROUTE: Final = "control/exchanges"  # in the audit
_REPEATED: Final = (RequestInProgress, IdempotencyKeyReused)
# An answer may have bookings of several products: who may know of it is asked of the answer itself.
_OF_NONE: Final = frozenset({""})

# What a client has to fetch or to confirm; what was refused it can do nothing about.
_UNACKNOWLEDGED: Final = (AnswerState.UNDELIVERED, AnswerState.DELIVERED, AnswerState.REPLAYED)

MayRead = Annotated[Caller, Depends(needs("proxy", "admin"))]
MayReplay = Annotated[Caller, Depends(needs("admin"))]
Client = Annotated[
    str | None,
    Query(max_length=LONGEST, description="Whose it is, for administrators. Default: the key's."),
]
Time = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(9000, 1, 1, tzinfo=UTC))
]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]


_AS_SENT: Final[Responses] = {
    "default": {
        "description": "What the partner answered, and this gateway made of it: any status and type.",
        "content": {"*/*": {}},
    }
}


class Search(BaseModel):
    """Which exchanges to list, newest first: those that fit everything that is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: list[AnswerState | Literal["unacknowledged"]] = Field(
        default=[],
        description="May be repeated. `unacknowledged`: undelivered, delivered, replayed.",
    )
    hotel: Text | None = None
    echo: Text | None = Field(default=None, description="The message's EchoToken.")
    since: Time | None = Field(
        default=None, description="A time with its zone: 2026-03-01T12:00:00Z"
    )
    failed: bool | None = Field(
        default=None, description="true: a card in it got no token. false: each got one."
    )
    limit: int = Field(default=100, ge=1, le=MOST)
    client: Text | None = Field(default=None, description="For administrators. Default: all.")

    def states(self) -> frozenset[AnswerState]:
        """The states that are meant; none named: all."""
        named = {one for one in self.state if isinstance(one, AnswerState)}
        if "unacknowledged" in self.state:
            named |= set(_UNACKNOWLEDGED)
        return frozenset(named or AnswerState)


class Replay(Protocol):
    """Lets a refused answer through today's rules: `gateway/replay.py`."""

    async def __call__(
        self, client: str, exchange: str, key: str = "", kept_as: str | None = None, /
    ) -> str:
        """The id of the exchange under which the rewritten answer is kept now, durable: `kept_as`, or
        one of its own.

        Raises ExchangeUnknown; the `GatewayError` for which it is still refused; VaultUnavailable.
        """


class Replayed(BaseModel):
    """A refused answer that went through the rules, and the exchange under which it is kept now."""

    exchange: str
    client: str


class Exchanges:
    """The part of the control API."""

    def __init__(
        self,
        answers: AnswerTable,
        replay: Replay,
        requests: Requests,
        clock: Callable[[], datetime],
    ) -> None:
        self._answers, self._replay, self._clock = answers, replay, clock
        self._requests, self._in_flight = requests, InFlight()
        self.router = APIRouter(prefix="/exchanges", tags=["exchanges"])
        add = self.router.add_api_route
        one = (ExchangeUnknown, AnswerOfAnother, AnswerRefused, RecordDamaged)
        add("", self.listed, methods=["GET"], summary="List", responses=refusals())
        add(
            "/{id}",
            self.shown,
            methods=["GET"],
            summary="One exchange",
            responses=refusals(ExchangeUnknown),
        )
        add(
            "/{id}/answer",
            self.answer,
            methods=["GET"],
            summary="Its answer, once more",
            response_class=Response,
            responses=refusals(*one) | _AS_SENT,
        )
        add(
            "/{id}/acknowledge",
            self.acknowledge,
            methods=["POST"],
            summary="The client has it",
            responses=refusals(*one),
        )
        add(
            "/{id}/replay",
            self.replay,
            methods=["POST"],
            summary="A refused one, by today's rules",
            response_model=Replayed,
            openapi_extra=ONCE,
            responses=refusals(ExchangeUnknown, AnswerNotRefused, RecordDamaged, *_REPEATED)
            | STILL_REFUSED,
        )

    async def listed(
        self, caller: MayRead, search: Annotated[Search, Query()]
    ) -> list[KeptExchange]:
        """What is kept, newest first, with what to do about what was not delivered, was refused, or
        has a card in it that failed."""
        client = search.client
        if not caller.is_admin:
            if client not in {None, caller.client}:
                raise ScopeMissing
            client = caller.client
        rows = await self._answers.listed(
            states=search.states(),
            products=caller.products,
            client=client,
            hotel=search.hotel,
            echo=search.echo,
            since=search.since,
            failed=search.failed,
            limit=search.limit,
        )
        return [KeptExchange.of(row) for row in rows]

    async def shown(self, id: str, caller: MayRead, client: Client = None) -> KeptExchange:
        """What is known of it: nothing of the answer itself."""
        return KeptExchange.of(await self._row(id, caller, client))

    async def answer(self, id: str, caller: MayRead, client: Client = None) -> Response:
        """The answer as it would have been delivered: status, headers, body; all but
        `Cache-Control` and what belongs to a connection. From then on it is `replayed`.

        Only for the client whose it is, and never one that was refused. The intent is in the audit
        before it is opened, its end once all of it was handed over.
        """
        row = await self._own(id, caller, client)
        if row.code:
            raise AnswerRefused
        intent = replace(self._entry(caller, row, Action.FETCH), outcome=Outcome.INTENT)
        answer = await self._answers.fetch(id, client=row.client, intent=intent)
        if answer is None:
            raise ExchangeUnknown

        async def handed() -> None:
            event("answer_replayed", exchange=id, client=row.client, key=caller.key_id)
            done = self._entry(caller, row, Action.FETCH)
            await self._answers.reached(id, AnswerState.REPLAYED, client=row.client, entry=done)

        return Handed(answer, handed)

    async def acknowledge(self, id: str, caller: MayRead, client: Client = None) -> KeptExchange:
        """Notes that the client has the answer and needs it no more; again: nothing changes."""
        row = await self._own(id, caller, client)
        if row.state is AnswerState.REFUSED:
            raise AnswerRefused
        done = self._entry(caller, row, Action.ACKNOWLEDGE)
        await self._answers.reached(id, AnswerState.ACKNOWLEDGED, client=row.client, entry=done)
        return KeptExchange.of(await self._row(id, caller, client))

    async def replay(
        self, id: str, caller: MayReplay, request: Request, client: Client = None
    ) -> Response | Replayed:
        """Lets a refused answer through today's rules: it is undelivered then, under another id. Or
        why it is still refused, as its client would have been told.
        """
        with self._in_flight.once(request, caller.client, _OF_NONE, Secret(b"")) as once:
            entry = caller.intends(Action.REPLAY, ROUTE, self._clock())
            before = await self._requests.repeated(entry, once)
            if before is None:
                return await self._let_through(id, caller, client, once)
            said = Replayed.model_validate_json(before)
            if await self._found(said.exchange, caller, client) is not None:
                return said
            return await self._let_through(id, caller, client, once, said.exchange)

    async def _let_through(
        self,
        id: str,
        caller: Caller,
        client: str | None,
        once: Once | None,
        begun: str | None = None,
    ) -> Response | Replayed:
        """`begun`: the id that it was to have when it was tried before, and did not come to an end."""
        row = await self._row(id, caller, client)
        if row.state is not AnswerState.REFUSED:
            raise AnswerNotRefused
        kept_as = begun or new_id()
        said = Replayed(exchange=kept_as, client=row.client)
        if begun is None:
            await self._requests.stands(once, "", said.model_dump_json().encode())
        try:
            kept = await self._replay(row.client, id, caller.key_id, kept_as)
        except (ExchangeUnknown, VaultUnavailable):
            raise
        except GatewayError as error:
            await self._requests.forget(once)
            return problems.answer(error, phase="response")
        event("answer_passed", exchange=kept, client=row.client, key=caller.key_id)
        return Replayed(exchange=kept, client=row.client)

    def _entry(self, caller: Caller, row: AnswerRow, action: Action) -> Entry:
        """The audit's entry of something that `caller` did with an answer."""
        return Entry(
            at=self._clock(),
            exchange=row.exchange,
            action=action,
            outcome=Outcome.DONE,
            client=caller.client,
            key=caller.key_id,
            origin=caller.origin,
            route=row.route,
            product=row.product,
        )

    async def _row(self, id: str, caller: Caller, client: str | None) -> AnswerRow:
        """The exchange, if the caller may know of it. Raises ExchangeUnknown."""
        found = await self._found(id, caller, client)
        if found is None:
            raise ExchangeUnknown
        return found

    async def _found(self, id: str, caller: Caller, client: str | None) -> AnswerRow | None:
        whose = client or caller.client
        if whose == caller.client or caller.is_admin:
            rows = await self._answers.listed(
                products=caller.products, client=whose, exchange=id, limit=1
            )
            if rows:
                return rows[0]
        return None

    async def _own(self, id: str, caller: Caller, client: str | None) -> AnswerRow:
        """The exchange, if it is the caller's. Raises ExchangeUnknown; AnswerOfAnother for what the
        caller may know of, but not have."""
        row = await self._row(id, caller, client)
        if row.client != caller.client:
            raise AnswerOfAnother
        return row
