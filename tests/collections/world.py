"""Collections with a clock that a test sets, a scripted processor and a guest; the vault is a real one."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking
from gateway.collections import parts
from gateway.collections.service import Form
from gateway.control.collections_shown import answered
from gateway.pages.capture_order import result_of
from gateway.pages.links import Links, held, hold
from gateway.processors.model import Initiator
from gateway.recapture.service import SYSTEM
from gateway.secret import Secret
from gateway.vault.charge_changes import Filter
from gateway.vault.collection_changes import CollectionFilter
from gateway.vault.link import LinkState
from gateway.vault.model import NewCard
from tests.charges.scripted import Scripted
from tests.charges.world import CARD, PRODUCTS, World, one_clock, who
from tests.control.serving import SETTINGS
from tests.vault.makers import Clock, card, opened

GUESTS = "5555555555554444"
PAGES = {"name": "Hotel Seaside", "origins": ["https://pms.example"]}
ADDRESS = {"line_1": "1 Pier", "city": "Seattle", "postal_code": "98121", "country_code": "US"}
TOTAL = 1000


class Collecting(World):
    def restart(self):
        super().restart()
        self.links = Links(self.config, self.vault.links, self.clock)
        made = parts.build(
            self.config,
            vault=self.vault,
            charges=self.charges,
            processors=self.processors,
            links=self.links,
            clock=self.clock,
        )
        self.collections, self.collecting = made.collections, made.jobs

    def form_of(self, token, **more):
        self.count += 1
        said = {"reference": f"C-{self.count}", "initiator": Initiator.DEPOSIT, "link_hours": 72}
        said |= more
        at = said.pop("at", "RES-1")
        said["booking"] = at if isinstance(at, Booking) else Booking("siteminder", "10107", at)
        return Form(token, said.pop("amount", TOTAL), said.pop("currency", "EUR"), **said)

    def collect(self, token=None, *, by=None, key=None, **more):
        """Begins one; as the API shows it. Nothing is done yet."""
        form = self.form_of(token or self.token(), **more)
        call = self.collections.create(by or who(), form, self.once(key), answered)
        return json.loads(self.run(call))

    def look_at(self, id, by=None):
        return json.loads(answered(*self.run(self.collections.get(by or who(), id))))

    def go_on(self):
        """What is due now is done: of collections, and of charges."""
        for _ in range(20):
            self.run(self.collecting.turn())
            self.run(self.jobs.turn())
            due = self.run(self.vault.collections.next_due())
            if due is None or due > self.clock.now:
                return
        raise AssertionError("something is due all the time")

    def state_of(self, id):
        self.go_on()
        return self.look_at(id)["state"]

    def stop(self, id, by=None, key=None):
        call = self.collections.stop(by or who(), id, self.once(key), answered)
        return json.loads(self.run(call))

    def mine(self, **more):
        wanted = CollectionFilter(PRODUCTS, "pms", **more)
        return [one.row.id for _, one in self.run(self.collections.listed(wanted))]

    def references(self):
        """Of all charges, in their order."""
        found = self.run(self.charges.listed(Filter(PRODUCTS)))
        return [one.row.reference for _, one in reversed(found)]

    def link_of(self, id):
        """The open link of a collection, as the vault has it."""
        url = self.look_at(id)["link"]["url"]
        secret = Secret(url.rpartition("/")[2])
        return self.run(self.vault.links.by_secret(secret))

    def guest_types(self, id, digits=GUESTS, address=None):
        """What `gateway.pages.capture` does when a guest sends the page."""
        link = self.link_of(id)
        about, more = held(link)
        typed = card(digits)
        contact = None if address is None else {"address": address}

        def also(connection, kept):
            result = result_of(kept.token, kept.card)
            what = hold(about, {**more, "result": result, "billing_contact": contact})
            self.vault.links.use(connection, link.row.id, what)

        entry = Entry(self.clock.now, link.row.id, Action.TOKENIZE, Outcome.INTENT, "pms")
        new = NewCard(link.row.product, True, typed, about.booking)
        self.run(self.vault.cards.add(new, entry, None, lambda _: b"", also))
        return link

    def link_state(self, link):
        found = self.run(self.vault.links.by_secret(Secret(link.rpartition("/")[2])))
        return found.row.state_at(self.clock.now)


def rapid(itinerary="9000000001"):
    return Booking(SYSTEM, None, itinerary)


@contextmanager
def collecting(tmp_path, processor=None, step=None, told=("pms",), **changes):
    clock = Clock()
    products = {
        name: one | {"pages": PAGES} if name == "seaside" else one
        for name, one in SETTINGS["products"].items()
    }
    settings = SETTINGS | {"products": products} | changes
    more = {} if step is None else {"step": step}
    with one_clock(), opened(tmp_path, clock=clock, told=set(told), **more) as vault:
        yield Collecting(tmp_path, vault, processor or Scripted(), clock, settings)


__all__ = [
    "ADDRESS",
    "CARD",
    "GUESTS",
    "Collecting",
    "LinkState",
    "collecting",
    "rapid",
    "timedelta",
    "who",
]
