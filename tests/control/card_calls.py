"""A control port with a vault behind `/v1/cards`, and what the tests of it ask."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta

from gateway.access.clients import Access
from gateway.config import Config
from gateway.control.cards import CardCalls
from gateway.control.cards_guessing import Guessing
from gateway.metrics import Metrics
from tests.access.fakes import Table
from tests.control.serving import SETTINGS, serving
from tests.vault.makers import Clock, opened, rows

CANARY = "4539578763621486"
CODE = "739"
HOLDER = "Ana Example"
PRODUCTS = {
    "seaside": {"merchant_code": "a", "terminal": 1, "mode": "test"},
    "hilltop": {"merchant_code": "b", "terminal": 1, "mode": "live", "hold_cvc_minutes": 5},
    "strict": {"merchant_code": "c", "terminal": 1, "mode": "live", "cvc_required": True},
}
HOTELS = {"siteminder": {"10107": "seaside", "20207": "hilltop"}}
MONTH = {"expiration_month": "09", "expiration_year": "2030"}
WINDOW = timedelta(minutes=15)
BOOKED = "system=siteminder&hotel=10107&booking=RES-1"


def body(**more):
    said = {
        "number": CANARY,
        "expiration_month": "08",
        "expiration_year": "2029",
        "holder": HOLDER,
        "product": "seaside",
    } | more
    return {name: value for name, value in said.items() if value is not None}


def booked(booking="RES-1", product="seaside", **more):
    said = {"system": "siteminder", "hotel": "10107", "id": booking, **more}
    return body(product=product, booking=said)


class Site:
    """The port, its vault, and the vault's files."""

    def __init__(self, directory, vault, control, metrics, clock):
        self.directory, self.vault, self.control = directory, vault, control
        self.metrics, self.clock = metrics, clock
        self.key = control.key("cards", products=())

    def add(self, said=None, key=None, once=None):
        headers = {"Idempotency-Key": once} if once is not None else {}
        return self.control.post("/v1/cards", key or self.key, json=said or body(), headers=headers)

    def token(self, said=None, key=None):
        answered = self.add(said, key)
        assert answered.status_code == 201, answered.text
        return answered.json()["token"]

    def get(self, path, key=None):
        return self.control.get(f"/v1/cards{path}", key or self.key)

    def call(self, method, path, key=None, once=None, **more):
        headers = {"Idempotency-Key": once} if once is not None else {}
        return self.control.call(
            method, f"/v1/cards{path}", key or self.key, headers=headers, **more
        )

    def audit(self, skip=0):
        entries = [recorded.entry for recorded in self.vault.entries()][skip:]
        return [(e.action.value, e.outcome.value, e.product, e.detail) for e in entries]

    def count(self, table):
        with rows(self.directory) as connection:
            return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    def files(self):
        return b"".join(path.read_bytes() for path in (self.directory / "state").iterdir())


@contextmanager
def site(directory, step=None):
    clock, metrics = Clock(), Metrics()
    settings = SETTINGS | {"products": PRODUCTS, "hotels": HOTELS}
    config = Config.model_validate_json(json.dumps(settings))
    more = {} if step is None else {"step": step}
    with opened(directory, clock=clock, **more) as vault:
        access = Access(config, Table(), clock)
        guessing = Guessing(20, WINDOW, clock, vault=vault, metrics=metrics)
        calls = CardCalls(vault, access, guessing, metrics, clock)
        with serving([calls.router]) as control:
            yield Site(directory, vault, control, metrics, clock)


def wrongs(answered):
    return {(one["name"], one["problem"]) for one in answered.json()["errors"]}
