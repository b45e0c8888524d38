"""The page on which a guest authenticates: leads to the bank, takes the guest back, tells how it ended.

1. Opening it starts nothing. Its form leads on, as often as the guest likes while the challenge is open:
   it is not the guest who uses the link up, but what comes of it (`gateway.charges.page`).
2. A bank's address is followed by the page that the form is answered with, not by a redirect: browsers
   hold a form's whole chain of redirects against our policy, and nobody knows where a bank's goes.
3. A bank's own HTML is answered with a policy that takes it out of our origin: it has no cookie, storage
   or page of ours, loads nothing and asks nothing, and can only send its form away, or leave.
4. Whoever comes back is believed nothing, and may come from any site, as often as they like: the
   processor is asked, by the same limit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import Response

from gateway.audit import Action, Entry, Outcome
from gateway.charges.passing import Ending, Passing, Seen
from gateway.errors import NoChallenge, PageLinkOver, TooManyTries
from gateway.log import event
from gateway.pages.bank import Bank, bank_of
from gateway.pages.form import Form
from gateway.pages.links import PATHS
from gateway.pages.site import Site, Visit
from gateway.pages.tries import Tries
from gateway.processors.model import Challenge
from gateway.vault.link import LinkKind

ROUTE: Final = "pages/challenge"  # in the audit
_PAUSES: Final = (2, 3, 5, 10, 10, 15, 15, 30)  # seconds until the page looks again
_SEEN: Final = "seen"  # how often it has, in its own address
_TOLD: Final = 3  # seconds that a guest reads how it ended before the hotel's site follows


class ChallengePage:
    """For `gateway.pages.app`."""

    kind = LinkKind.CHALLENGE

    def __init__(self, site: Site, passing: Passing, clock: Callable[[], datetime]) -> None:
        self._site, self._passing, self._clock = site, passing, clock
        self._tries, self._looks = Tries(clock), Tries(clock)

    async def show(self, visit: Visit) -> Response:
        """What it is for, and the way on."""
        try:
            await self._passing.challenge(visit.link.row.id)
        except NoChallenge:
            raise PageLinkOver from None
        return self._site.page(visit, "challenge.html")

    async def submit(self, visit: Visit, form: Form) -> Response:
        """On to the bank."""
        del form  # it has nothing but its token
        self._tries.count(visit.link.row.id)
        try:
            challenge = await self._passing.led_on(visit.link.row.id, self._entry(visit))
        except NoChallenge:
            raise PageLinkOver from None
        return self._led_on(visit, challenge)

    async def back(self, visit: Visit, request: Request) -> Response:
        """How it ended. Nothing that the bank's page sent along is looked at."""
        id, look = visit.link.row.id, True
        try:
            self._looks.count(id)
        except TooManyTries:
            look = False
        return self._told(visit, await self._passing.seen(id, look=look), _seen(request))

    # --- to the bank ------------------------------------------------------------------------------

    def _led_on(self, visit: Visit, challenge: Challenge) -> Response:
        if challenge.kind == "html" and challenge.html is not None:
            return self._site.foreign(visit, challenge.html)
        bank = bank_of(challenge)
        if bank is None:
            event("challenge_not_safe", level=logging.ERROR, id=visit.link.row.id)
            texts = [visit.texts("challenge.impossible"), visit.texts("over.next")]
            title = visit.texts("failed.title")
            return self._site.page(visit, "said.html", status=502, title=title, texts=texts)
        if challenge.kind == "form":
            # Whatever the bank answers the post with, a redirect to a third host too, is held against
            # this page's policy. All that it can post is this one form.
            return self._site.page(
                visit, "bank_form.html", then="https:", url=bank.url, fields=challenge.fields
            )
        return self._followed(visit, bank)

    def _followed(self, visit: Visit, bank: Bank) -> Response:
        answer = self._site.page(visit, "bank.html", url=bank.url)
        answer.headers["Refresh"] = f"0; url={bank.url}"
        return answer

    # --- and back ---------------------------------------------------------------------------------

    def _told(self, visit: Visit, seen: Seen, times: int) -> Response:
        id, secret = visit.link.row.id, visit.secret.reveal()
        here = f"/{PATHS[self.kind]}/{secret}"
        on = None if seen.return_url is None else _with_charge(seen.return_url, id)
        waits = seen.ending is Ending.OPEN and times < len(_PAUSES)
        answer = self._site.page(
            visit,
            "ended.html",
            ending=seen.ending.value,
            waits=waits,
            again=here if seen.passable else None,
            on=None if waits else on,
        )
        if waits:
            answer.headers["Refresh"] = f"{_PAUSES[times]}; url={here}/back?{_SEEN}={times + 1}"
        elif on is not None and seen.ending is not Ending.OPEN:
            answer.headers["Refresh"] = f"{_TOLD}; url={on}"
        return answer

    def _entry(self, visit: Visit) -> Entry:
        row, booking = visit.link.row, visit.about.booking
        return Entry(
            at=self._clock(),
            exchange=row.id,
            action=Action.LINK_USE,
            outcome=Outcome.DONE,
            client=row.client,
            origin=visit.origin,
            route=ROUTE,
            product=row.product,
            booking="" if booking is None else booking.booking_id or "",
        )


def _seen(request: Request) -> int:
    said = request.query_params.get(_SEEN, "0")
    known = said.isascii() and said.isdigit() and len(said) < 3
    return int(said) if known else 0


def _with_charge(url: str, id: str) -> str:
    """The client's address, which is told which charge it was, and nothing of it."""
    parts = urlsplit(url)
    query = f"{parts.query}&charge={id}" if parts.query else f"charge={id}"
    return urlunsplit(parts._replace(query=query))
