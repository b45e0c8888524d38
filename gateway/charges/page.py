"""The page on which a guest authenticates, as its charge has it.

1. Its URL is made when the charge begins: the processor is told at once where the guest comes back to.
   It is sealed in the charge, and opens nothing yet.
2. Its link is kept with the charge that becomes `challenged`, in one transaction, until the challenge's
   end. It has the charge's id: there is one of each.
3. It is over with the challenge: used by whatever came of it, withdrawn where it was cancelled.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.audit import Action, Entry, Outcome
from gateway.charges import content as contents
from gateway.charges.content import Content
from gateway.errors import NoChallenge
from gateway.pages.about import About, Amount
from gateway.pages.links import hold
from gateway.processors.model import Challenge
from gateway.secret import Secret
from gateway.vault.charge import Charge, ChargeState, OpenCharge
from gateway.vault.charge_changes import NewLink
from gateway.vault.link import LinkKind, LinkState, OpenLink, PageLink

ROUTE: Final = "charges"  # in the audit
BACK: Final = "back"  # the last segment of the address that a bank sends the guest to


def way_back(content: Content) -> str | None:
    """Where the bank sends the guest: our page, which asks the processor what came of it and sends
    them on; a product without pages has the client's address alone.
    """
    return content.return_url if content.page is None else f"{content.page}/{BACK}"


def link_to(row: Charge, content: Content, ends: datetime, now: datetime) -> NewLink | None:
    """The link that is to be kept until `ends`; None: the product had no pages when it began."""
    if content.page is None:
        return None
    link = PageLink(
        id=row.id,
        kind=LinkKind.CHALLENGE,
        client=row.client,
        product=row.product,
        language=content.language,
        state=LinkState.OPEN,
        created=now,
        expires=ends,
        changed=now,
    )
    about = About(content.purpose, Amount(row.amount, row.currency), content.booking)
    entry = Entry(
        at=now,
        exchange=row.id,
        action=Action.LINK_CREATE,
        outcome=Outcome.DONE,
        client=row.client,
        route=ROUTE,
        product=row.product,
        iduser=row.iduser,
    )
    secret = Secret(content.page.rpartition("/")[2])
    return NewLink(OpenLink(link, hold(about, {})), secret, entry)


def url_of(row: Charge, content: Content) -> str | None:
    """What the guest is sent, as long as there is something to pass."""
    passable = row.state is ChargeState.CHALLENGED and content.challenge is not None
    return content.page if passable else None


def ended_as(before: Charge, row: Charge, content: Content) -> LinkState | None:
    """What becomes of the link with this change of the charge; None: nothing."""
    over = before.challenge_ends is not None and row.challenge_ends is None
    if not over or content.page is None or row.state is ChargeState.EXPIRED:
        return None  # that one is over by its time
    return LinkState.REVOKED if row.state is ChargeState.CANCELLED else LinkState.USED


def passable(one: OpenCharge, now: datetime) -> Challenge:
    """What the guest of this charge has to pass now. Raises NoChallenge, also while it is asked to be
    cancelled.
    """
    row, passed = one.row, contents.read(one.held).challenge
    over = row.challenge_ends is not None and now >= row.challenge_ends
    if (
        row.state is not ChargeState.CHALLENGED
        or row.operation is not None
        or passed is None
        or over
    ):
        raise NoChallenge
    return passed
