"""Charges: begun, taken, given back, looked for.

1. What is to be asked of a processor is written first, durable, with its intent in the audit; then it
   is asked, once; then what came of it is written, durable; then it is answered.
2. Whoever dies in between leaves a charge with a lease. When that is over the charge is `unknown`, and
   is looked for by its reference. Nothing is ever sent twice.
3. What was answered to a request that counts once is written with what came of it.
4. A charge that is another client's, or of a product that the caller may not use, does not exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from functools import partial

from gateway.audit import Action, Entry, Outcome
from gateway.charges import beginning, content, outcomes, page
from gateway.charges.beginning import Form, New
from gateway.charges.outcomes import Ask, Came, Note
from gateway.charges.who import Reply, Who, repeated
from gateway.errors import (
    ChargeUnknown,
    GatewayError,
    OperationNotSupported,
    ProcessorGone,
    ProcessorNotConfigured,
    RequestInProgress,
    TokenUnknown,
)
from gateway.exchange import new_id
from gateway.log import event
from gateway.metrics import Metrics
from gateway.pages.links import Links
from gateway.processors.model import Challenge, Ended, Operation, Processor, Processors, Result
from gateway.secret import Secret
from gateway.vault.charge import Event, OpenCharge
from gateway.vault.charge_changes import Also, Begin, Decision, Filter, Refusal, Repeated
from gateway.vault.idempotency import Once
from gateway.vault.link import LinkKind
from gateway.vault.links import new_secret
from gateway.vault.model import Wanted
from gateway.vault.service import Vault


class Charges:
    """`pages` makes the URLs of the pages that guests pass, where there are pages; `woken` is called
    when something became due. Every method raises VaultUnavailable, RecordDamaged.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        processors: Processors,
        zones: Mapping[str, tzinfo],
        challenge_lasts: timedelta,
        pages: Links | None,
        clock: Callable[[], datetime],
        woken: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self._vault, self._table, self._processors = vault, vault.charges, processors
        self._zones, self._lasts, self._pages = zones, challenge_lasts, pages
        self._clock, self._woken, self._metrics = clock, woken, metrics
        self._under_way: set[str] = set()  # charges that this process waits for an answer to

    # --- what clients ask for ---------------------------------------------------------------------

    async def create(self, who: Who, form: Form, reply: Reply, also: Also | None = None) -> bytes:
        """Charges a card, or holds the sum. `also` is done in the transaction that begins the charge;
        what it refuses is raised, and nothing is sent.

        Raises TokenUnknown, CardErased, ProcessorNotConfigured, OperationNotSupported, ReferenceTaken,
        CardConsumed, CardNotYetActive, CardNoLongerActive, BalanceTooLow, BalanceInOtherCurrency,
        IdempotencyKeyReused, RequestInProgress.
        """
        wanted = Wanted(form.token, who.products)
        intent = who.intent(form.operation, iduser=form.token.iduser)
        product = await self._table.product_of(wanted)
        if product is None:
            unknown = await self._vault.stubs.why_unknown(wanted)
            return await self._refused(intent, unknown, reply)
        # Whoever restores an old backup learns from it what to ask the processor for.
        intent = replace(intent, product=product, subject=intent.subject or form.reference)
        processor = self._processors.of(product)
        if processor is None:
            return await self._refused(intent, ProcessorNotConfigured(), reply)
        if form.operation not in processor.operations:
            return await self._refused(intent, OperationNotSupported(), reply)
        new = New(
            id=new_id(),
            client=who.client,
            product=product,
            processor=processor.name,
            form=form,
            intent=intent,
            actor=who.actor,
            zone=self._zones.get(product),
            page=self._page(product),
        )
        begun = await self._table.begin(
            Begin(wanted, form.booking, form.reference, processor.name, also),
            lambda facts, now: beginning.begun(new, facts, now),
            reply.once,
            repeated(intent),
        )
        return await self._sent(begun, processor, form.operation, intent, reply)

    async def nameless(self, who: Who, reply: Reply) -> bytes:
        """What `create` answered to the same request before, where its token means none of ours any more:
        another vault's goes with its card. Raises TokenUnknown, IdempotencyKeyReused, RequestInProgress.
        """
        return await self._refused(who.intent(Operation.DEBIT), TokenUnknown(), reply)

    async def ask(
        self,
        who: Who,
        id: str,
        operation: Operation,
        amount: int | None,
        reply: Reply,
    ) -> bytes:
        """Captures, cancels or refunds; `amount` None: all that there is.

        Raises ChargeUnknown, ChargeInProgress, ChargeNotAllowed, AmountTooHigh, ProcessorGone,
        OperationNotSupported, IdempotencyKeyReused, RequestInProgress.
        """
        one = await self._of(who, id)
        intent = who.intent(operation, one)
        try:
            processor = self._processor(one, operation)
        except GatewayError as error:
            return await self._refused(intent, error, reply)
        asked = Ask(operation, amount, intent, who.actor)
        begun = await self._table.change(
            id,
            lambda current, now: outcomes.asked(current, asked, now),
            name="charge_ask",
            once=reply.once,
            repeated=repeated(intent),
        )
        if begun is None:  # it is asked for, or refused
            raise ChargeUnknown
        return await self._sent(begun, processor, operation, intent, reply)

    async def look(self, who: Who, id: str, reply: Reply) -> bytes:
        """Asks the processor what became of it. Raises as `ask` does."""
        one = await self._of(who, id)
        intent = who.intent(Operation.LOOK, one)
        try:
            processor = self._processor(one, Operation.LOOK)
        except GatewayError as error:
            return await self._refused(intent, error, reply)
        begun = await self._table.change(
            id,
            lambda current, now: outcomes.looked_for(current, intent, now),
            name="charge_ask",
            once=reply.once,
            repeated=repeated(intent),
        )
        if begun is None:
            raise ChargeUnknown
        return await self._sent(begun, processor, Operation.LOOK, intent, reply)

    async def dispute(self, who: Who, id: str, reason: str | None, reply: Reply) -> bytes:
        """Notes that the guest contests it. Raises ChargeUnknown, ChargeInProgress,
        ChargeNotAllowed, IdempotencyKeyReused.
        """
        said = partial(outcomes.disputed, reason=reason)
        return await self._noted(who, id, Action.DISPUTE, said, reply)

    async def settle(self, who: Who, id: str, reply: Reply, *, done: bool) -> bytes:
        """Takes a person's word for what is in doubt. Raises as `dispute` does."""
        return await self._noted(
            who, id, Action.SETTLE, partial(outcomes.settled, done=done), reply
        )

    async def get(self, who: Who, id: str) -> tuple[OpenCharge, list[Event]]:
        """One, with what happened to it. Raises ChargeUnknown."""
        return await self._of(who, id), await self._table.history(id)

    async def listed(self, wanted: Filter) -> list[tuple[int, OpenCharge]]:
        """The newest first, each with the number by which the list goes on."""
        return await self._table.listed(wanted)

    # --- what the guest passes --------------------------------------------------------------------

    async def challenge(self, id: str) -> tuple[OpenCharge, Challenge]:
        """What the guest has to pass, for the page that leads through it.

        Raises ChargeUnknown, NoChallenge.
        """
        one = await self._open(id)
        return one, page.passable(one, self._clock())

    async def returned(self, id: str) -> OpenCharge:
        """The charge, once the guest is back from the bank, or may be: the processor is asked, what
        the guest's browser says is not believed. Raises ChargeUnknown.
        """
        await self.check(id)
        return await self._open(id)

    # --- what is done by itself -------------------------------------------------------------------

    async def check(self, id: str) -> None:
        """Finds out what became of a charge. Whoever asked last and was not heard of in time has
        left it `unknown`. What this process asks just now is heard of, whatever a clock that leapt says.
        """
        if id in self._under_way:
            return
        await self._table.change(id, outcomes.lost, name="charge_lost")
        one = await self._table.open(id)
        if one is None or one.row.lease is not None:
            return
        result = Result(Ended.UNKNOWN)
        try:
            processor: Processor | None = self._processor(one, Operation.LOOK)
        except GatewayError as error:  # the challenge ends all the same
            processor, result = None, replace(result, code=error.code)
        if processor is not None:
            order = content.order_of(one.row, content.read(one.held), Operation.LOOK)
            result = await processor.run(Operation.LOOK, order, new_id())
        came = Came(Operation.LOOK, one.row.attempt, result, one.row.processor, None, self._lasts)
        await self._came_out(id, came)

    # --- inside -----------------------------------------------------------------------------------

    async def _sent(
        self,
        begun: OpenCharge | Repeated,
        processor: Processor,
        operation: Operation,
        intent: Entry,
        reply: Reply,
    ) -> bytes:
        """Asks the processor, for what is written; writes what came of it."""
        if isinstance(begun, Repeated):
            return await self._again(begun, reply)
        self._woken()
        row, held = begun.row, content.read(begun.held)
        order = content.order_of(row, held, operation, page.way_back(held))
        self._under_way.add(row.id)
        try:
            result = await processor.run(operation, order, intent.exchange)
        finally:
            self._under_way.discard(row.id)
        came = Came(
            operation, row.attempt, result, processor.name, intent, self._lasts, reply.answer
        )
        await self._came_out(row.id, came, reply.once)
        self._woken()
        return await self._shown(row.id, reply)

    async def _came_out(self, id: str, came: Came, once: Once | None = None) -> None:
        """Writes what came of it; counts another sum than was asked for, once it is written."""
        decided: Decision | None = None

        def decide(current: OpenCharge | None, now: datetime) -> Decision | None:
            nonlocal decided
            decided = outcomes.came_out(current, came, now)
            return decided

        done = await self._table.change(id, decide, name="charge_outcome", once=once)
        if isinstance(done, OpenCharge) and outcomes.differs(decided):
            self._metrics.sums_differ.labels(done.row.processor).inc()
            event("charge_sum_differs", level=logging.ERROR, id=id, processor=done.row.processor)

    async def _noted(
        self,
        who: Who,
        id: str,
        action: Action,
        decide: Callable[[OpenCharge | None, Note, datetime], Decision | None],
        reply: Reply,
    ) -> bytes:
        """Writes what somebody says of a charge; nobody is asked."""
        one = await self._of(who, id)
        intent = replace(who.intent(Operation.LOOK, one), action=action)
        note = Note(intent, who.actor, reply.answer)
        done = await self._table.change(
            id,
            lambda current, now: decide(current, note, now),
            name="charge_ask",
            once=reply.once,
            repeated=repeated(intent),
        )
        if isinstance(done, Repeated):
            return await self._again(done, reply)
        return await self._shown(id, reply)

    async def _again(self, before: Repeated, reply: Reply) -> bytes:
        if before.answer is not None:
            return before.answer
        one = await self._open(str(before.charge))
        lease = one.row.lease
        if lease is not None and self._clock() < lease:
            raise RequestInProgress
        return await self._shown(one.row.id, reply)

    async def _shown(self, id: str, reply: Reply) -> bytes:
        return reply.answer(await self._open(id), await self._table.history(id))

    async def _of(self, who: Who, id: str) -> OpenCharge:
        one = await self._open(id)
        mine = who.sees_all or one.row.client == who.client
        if not mine or one.row.product not in who.products:
            raise ChargeUnknown
        return one

    async def _open(self, id: str) -> OpenCharge:
        one = await self._table.open(id)
        if one is None:
            raise ChargeUnknown
        return one

    def _processor(self, one: OpenCharge, operation: Operation) -> Processor:
        """The one that charged, whichever the product has now: the money is there."""
        processor = self._processors.named(one.row.product, one.row.processor)
        if processor is None:
            raise ProcessorGone
        if operation not in processor.operations:
            raise OperationNotSupported
        return processor

    def _page(self, product: str) -> Secret[str] | None:
        if self._pages is None or not self._pages.has(product):
            return None
        return self._pages.address(LinkKind.CHALLENGE, new_secret())

    async def _refused(self, intent: Entry, error: GatewayError, reply: Reply) -> bytes:
        """What the same request was answered before, whatever was forgotten or taken from gateway.yaml
        since: what it did was done. Else raises `error`, once it is in the audit.
        """
        refused = replace(intent, outcome=Outcome.REFUSED, detail=error.code)
        before = await self._table.refuse(Refusal(error, [refused]), reply.once, repeated(intent))
        return await self._again(before, reply)
