"""Recaptures with a clock that a test sets and a partner that it plays; the vault is a real one."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from gateway.cards.card import Booking, Card
from gateway.cards.expiry import Expiry
from gateway.config_recapture import RapidSettings
from gateway.egress import Egress
from gateway.headers import Headers
from gateway.metrics import Metrics
from gateway.outgoing import Answer
from gateway.recapture import parts
from gateway.recapture.completion import Who
from gateway.recapture.form import CardForm
from gateway.recapture.repeats import Reply
from gateway.secret import Secret
from gateway.vault.database import no_step
from gateway.vault.idempotency import Once
from gateway.vault.model import NewCard
from tests.vault.makers import opened

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAN = "5555555555554444"
ITINERARY = "7090158334868"
LINK = f"/v3/itineraries/{ITINERARY}/payment?token=REhZAQsABQsHQhEDTVtVC0w6"
CONTACT = {
    "given_name": "Ada",
    "family_name": "Example",
    "address": {"line_1": "1 Pier", "city": "Brighton", "country_code": "GB"},
}
WHO = Who("pms", "k1", "127.0.0.1", frozenset({"seaside"}))


def event(id="event-1", hours=0.0, **changes):
    """A notification of a card that failed so many hours after noon."""
    said = {
        "affiliate_reference_id": "123abc",
        "email": "ada+1@example.com",
        "event_id": id,
        "event_time": (NOON + timedelta(hours=hours)).isoformat(),
        "event_type": "itinerary.payment_verification.failure",
        "itinerary_id": ITINERARY,
        "message": "Payment validation has failed during Supplier initiated validation.",
    }
    return json.dumps(said | changes).encode()


def booking(link=LINK, **changes):
    """A retrieved booking; None: it shows no link."""
    links = {} if link is None else {"payment_change": {"method": "PUT", "href": link}}
    said = {
        "itinerary_id": ITINERARY,
        "links": links,
        "rooms": [{"checkin": "2026-04-01", "checkout": "2026-04-03"}],
        "billing_contact": CONTACT,
        "creation_date_time": "2026-02-01T10:00:00.000Z",
    }
    return json.dumps(said | changes).encode()


class Partner:
    """Rapid and the PMS's webhook: what was sent, and what is answered to it."""

    def __init__(self):
        self.calls, self.retrieved, self.change, self.hook = [], booking(), 204, [200]

    async def call(self, call):
        self.calls.append(call)
        if call.method == "POST":
            said = self.hook.pop(0) if len(self.hook) > 1 else self.hook[0]
        else:
            said = self.retrieved if call.method == "GET" else self.change
        if isinstance(said, tuple):
            call.sent, error = said
            raise error
        call.sent = True
        if callable(said):
            said = await said()
        if isinstance(said, bytes):
            return Answer(200, Headers(), Secret(said))
        status, _, kind = str(said).partition(" ")
        body = json.dumps({"type": "invalid_input", "errors": [{"type": kind}]}).encode()
        return Answer(int(status), Headers(), Secret(body if kind else b""))

    def made(self, method):
        return [call for call in self.calls if call.method == method]


class World:
    def __init__(self, vault, partner, settings):
        self.vault, self.partner, self.now = vault, partner, NOON
        self.parts = parts.build(
            settings,
            vault=vault,
            egress=Egress(stand_ins=[], private=[], own=()),
            sender=partner,
            metrics=Metrics(),
            clock=lambda: self.now,
        )
        self.recaptures = self.parts.recaptures

    def hours(self, count):
        self.now += timedelta(hours=count)

    def run(self, call):
        return asyncio.run(call)

    def heard(self, *said, **changes):
        return self.run(self.recaptures.notified(event(*said, **changes)))

    def seen(self, body=None, client="pms"):
        self.run(self.recaptures.seen(client, booking() if body is None else body))

    def turn(self):
        self.run(self.parts.jobs.turn())

    def listed(self, *states):
        return self.run(self.recaptures.listed("pms", list(states) or None))

    def one(self):
        (found,) = self.listed()
        return found

    def keep(self, pan=PAN, virtual=None, expiry=Expiry(2030, 8), **more):  # noqa: B008  # frozen
        link = Booking("siteminder", "10107", "B-1", None, virtual)
        new = NewCard("seaside", True, Card(Secret(pan), expiry), link, **more)
        return self.run(self.vault.keep([new]))[0].token

    def complete(self, id, token, code="737", who=WHO, contact=None):
        form = CardForm(
            token, False, None, Secret(code) if code else None, Secret(contact) if contact else None
        )
        return self.run(self.completed(id, who, form))

    async def completed(self, id, who, form, key=None, said=b"{}"):
        """The recapture and the token; with a key what the caller is answered, as text."""
        came = []

        def answer(row, token):
            came[:] = [(row, token)]
            return f"{row.state.value} {token.alias}".encode()

        once = None if key is None else Once(who.client, Secret(key), Secret(said), who.products)
        done = await self.parts.completion.complete(id, who, form, Reply(once, answer))
        return came[0] if key is None else done.decode()

    def audit(self):
        entries = [recorded.entry for recorded in self.vault.entries()]
        return [(e.outcome.value, e.detail) for e in entries if e.action == "detokenize"]


def settings(tmp_path, monkeypatch, **changes):
    for name in ("RAPID_KEY", "RAPID_SECRET", "HOOK_SECRET"):
        monkeypatch.setenv(name, f"{name.lower()}-of-the-tests")
    said = {
        "client": "pms",
        "url": "https://test.ean.com",
        "mode": "test",
        "api_key": {"env": "RAPID_KEY"},
        "shared_secret": {"env": "RAPID_SECRET"},
        "customer_ip": "5.5.5.5",
        "webhook": {
            "url": "https://pms.example/hook?a=b",
            "secret": {"env": "HOOK_SECRET"},
            "retry_seconds": (10, 60),
        },
    }
    return RapidSettings.model_validate(
        {k: v for k, v in (said | changes).items() if v is not None}
    )


@contextmanager
def world(tmp_path, monkeypatch, partner=None, step=no_step, **changes):
    made = []
    with opened(tmp_path, step=step, clock=lambda: made[0].now if made else NOON) as vault:
        made.append(World(vault, partner or Partner(), settings(tmp_path, monkeypatch, **changes)))
        yield made[0]
