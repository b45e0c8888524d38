"""A recorded exchange put through the pipeline, with nothing at its other ends.

The path of a message is `gateway/pipeline.py` itself: coding, labels, codecs, shapes, the guard, in its order.
What it would ask the vault or a processor is invented (`rehearsal_stages.py`). Not rehearsed, for no recording
has it: keys, networks, the map of hotels, products, which address a host has.

Nothing is sent. There is not even an event loop that could: the pipeline's coroutines are run to their end
right here, and what it would do in a thread is done at once.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final, Literal, TypeVar, cast

from gateway.access.admission import Admission
from gateway.cards.card import Failure
from gateway.cli.recorded import Recorded
from gateway.cli.rehearsal_stages import (
    ExampleCards,
    InventedFilling,
    InventedPairs,
    InventedTokens,
    NobodyToAdmit,
    NoPushesKept,
    NothingKept,
    NothingQuarantined,
    NothingRecorded,
)
from gateway.config import LimitSettings
from gateway.errors import BodyTooLarge, GatewayError
from gateway.exchange import Authority, Counts, Exchange, Peer, Request, Response
from gateway.garbage import Garbage
from gateway.headers import Headers
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline, Stages
from gateway.rules.model import Route
from gateway.rules.watch import Rules
from gateway.stages.last_look import LastLook
from gateway.stages.messages import Messages, close_all
from gateway.stages.turns import Turns

T = TypeVar("T")

_WHO: Final = Admission("rehearsal", "", frozenset({"proxy", "detokenize"}), None)
_NOWHERE: Final = Authority("https", "nowhere.invalid", 443)
Phase = Literal["request", "response"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would become of one exchange on its route."""

    route: Route
    refused: GatewayError | None = None
    phase: Phase = "request"  # in which it is refused
    counts: Counts = field(default_factory=Counts)
    failures: tuple[Failure, ...] = ()  # of cards, in the message's order
    changed: tuple[Phase, ...] = ()  # whose body changes
    unseen: tuple[Phase, ...] = ()  # whose body was not recorded, and would have been looked at
    bodies: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)  # as they would leave


class Rehearsal:
    """The pipeline of a gateway that is not there."""

    def __init__(self, rules: Rules, limit: int | None = None) -> None:
        """`limit`: bytes of a body, once decoded; as in `limits.body`."""
        metrics, self._limit = Metrics(), limit or LimitSettings().body
        self._filling = InventedFilling()
        drawn = _draws_digits(rules)
        self._pipeline = Pipeline(
            Stages(
                rules=rules,
                admitting=NobodyToAdmit(),
                turns=Turns(),
                messages=Messages(Garbage(), self._limit),
                inbox=NothingKept(),
                quarantine=NothingQuarantined(),
                pushes=NoPushesKept(),
                swap=InventedTokens(metrics, self._filling, digits_drawn=drawn),
                cards_in=ExampleCards(),
                tokens=InventedPairs(),
                last_look=LastLook(metrics),
                recorder=NothingRecorded(),
                recapture=None,
            )
        )

    def play(self, route: Route, asked: Recorded | None, answer: Recorded | None) -> Outcome:
        """What becomes of an exchange on `route`; either message may be absent.

        A message whose body was not recorded is left out, and named. Raises nothing that it foresees:
        a refusal is an outcome.
        """
        exchange = _exchange(route, asked)
        unseen: list[Phase] = []
        changed: list[Phase] = []
        self._filling.failures.clear()
        refused: GatewayError | None = None
        phase: Phase = "request"
        if asked is not None and not asked.complete and looks_at(route, "request"):
            unseen.append("request")
        elif asked is not None:
            refused = run_here(self._step(self._pipeline.send, exchange, exchange.request))
            if exchange.request.body != asked.body:
                changed.append("request")
        if answer is not None and refused is None:
            phase = "response"
            if not answer.complete and looks_at(route, "response"):
                unseen.append("response")
            else:
                exchange.response = Response(
                    answer.status, "", Headers(answer.headers.fields), answer.body
                )
                step = self._step(self._pipeline.answer, exchange, exchange.response)
                refused = run_here(step)
                if exchange.response.body != answer.body:
                    changed.append("response")
        run_here(close_all(exchange))
        response = exchange.response.body if exchange.response and refused is None else b""
        return Outcome(
            route, refused, phase, exchange.counts, tuple(self._filling.failures), tuple(changed),
            tuple(unseen), (exchange.request.body, response),
        )  # fmt: skip

    async def _step(
        self,
        step: Callable[[Exchange], Coroutine[Any, Any, None]],
        exchange: Exchange,
        message: Request | Response,
    ) -> GatewayError | None:
        try:
            if len(message.body) > self._limit:  # the engine reads no further
                raise BodyTooLarge
            await step(exchange)
        except GatewayError as error:
            return error
        return None


def _draws_digits(rules: Rules) -> bool:
    """Whether any route shows cards by tokens of digits."""
    sides = (
        side.tokenize
        for pack in rules.current.packs
        for route in pack.routes
        for side in (route.request, route.response)
    )
    return any(
        shape.show == "digits" for rule in sides if rule is not None for shape in rule.shapes
    )


def looks_at(route: Route, phase: Phase) -> bool:
    """Whether the gateway looks into that message at all."""
    if phase == "response":
        return route.guards_response or not route.response.idle
    return route.guards_request or not route.request.idle or route.one_at_a_time is not None


def _exchange(route: Route, asked: Recorded | None) -> Exchange:
    listener: Literal["proxy", "endpoints"] = "endpoints" if route.at is not None else "proxy"
    request = Request("POST", _NOWHERE, "/", Headers())
    if asked is not None and asked.way == "request":
        fields = Headers(asked.headers.fields)
        request = Request(asked.method, asked.authority or _NOWHERE, asked.path, fields, asked.body)
    exchange = Exchange(Peer(ip_address("127.0.0.1"), listener, tls=True), request)
    exchange.route, exchange.admission = route, _WHO
    return exchange


# --- without a loop ---------------------------------------------------------------------------------


class _Done:
    """Something awaited that is there already."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, object]:
        yield from ()
        return self._value


class _Here:
    """What stands in a loop's place: threads' work is done at once, everything else is not there."""

    @staticmethod
    def run_in_executor(
        executor: Executor | None, work: Callable[..., object], *args: object
    ) -> _Done:
        del executor
        return _Done(work(*args))


def run_here(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that waits for nothing to its end. Raises what it raises."""
    before = events._get_running_loop()  # noqa: SLF001 - documented, for loops
    events._set_running_loop(cast(asyncio.AbstractEventLoop, _Here()))  # noqa: SLF001 - the same
    try:
        work.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        events._set_running_loop(before)  # noqa: SLF001 - the same
    work.close()
    raise RuntimeError("a stage waits for something that a rehearsal does not have")
