"""A control port with a vault and a scripted processor behind `/v1/charges`."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from datetime import timedelta

from gateway.access.clients import Access
from gateway.access.old_tokens import Naming
from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import parse_alias
from gateway.charges import parts
from gateway.config import Config
from gateway.control.cards_guessing import Guessing
from gateway.control.charges import ChargeCalls
from gateway.metrics import Metrics
from gateway.vault.model import Wanted
from tests.access.fakes import Table
from tests.charges.scripted import Only, Scripted
from tests.control.card_calls import HOTELS, PRODUCTS, WINDOW
from tests.control.serving import SETTINGS, serving
from tests.vault.makers import NOON, Clock, booking, new, opened, rows

CARD = "4539578763621486"


class Site:
    """The port, its vault, and the processor."""

    def __init__(self, directory, vault, control, processor, clock, made):
        self.directory, self.vault, self.control = directory, vault, control
        self.processor, self.clock, self.jobs = processor, clock, made.jobs
        self.key = control.key("charges", products=())
        self.count = 0

    def token(self, digits=CARD, product="seaside", test=True, **more):
        card = new(digits, product=product, test=test, at=booking(**more))
        return asyncio.run(self.vault.keep([card]))[0].token.alias

    def forget(self, token):
        """Erases the card, as a client that needs it no more."""
        entry = Entry(NOON, "x-1", Action.FORGET, Outcome.INTENT)
        wanted = Wanted(parse_alias(token), frozenset({"seaside", "hilltop"}))
        asyncio.run(self.vault.cards.forget(wanted, entry, None))

    def call(self, method, path="", key=None, once=None, **more):
        headers = {"Idempotency-Key": once} if once is not None else {}
        return self.control.call(
            method, f"/v1/charges{path}", key or self.key, headers=headers, **more
        )

    def post(self, path="", said=None, **more):
        return self.call("POST", path, json=said, **more)

    def said(self, token, /, **more):
        self.count += 1
        said = {"token": token, "amount": 1000, "currency": "EUR", "reference": f"R-{self.count}"}
        return {name: value for name, value in (said | more).items() if value is not None}

    def charge(self, token=None, key=None, **more):
        answered = self.post(said=self.said(token or self.token(), **more), key=key)
        assert answered.status_code == 201, answered.text
        return answered.json()

    def later(self, **time):
        self.clock.now += timedelta(**time)

    def count_of(self, table):
        with rows(self.directory) as connection:
            return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    def audit(self):
        entries = [recorded.entry for recorded in self.vault.entries()]
        return [(e.action.value, e.outcome.value, e.detail) for e in entries]


@contextmanager
def site(directory, processor=None, products=("seaside", "hilltop")):
    clock = Clock()
    settings = SETTINGS | {"products": PRODUCTS, "hotels": HOTELS}
    config = Config.model_validate_json(json.dumps(settings))
    processor = processor or Scripted()
    with opened(directory, clock=clock) as vault:
        access = Access(config, Table(), clock)
        made = parts.build(
            config, vault=vault, processors=Only(processor, products), pages=None, clock=clock,
            metrics=Metrics(),
        )  # fmt: skip
        guessing = Guessing(20, WINDOW, clock, vault=vault, metrics=Metrics())
        calls = ChargeCalls(
            made.charges,
            access=access,
            naming=Naming(access, vault),
            guessing=guessing,
            clock=clock,
        )
        with serving([calls.router]) as control:
            yield Site(directory, vault, control, processor, clock, made)
