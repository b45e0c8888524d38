"""A control port with a vault, a scripted processor and collections that a test moves on."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager

from gateway.access.clients import Access
from gateway.access.old_tokens import Naming
from gateway.charges import parts as charging
from gateway.collections import parts
from gateway.config import Config
from gateway.control.cards_guessing import Guessing
from gateway.control.collections import CollectionCalls
from gateway.metrics import Metrics
from gateway.pages.links import Links
from tests.access.fakes import Table
from tests.charges.scripted import Only, Scripted
from tests.collections.world import PAGES
from tests.control.card_calls import HOTELS, PRODUCTS, WINDOW
from tests.control.charge_calls import Site as ChargeSite
from tests.control.serving import SETTINGS, serving
from tests.vault.makers import Clock, opened


class Site(ChargeSite):
    """The port, its vault, and the processor."""

    def call(self, method, path="", key=None, once=None, **more):
        headers = {"Idempotency-Key": once} if once is not None else {}
        return self.control.call(
            method, f"/v1/collections{path}", key or self.key, headers=headers, **more
        )

    def said(self, token, /, **more):
        said = super().said(token)
        said |= {"initiator": "deposit", "steps": {"payment_link": {}}} | more
        return {name: value for name, value in said.items() if value is not None}

    def collect(self, token=None, key=None, **more):
        answered = self.post(said=self.said(token or self.token(), **more), key=key)
        assert answered.status_code == 201, answered.text
        return answered.json()

    def go_on(self):
        asyncio.run(self.jobs.turn())


@contextmanager
def site(directory, processor=None, products=("seaside", "hilltop")):
    clock = Clock()
    known = {
        name: one | ({"pages": PAGES} if name == "seaside" else {})
        for name, one in PRODUCTS.items()
    }
    settings = SETTINGS | {"products": known, "hotels": HOTELS}
    config = Config.model_validate_json(json.dumps(settings))
    processor = processor or Scripted()
    with opened(directory, clock=clock) as vault:
        access = Access(config, Table(), clock)
        processors = Only(processor, products)
        links = Links(config, vault.links, clock)
        ours = charging.build(
            config, vault=vault, processors=processors, pages=links, clock=clock, metrics=Metrics()
        )
        made = parts.build(
            config, vault=vault, charges=ours.charges, processors=processors,
            links=links, clock=clock,
        )  # fmt: skip
        guessing = Guessing(20, WINDOW, clock, vault=vault, metrics=Metrics())
        calls = CollectionCalls(
            made.collections,
            access=access,
            naming=Naming(access, vault),
            guessing=guessing,
            clock=clock,
        )
        with serving([calls.router]) as control:
            yield Site(directory, vault, control, processor, clock, made)
