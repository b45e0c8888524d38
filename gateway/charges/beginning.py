"""How a charge begins: decided by what is known of the card, inside the transaction that writes it.

1. The token is one of the caller's products; the reference is new to the product.
2. The processor has not taken the card for good already.
3. A virtual card is charged between its dates, in its currency, up to its balance.
4. A charge that the merchant starts names the network transaction id of the card's newest one that
   the guest was present for, where the caller names none.
5. It is written, with its intent in the audit, before anything is sent (P24, P36).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from gateway.audit import Entry, Outcome
from gateway.cards.card import Booking
from gateway.cards.token import Token
from gateway.charges import content as contents
from gateway.charges import virtual
from gateway.charges.content import Content
from gateway.charges.states import LEASE
from gateway.charges.telling import notice
from gateway.errors import CardConsumed, GatewayError, ReferenceTaken, TokenUnknown
from gateway.processors.model import Initiator, Operation
from gateway.secret import Secret
from gateway.vault.charge import Charge, ChargeState, Event, OpenCharge
from gateway.vault.charge_changes import Change, Decision, Facts, Refusal


@dataclass(frozen=True, slots=True)
class Form:
    """What a client asks for. `amount` in minor units of `currency`."""

    token: Token
    amount: int
    currency: str
    reference: str
    initiator: Initiator = Initiator.GUEST
    capture_now: bool = True
    booking: Booking | None = None
    network_transaction_id: str | None = None
    exemption: str | None = None
    return_url: str | None = None
    language: str | None = None  # of the page on which the guest may have to authenticate
    purpose: str | None = None  # what it is for, as that page says
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def operation(self) -> Operation:
        """What the processor is asked for."""
        return Operation.DEBIT if self.capture_now else Operation.AUTHORIZE


@dataclass(frozen=True, slots=True)
class New:
    """A charge that is to begin: whose, at which processor, and who asks (`intent`, `actor`). `page`:
    the URL of the page on which the guest would authenticate, where the product has pages.
    """

    id: str
    client: str
    product: str
    processor: str
    form: Form
    intent: Entry
    actor: str
    zone: tzinfo | None
    page: Secret[str] | None = None


def begun(new: New, facts: Facts, now: datetime) -> Decision:
    """The charge, on its way; or why there is none."""
    refused = _refusal(new, facts, now)
    if refused is not None:
        entry = replace(new.intent, outcome=Outcome.REFUSED, detail=refused.code)
        return Refusal(refused(), [entry])
    form = new.form
    row = Charge(
        id=new.id,
        client=new.client,
        product=new.product,
        test=form.token.test,
        iduser=form.token.iduser,
        booking=facts.booking,
        reference=form.reference,
        amount=form.amount,
        currency=form.currency,
        initiator=form.initiator.value,
        exemption=form.exemption,
        capture_now=form.capture_now,
        processor=new.processor,
        created=now,
        changed=now,
        operation=form.operation.value,
        asked=form.amount,
        before=ChargeState.PENDING,
        attempt=1,
        sent=now,
        lease=now + LEASE,
        look_due=now + LEASE,
    )
    content = Content(
        tokenuser=form.token.tokenuser,
        booking=form.booking,
        return_url=form.return_url,
        extra=form.extra,
        named_network_id=form.network_transaction_id or _earlier(form, facts),
        page=None if new.page is None else new.page.reveal(),
        language=form.language,
        purpose=form.purpose,
    )
    said = Event(now, None, row.state, form.operation.value, form.amount, new.actor)
    charge = OpenCharge(row, contents.write(content))
    return Change(charge, [said], [new.intent], [notice(row, content, said)])


def _refusal(new: New, facts: Facts, now: datetime) -> type[GatewayError] | None:
    if facts.product != new.product:  # it is unknown, or was when its processor was looked for
        return TokenUnknown
    if facts.reference_taken:
        return ReferenceTaken
    if facts.consumed:
        return CardConsumed
    asked = virtual.Asked(new.form.amount, new.form.currency, now, new.zone)
    return virtual.refusal(facts.bookings, asked, facts.earlier)


def _earlier(form: Form, facts: Facts) -> str | None:
    if form.initiator is Initiator.GUEST or facts.network is None:
        return None
    return contents.read(facts.network.held).network_id
