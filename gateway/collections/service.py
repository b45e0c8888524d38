"""Collections, as clients ask for them: begun, watched, stopped.

A collection that is another client's, or of a product that the caller may not use, does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking
from gateway.cards.token import Token
from gateway.charges.virtual import opens
from gateway.charges.who import Who
from gateway.collections import content as contents
from gateway.collections import states
from gateway.collections.content import Content
from gateway.collections.facts import Offers
from gateway.collections.steps import Steps
from gateway.collections.telling import notice
from gateway.config_values import parse_https
from gateway.errors import (
    CollectionUnknown,
    GatewayError,
    OperationNotSupported,
    PagesOff,
    ProcessorNotConfigured,
    ReferenceTaken,
    RequestInvalid,
    TokenUnknown,
)
from gateway.exchange import new_id
from gateway.pages.links import Links
from gateway.processors.model import Initiator, Operation, Processors
from gateway.vault.charge_changes import Begin
from gateway.vault.collection import Collection, CollectionEvent, OpenCollection
from gateway.vault.collection_changes import (
    Answering,
    CollectionChange,
    CollectionFacts,
    CollectionFilter,
    Look,
)
from gateway.vault.idempotency import Once
from gateway.vault.model import Wanted
from gateway.vault.service import Vault


@dataclass(frozen=True, slots=True)
class Form:
    """What a client asks for. `amount` in minor units of `currency`. `link_hours`, `recapture_hours`:
    None: that step is not wanted. `not_before` None: when the card may be charged.
    """

    token: Token
    amount: int
    currency: str
    reference: str
    initiator: Initiator
    booking: Booking | None = None
    exemption: str | None = None
    language: str | None = None
    return_url: str | None = None
    purpose: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    not_before: datetime | None = None
    link_hours: int | None = None
    with_address: bool = False
    recapture_hours: int | None = None
    until: datetime | None = None


class Collections:
    """`woken` is called when something became due. Every method raises VaultUnavailable,
    RecordDamaged.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        processors: Processors,
        links: Links | None,
        steps: Steps,
        offers: Offers,
        clock: Callable[[], datetime],
        woken: Callable[[], None],
    ) -> None:
        self._table, self._stubs, self._processors = vault.collections, vault.stubs, processors
        self._links, self._steps, self._offers = links, steps, offers
        self._clock, self._woken = clock, woken

    async def create(self, who: Who, form: Form, once: Once | None, answer: Answering) -> bytes:
        """Begins to collect a sum.

        Raises TokenUnknown, CardErased, ProcessorNotConfigured, OperationNotSupported, PagesOff, RequestInvalid,
        ReferenceTaken, IdempotencyKeyReused.
        """
        wanted = Wanted(form.token, who.products)
        entry = replace(who.entry, action=Action.COLLECT, iduser=form.token.iduser)
        product = await self._table.product_of(wanted)
        refusal: GatewayError | None
        if product is None:
            refusal = await self._stubs.why_unknown(wanted)
        else:
            refusal = self._refusal(product, form)
        entry = replace(entry, product=product or "")

        # Whatever refuses it does so here: a request that is repeated was answered before.
        def decide(facts: CollectionFacts, now: datetime) -> CollectionChange | GatewayError:
            if refusal is not None:
                return refusal
            if form.until is not None and form.until <= now:
                return RequestInvalid([{"in": "body", "name": "until", "problem": "too_early"}])
            if facts.product != product:  # it was forgotten meanwhile
                return TokenUnknown()
            if facts.reference_taken:
                return ReferenceTaken()
            return self._begun(who, form, facts, entry, now)

        begin = Begin(wanted, form.booking, form.reference, "")
        body = await self._table.begin(begin, decide, entry, once, answer)
        self._woken()
        return body

    async def nameless(self, who: Who, once: Once | None) -> bytes:
        """What `create` answered to the same request before, where its token means none of ours any more:
        another vault's goes with its card. Raises TokenUnknown, IdempotencyKeyReused.
        """
        return await self._table.refuse(
            TokenUnknown(), replace(who.entry, action=Action.COLLECT), once
        )

    async def stop(self, who: Who, id: str, once: Once | None, answer: Answering) -> bytes:
        """Lets a collection go on no further than what is on its way.

        Raises CollectionUnknown, CollectionOver, IdempotencyKeyReused.
        """
        entry = replace(who.entry, action=Action.STOP)

        def decide(
            one: OpenCollection | None, look: Look, now: datetime
        ) -> CollectionChange | GatewayError:
            if one is None or not _may_see(who, one):
                return CollectionUnknown()  # the id is not written down: it may be anything
            try:
                move = states.stopped(one.row, self._steps.facts(one, look, now), now)
            except GatewayError as error:
                return error
            row = one.row
            done = replace(entry, outcome=Outcome.DONE, product=row.product, subject=row.id)
            change = self._steps.change(one, move, now, who.actor)
            return replace(change, entries=[replace(done, iduser=row.iduser)])

        return await self._table.ask(id, decide, entry, once, answer)

    async def get(self, who: Who, id: str) -> tuple[OpenCollection, list[CollectionEvent]]:
        """One, with what happened to it. Raises CollectionUnknown."""
        found = await self._table.open(id)
        if found is None or not _may_see(who, found[0]):
            raise CollectionUnknown
        return found

    async def listed(self, wanted: CollectionFilter) -> list[tuple[int, OpenCollection]]:
        """The newest first, each with the number by which the list goes on."""
        return await self._table.listed(wanted)

    # --- inside -----------------------------------------------------------------------------------

    def _refusal(self, product: str, form: Form) -> GatewayError | None:
        processor = self._processors.of(product)
        if processor is None:
            return ProcessorNotConfigured()
        if Operation.DEBIT not in processor.operations:
            return OperationNotSupported()
        has_pages = product in self._offers.pages
        if form.link_hours is not None and not has_pages:
            return PagesOff()
        origins = self._links.origins(product) if self._links and has_pages else frozenset()
        # A guest is sent there from a page of ours.
        guest = form.link_hours is not None or form.recapture_hours is not None
        if not guest or form.return_url is None or parse_https(form.return_url).base in origins:
            return None
        wrong = {"in": "body", "name": "return_url", "problem": "origin_not_listed"}
        return RequestInvalid([wrong])

    def _begun(
        self,
        who: Who,
        form: Form,
        facts: CollectionFacts,
        entry: Entry,
        now: datetime,
    ) -> CollectionChange:
        token, product = form.token, str(facts.product)
        id = new_id()
        opened = opens(facts.bookings, self._offers.zones.get(product))
        row = Collection(
            id=id,
            client=who.client,
            key=who.key_id,
            product=product,
            test=token.test,
            iduser=token.iduser,
            booking=facts.booking,
            reference=form.reference,
            amount=form.amount,
            currency=form.currency,
            initiator=form.initiator.value,
            exemption=form.exemption,
            language=form.language,
            link_hours=form.link_hours,
            recapture_hours=form.recapture_hours,
            until=form.until,
            created=now,
            changed=now,
            not_before=form.not_before or opened or now,
            due=now,
        )
        content = Content(
            tokenuser=token.tokenuser,
            booking=form.booking,
            return_url=form.return_url,
            purpose=form.purpose,
            with_address=form.with_address,
            extra=form.extra,
        )
        said = CollectionEvent(now, None, row.state, row.step, who.actor)
        return CollectionChange(
            OpenCollection(row, contents.write(content)),
            events=[said],
            entries=[replace(entry, outcome=Outcome.DONE, subject=id)],
            notices=[notice(row, said, None)],
        )


def _may_see(who: Who, one: OpenCollection) -> bool:
    mine = who.sees_all or one.row.client == who.client
    return mine and one.row.product in who.products
