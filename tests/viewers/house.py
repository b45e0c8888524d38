"""A control port and the pages' port over one vault: a property with viewers, and cards to look at."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta

from gateway.access.clients import Access
from gateway.control.cards_guessing import Guessing
from gateway.control.reveal_links import RevealCalls
from gateway.control.viewer_links import ViewerLinks
from gateway.control.viewers import ViewerCalls
from gateway.metrics import Metrics
from gateway.pages import viewing
from gateway.pages.reveal import SHOWN_SECONDS
from gateway.viewers.codes import Codes
from tests.access.fakes import Table
from tests.control.serving import serving as control_serving
from tests.pages.serving import serving as pages_serving
from tests.vault.makers import keep, new
from tests.viewers.people import CODE, QUICK, People

CANARY = "4539578763621486"
GROUPED = "<span>4539</span><span>5787</span><span>6362</span><span>1486</span>"
MASKED = "453957******1486"
HOLDER = "Ana Example"


def invitation(**more):
    return {"name": "Maria Rossi", "role": "full", "product": "seaside"} | more


class House:
    """`call` is the PMS's, `pages` what a browser does."""

    def __init__(self, pages, control, codes, metrics):
        self.metrics = metrics
        self.pages, self.control, self.clock = pages, control, pages.clock
        self.vault = pages.vault
        self.people, self.codes = People(pages.vault, pages.clock, codes), codes
        self.key = control.key("reveal", products=())

    def call(self, method, path, key=None, once=None, **more):
        headers = {"Idempotency-Key": once} if once is not None else {}
        return self.control.call(method, f"/v1{path}", key or self.key, headers=headers, **more)

    def token(self, product="seaside", digits=CANARY):
        (kept,) = keep(self.vault, new(digits, product=product, holder=HOLDER))
        return kept.token.alias

    def invite(self, key=None, once=None, **more):
        return self.call("POST", "/viewers", key, once, json=invitation(**more))

    def active(self, name="Maria Rossi", code=CODE, **more):
        """The id of one that has chosen its code on the page."""
        said = self.invite(name=name, **more).json()
        done = self.pages.post(said["setup"]["url"], {"code": code, "again": code})
        assert done.status_code == 200, done.text
        return said["id"]

    def ask(self, token, viewer, key=None, once=None, **more):
        said = {"token": token, "viewer": viewer} | more
        return self.call("POST", "/reveal-links", key, once, json=said)

    def link(self, token=None, viewer=None, **more):
        """The URL of a link that shows a card."""
        answered = self.ask(token or self.token(), viewer or self.active(), **more)
        assert answered.status_code == 201, answered.text
        return answered.json()["url"]

    def type(self, url, code=CODE, **more):
        """What the page answers to a code."""
        return self.pages.post(url, {"code": code, **more})

    def audit(self, skip=0):
        entries = [recorded.entry for recorded in self.vault.entries()][skip:]
        return [(e.action.value, e.outcome.value, e.key, e.detail) for e in entries]

    def written(self):
        """Every byte of the vault's files, and what was put into the audit."""
        files = (self.pages.directory / "state").iterdir()
        return b"".join(path.read_bytes() for path in files if path.is_file())


def meanwhile(monkeypatch, of, method, happens):
    """Lets `happens` come between the end of the next `of.method(…)` and what its caller does then."""
    whole, left = getattr(of, method), [happens]

    async def interrupted(*args):
        answer = await whole(*args)
        while left:
            await asyncio.to_thread(left.pop())
        return answer

    monkeypatch.setattr(of, method, interrupted)


@contextmanager
def house(directory, seconds=SHOWN_SECONDS, **more):
    codes = Codes(QUICK)
    made = []

    def kind(number):
        def build(pages):
            if not made:
                made.extend(
                    viewing.build(pages.parts.site, pages.vault, codes, pages.clock, seconds)
                )
            return made[number]

        return build

    with pages_serving(directory, kind(0), kind(1), kind(2), **more) as pages:
        access = Access(pages.config, Table(), pages.clock)
        links = pages.parts.links
        window, metrics = timedelta(minutes=15), Metrics()
        guessing = Guessing(20, window, pages.clock, vault=pages.vault, metrics=metrics)
        calls = [
            ViewerCalls(pages.vault, ViewerLinks(links, pages.clock), access, pages.clock),
            RevealCalls(pages.vault, links, access, guessing, pages.clock),
        ]
        with control_serving([one.router for one in calls]) as control:
            try:
                yield House(pages, control, codes, metrics)
            finally:
                codes.close()
