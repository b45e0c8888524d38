"""Charges with a clock that a test sets and a scripted processor; the vault is a real one."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking
from gateway.charges import parts
from gateway.charges.beginning import Form
from gateway.charges.who import Reply, Who
from gateway.config import Config
from gateway.control.charges_shown import answered
from gateway.metrics import Metrics
from gateway.pages.links import Links
from gateway.processors.model import Initiator, Operation
from gateway.secret import Secret
from gateway.vault.idempotency import Once
from gateway.vault.postgres.connection import PostgresConnection
from tests.charges.scripted import Only, Scripted
from tests.control.serving import SETTINGS
from tests.vault.makers import Clock, booking, new, opened, rows

PRODUCTS = frozenset({"seaside", "hilltop"})
CARD = "4539578763621486"


def who(client="pms", products=PRODUCTS, **more):
    entry = Entry(
        Clock().now, "exchange", Action.CHARGE, Outcome.INTENT, client, "k1", "127.0.0.1", "control"
    )
    return Who(client, "k1", frozenset(products), entry, **more)


@contextmanager
def one_clock():
    """The test's is the server's, too."""
    with mock.patch.object(PostgresConnection, "time", lambda _, now: now):
        yield


class World:
    def __init__(self, directory, vault, processor, clock, settings):
        self.directory, self.vault, self.clock = directory, vault, clock
        self.processor, self.processors = processor, Only(processor)
        self.config = Config.model_validate_json(json.dumps(settings))
        self.count, self.metrics = 0, Metrics()
        self.restart()

    def restart(self):
        """Another process's parts, on the same vault."""
        pages = Links(self.config, self.vault.links, self.clock) if self.config.has_pages else None
        made = parts.build(
            self.config, vault=self.vault, processors=self.processors, pages=pages, clock=self.clock,
            metrics=self.metrics,
        )  # fmt: skip
        self.charges, self.jobs = made.charges, made.jobs

    def run(self, call):
        return asyncio.run(call)

    def token(self, digits=CARD, virtual=None, at="RES-1", product="seaside"):
        link = booking(at, virtual=virtual)
        card = new(digits, at=link, product=product)
        return self.run(self.vault.keep([card]))[0].token

    def form(self, token, amount=1000, currency="EUR", **more):
        self.count += 1
        said = {"reference": f"R-{self.count}"} | more
        if "at" in said:
            at = said.pop("at")
            said["booking"] = None if at is None else Booking("siteminder", "10107", at)
        if "initiator" in said:
            said["initiator"] = Initiator(said["initiator"])
        return Form(token, amount, currency, **said)

    def once(self, key, said=b"x"):
        return None if key is None else Once("pms", Secret(key), Secret(said), PRODUCTS)

    async def charging(self, token, amount=1000, currency="EUR", *, by=None, key=None, **more):
        form = self.form(token, amount, currency, **more)
        return await self.charges.create(by or who(), form, Reply(self.once(key), answered))

    def charge(self, token, *sum, **more):
        return json.loads(self.run(self.charging(token, *sum, **more)))

    async def asking(self, id, operation, amount=None, *, by=None, key=None):
        reply = Reply(self.once(key), answered)
        return await self.charges.ask(by or who(), id, Operation(operation), amount, reply)

    def ask(self, id, operation, amount=None, **more):
        return json.loads(self.run(self.asking(id, operation, amount, **more)))

    def look(self, id, **more):
        reply = Reply(self.once(more.pop("key", None)), answered)
        return json.loads(self.run(self.charges.look(who(), id, reply)))

    def get(self, id, by=None):
        return json.loads(answered(*self.run(self.charges.get(by or who(), id))))

    def state(self, id):
        shown = self.get(id)
        return shown["state"] + ("+" if shown["in_progress"] else "")

    def later(self, **time):
        self.clock.now += timedelta(**time)

    def turn(self):
        self.run(self.jobs.turn())

    def settle(self, hours=0, minutes=0):
        """Lets time pass as the jobs see it: each does what is due, when it is."""
        end = self.clock.now + timedelta(hours=hours, minutes=minutes)
        for _ in range(1000):
            due = self.run(self.vault.charges.due_in())
            if due is None or self.clock.now + due > end:
                break
            self.clock.now += max(due, timedelta())
            self.turn()
        else:
            raise AssertionError("something is due all the time")
        self.clock.now = end

    def audit(self):
        entries = [recorded.entry for recorded in self.vault.entries()]
        return [(e.action.value, e.outcome.value, e.detail) for e in entries]

    def notices(self):
        with rows(self.directory) as connection:
            found = connection.execute("SELECT kind FROM notice ORDER BY number").fetchall()
        return [kind for (kind,) in found]

    def files(self):
        return b"".join(path.read_bytes() for path in (self.directory / "state").iterdir())


@contextmanager
def world(tmp_path, processor=None, step=None, **products):
    clock = Clock()
    settings = SETTINGS | {"products": SETTINGS["products"] | products}
    more = {} if step is None else {"step": step}
    with one_clock(), opened(tmp_path, clock=clock, told={"pms"}, **more) as vault:
        yield World(tmp_path, vault, processor or Scripted(), clock, settings)
