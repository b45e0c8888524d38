"""What is done for a collection: it is moved on, its links are made, its charges are begun.

1. Each move is decided and written in one transaction with the link that it opens or withdraws and the
   notice that tells of it. Whoever is killed before has done nothing, whoever is killed after has lost
   nothing.
2. A charge is the collection's own from the transaction on that begins it, and it begins only if the
   collection still waits for it: two processes make one charge, and what is stopped makes none.
3. What became of the charge is `gateway.charges`' business; it wakes the collection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking
from gateway.charges.beginning import Form
from gateway.charges.service import Charges
from gateway.charges.who import Reply, Who
from gateway.collections import content as contents
from gateway.collections import states
from gateway.collections.content import Content
from gateway.collections.facts import Card, Offers, card_of, facts_of
from gateway.collections.states import Move
from gateway.collections.telling import notice
from gateway.errors import (
    CollectionMoved,
    GatewayError,
    RecordDamaged,
    ReferenceTaken,
    VaultUnavailable,
)
from gateway.exchange import new_id
from gateway.log import event
from gateway.pages.about import About, Amount
from gateway.pages.capture_order import Order, Profile
from gateway.pages.links import Links, Made, NewLink
from gateway.processors.model import Initiator
from gateway.recapture.service import SYSTEM
from gateway.vault.charge import Charge
from gateway.vault.collection import Collection, CollectionEvent, CollectionStep, OpenCollection
from gateway.vault.collection_changes import CollectionChange, Look, PageLinkToAdd
from gateway.vault.collections import CollectionTable
from gateway.vault.database import Connection
from gateway.vault.link import LinkKind

ROUTE: Final = "collections"  # in the audit
GATEWAY: Final = "gateway"  # the actor of what nobody asked for
_MOVES: Final = 20  # at a time; whatever is left is due again


@dataclass(frozen=True, slots=True)
class Planned:
    """A charge that is to be made, for the collection as it was when that was decided."""

    one: OpenCollection
    card: Card


class Steps:
    """`advance` is called when a collection is due. `links` None: no product has pages."""

    def __init__(
        self,
        *,
        table: CollectionTable,
        charges: Charges,
        links: Links | None,
        offers: Offers,
        clock: Callable[[], datetime],
    ) -> None:
        self._table, self._charges, self._links = table, charges, links
        self._offers, self._clock = offers, clock

    async def advance(self, id: str) -> None:
        """Does all that can be done now. Raises VaultUnavailable, RecordDamaged."""
        for _ in range(_MOVES):
            planned: list[Planned] = []  # what is decided in the transaction
            before = self._clock()
            one = await self._table.change(id, partial(self._move, planned))
            if planned:
                await self._charge(planned[0])
            elif one is None or one.row.due is None or one.row.due > before:
                return

    def change(
        self, one: OpenCollection, move: Move, now: datetime, actor: str = GATEWAY
    ) -> CollectionChange:
        """All that is written of a move."""
        row, content = move.row, contents.read(one.held)
        made = self._made(move, content)
        if made is not None:
            row = replace(row, link=made.link.row.id)
        url = None if made is None else made.url.reveal()
        if made is not None or row.link is None:
            content = replace(content, link=row.link, url=url)
        said = CollectionEvent(
            at=now,
            before=one.row.state,
            state=row.state,
            step=row.step,
            actor=actor,
            code=move.code,
            link=None if made is None else row.link,
            recapture=None if move.link is None else move.link.recapture,
        )
        tells = row.state is not one.row.state or made is not None or move.code is not None
        return CollectionChange(
            OpenCollection(row, contents.write(content)),
            events=[said] if tells else [],
            notices=[notice(row, said, url)] if _is_news(one.row, said, made) else [],
            link=None if made is None else _to_add(made, row, now),
            withdrawn=move.withdrawn,
        )

    def facts(self, one: OpenCollection, look: Look, now: datetime) -> states.Facts:
        """What there is to decide by, in the transaction of `look`. Raises RecordDamaged."""
        return facts_of(one.row, contents.read(one.held), look, self._offers, now)

    # --- in the transaction -----------------------------------------------------------------------

    def _move(
        self, planned: list[Planned], one: OpenCollection, look: Look, now: datetime
    ) -> CollectionChange | None:
        planned.clear()  # it may be called again
        move = states.decide(one.row, self.facts(one, look, now), now)
        if move.charge:
            planned.append(Planned(one, card_of(one.row, contents.read(one.held), look)))
            return None
        return self.change(one, move, now)

    def _begun(
        self, planned: Planned, connection: Connection, charge: Charge, now: datetime
    ) -> GatewayError | None:
        """Makes the charge the collection's own; or says why there is none."""
        asked = planned.one.row
        one = self._table.read(connection, asked.id)
        if one is None:
            return CollectionMoved()
        facts = self.facts(one, self._table.look(connection), now)
        try:
            row = states.begun(one.row, facts, asked, now)
        except CollectionMoved as refusal:
            return refusal
        said = CollectionEvent(
            now, one.row.state, row.state, row.step, GATEWAY, charge=charge.id, link=row.link
        )
        held = contents.write(replace(contents.read(one.held), url=None))
        change = CollectionChange(
            OpenCollection(row, held),
            events=[said],
            notices=[notice(row, said, None)],
            charge=charge.id,
        )
        self._table.write(connection, change, now)
        return None

    # --- a charge ---------------------------------------------------------------------------------

    async def _charge(self, planned: Planned) -> None:
        row = planned.one.row
        entry = _entry(row, self._clock(), Action.CHARGE, new_id())
        who = Who(row.client, row.key, frozenset({row.product}), entry)
        try:
            await self._charges.create(
                who,
                _form(planned),
                Reply(None, lambda *_: b""),
                partial(self._begun, planned),
            )
        except CollectionMoved:
            return  # whoever was first goes on with it
        except (VaultUnavailable, RecordDamaged):
            raise
        except GatewayError as error:
            event("collection_not_charged", level=logging.WARNING, id=row.id, code=error.code)
            await self._not_begun(planned, error)

    async def _not_begun(self, planned: Planned, error: GatewayError) -> None:
        asked = planned.one.row

        def decide(one: OpenCollection, look: Look, now: datetime) -> CollectionChange:
            if isinstance(error, ReferenceTaken):
                return self.change(one, states.skipped(one.row, asked, now), now)
            facts = self.facts(one, look, now)
            return self.change(one, states.not_begun(one.row, facts, asked, error.code, now), now)

        await self._table.change(asked.id, decide)

    # --- a link -----------------------------------------------------------------------------------

    def _made(self, move: Move, content: Content) -> Made | None:
        """The link that a guest is to get. Raises PagesOff, where nothing was to lead here."""
        if move.link is None or self._links is None:
            return None
        row, booking = move.row, content.booking
        profile = Profile.CARD_AND_ADDRESS if content.with_address else Profile.CARD
        if move.link.recapture is not None:
            profile = Profile.CARD_AND_ADDRESS
            booking = Booking(SYSTEM, None, None if booking is None else booking.booking_id)
        about = About(content.purpose, Amount(row.amount, row.currency), booking)
        order = Order(profile, content.return_url, recapture=move.link.recapture)
        return self._links.make(
            NewLink(
                LinkKind.CAPTURE,
                row.client,
                row.product,
                row.language,
                move.link.expires,
                about,
                order.json(),
            )
        )


def _form(planned: Planned) -> Form:
    row, content = planned.one.row, contents.read(planned.one.held)
    merchant = row.step is CollectionStep.CHARGE
    return Form(
        token=planned.card.token,
        amount=row.amount,
        currency=row.currency,
        reference=states.reference(row),
        initiator=Initiator(row.initiator) if merchant else Initiator.GUEST,
        booking=content.booking,
        exemption=row.exemption if merchant else None,
        return_url=content.return_url,
        language=row.language,
        purpose=content.purpose,
        extra={**content.extra, **planned.card.extra},
    )


def _to_add(made: Made, row: Collection, now: datetime) -> PageLinkToAdd:
    entry = _entry(row, now, Action.LINK_CREATE, made.link.row.id)
    return PageLinkToAdd(made.link, made.secret, entry)


def _is_news(before: Collection, said: CollectionEvent, made: Made | None) -> bool:
    """Whoever asked for a stop knows that it was."""
    return said.state is not before.state or made is not None or said.code == states.OVERPAID


def _entry(row: Collection, now: datetime, action: Action, exchange: str) -> Entry:
    return Entry(
        at=now,
        exchange=exchange,
        action=action,
        outcome=Outcome.INTENT,
        client=row.client,
        key=row.key,
        route=ROUTE,
        product=row.product,
        subject=row.id,
    )
