"""Collections through a whole gateway: over its API, at the sandbox's processor, with a guest at its pages."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.cards.card import Virtual
from gateway.sandbox import processor_payments as numbers
from gateway.sandbox.server import Sandbox
from tests.e2e.process import until
from tests.e2e.recapture import Pms as Booking
from tests.e2e.test_recapture_pages import Guest
from tests.processors.orders import keep, set_credentials
from tests.processors.served import Gateway
from tests.sandbox.rapid import BAD, OTHER, Partner

pytestmark = pytest.mark.slow

CARD, VIRTUAL = "5555555555554444", "4539578763621486"
PRODUCTS = {
    "seaside": {
        "merchant_code": "seaside01", "terminal": 1, "mode": "test", "processor": "sandbox",
        "time_zone": "Europe/Madrid",
        "pages": {"name": "Hotel Seaside", "language": "en", "origins": ["https://pms.example"]},
    },
}  # fmt: skip
_COUNT = itertools.count()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(sandbox, tmp_path_factory):
    directory = tmp_path_factory.mktemp("collections")
    files = {}
    for name in ("sandbox-key", "sandbox-secret", "hook-secret"):
        (directory / name).write_text(name + "\n")
        (directory / name).chmod(0o600)
        files[name] = {"file": str(directory / name)}
    rapid = {
        "client": "pms", "url": sandbox.named_url("rapid"), "api_key": files["sandbox-key"],
        "shared_secret": files["sandbox-secret"], "customer_ip": "5.5.5.5",
    }  # fmt: skip
    hook = {"url": sandbox.named_url("pms") + "/hook", "secret": files["hook-secret"]}
    made = Gateway(
        directory / "gateway",
        sandbox,
        products=PRODUCTS,
        clients={"pms": {"networks": ["127.0.0.0/8"], "webhook": hook}},
        recaptures={"expedia-rapid": rapid},
        limits={"upstream_seconds": 5},
    )
    assert set_credentials(made, "seaside", "sandbox").status_code == 200
    yield made
    made.stop(grace=0.5)


class Pms:
    """What hotel software does."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.key = gateway.key(scopes=("charges",), products=("seaside",))

    def collect(self, number=numbers.APPROVED, **more):
        said = {
            "token": keep(self.gateway, number).alias, "amount": 1050, "currency": "EUR",
            "initiator": "deposit", "reference": f"W-{next(_COUNT)}",
            "steps": {"payment_link": {"hours": 5}},
        } | more  # fmt: skip
        made = self.gateway.api("POST", "/v1/collections", self.key, json=said)
        assert made.status_code == 201, made.text
        return made.json()

    def get(self, id):
        return self.gateway.api("GET", f"/v1/collections/{id}", self.key).json()

    def reaches(self, id, state, link=False):
        """The collection, once it is there."""
        assert until(
            30,
            lambda: (found := self.get(id))["state"] == state and (found["link"] or not link),
        ), self.get(id)
        return self.get(id)

    def notices(self, subject):
        sent = self.gateway.sandbox.received.requests("pms")
        said = [json.loads(one.body) for one in sent if one.path == "/hook"]
        return [one for one in said if one["subject"] == subject]

    def told(self, id, count):
        """The notices about it, in their order, once there are so many."""
        assert until(20, lambda: len(self.notices(id)) >= count), self.notices(id)
        return self.notices(id)

    def told_of(self, id, kind):
        """Those of this kind, once there are any."""
        found = lambda: [one for one in self.notices(id) if one["type"] == kind]  # noqa: E731  # short, and read just below
        assert until(20, found), self.notices(id)
        return found()


@pytest.fixture
def pms(gateway, sandbox):
    sandbox.received.clear()
    return Pms(gateway)


def payments(gateway):
    found = gateway.sandbox.received.requests("processor")
    bodies = [json.loads(one.body) for one in found if one.path == "/v1/payments" and one.body]
    return [(one["reference"], one["amount"]) for one in bodies if "amount" in one]


def test_taken_at_once_and_told_in_order(pms, gateway):
    id = pms.collect(reference="W-now")["id"]
    pms.reaches(id, "succeeded")
    kinds = [one["type"] for one in pms.told(id, 3)]
    assert kinds == ["collection.waiting", "collection.charging", "collection.succeeded"]
    assert payments(gateway) == [("W-now", 1050)]


def test_p16_declined_and_paid_by_the_guest_at_a_page_of_ours(pms, gateway):
    made = pms.collect(
        numbers.DECLINED, reference="W-guest", purpose="Deposit for your stay", language="en",
        booking={"system": "siteminder", "hotel": "10107", "id": "RES-GUEST"},
    )  # fmt: skip
    shown = pms.reaches(made["id"], "payment_link")
    (told,) = [one for one in pms.told(made["id"], 3) if one["type"] == "collection.payment_link"]
    assert told["data"]["url"] == shown["link"]["url"]
    guest = Guest(gateway, shown["link"]["url"])
    page = guest.open().text
    for text in ("Deposit for your stay", "RES-GUEST", "10.50"):
        assert text in page
    assert guest.send(number=CARD, holder="Ana Example").status_code == 200
    done = pms.reaches(made["id"], "succeeded")
    assert (done["collected"], done["link"]) == (1050, None)
    assert payments(gateway) == [("W-guest", 1050), ("W-guest-2", 1050)]
    assert [one["type"] for one in pms.told(made["id"], 5)] == [
        "collection.waiting", "collection.charging", "collection.payment_link",
        "collection.charging", "collection.succeeded",
    ]  # fmt: skip
    for name, written in gateway.everything_written():
        for text in (CARD, numbers.DECLINED, shown["link"]["url"].rpartition("/")[2]):
            assert text.encode() not in written, name


def test_a_virtual_card_waits_for_its_day_at_the_hotel(pms, gateway):
    madrid = ZoneInfo("Europe/Madrid")
    day = datetime.now(madrid).date() + timedelta(days=2)
    token = keep(gateway, VIRTUAL, virtual=Virtual(active_from=day)).alias
    made = pms.collect(token=token)
    begins = datetime.combine(day, time(), madrid)
    assert datetime.fromisoformat(made["steps"]["charge"]["not_before"]) == begins
    now = pms.collect(token=token, steps={"charge": {"not_before": "2026-01-01T00:00:00Z"}})
    refused = lambda: pms.get(now["id"])["history"][-1]["code"] == "card_not_yet_active"  # noqa: E731  # short, and read just below
    assert until(20, refused)
    shown = pms.get(now["id"])
    assert (shown["state"], shown["steps"]["charge"]["not_before"]) == (
        "waiting", made["steps"]["charge"]["not_before"],
    )  # fmt: skip
    assert pms.get(made["id"])["state"] == "waiting"
    assert payments(gateway) == []
    for one in (made, now):
        gateway.api("POST", f"/v1/collections/{one['id']}/stop", pms.key)


def test_p24_an_answer_that_never_came_is_waited_for(pms, gateway):
    id = pms.collect(numbers.TIMEOUT, reference="W-slow")["id"]
    pms.reaches(id, "succeeded")
    assert payments(gateway) == [("W-slow", 1050)]


def test_stopped_while_the_guest_has_a_link(pms, gateway):
    id = pms.collect(numbers.DECLINED)["id"]
    url = pms.reaches(id, "payment_link")["link"]["url"]
    stopped = gateway.api("POST", f"/v1/collections/{id}/stop", pms.key)
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    assert Guest(gateway, url).open().status_code == 404
    again = gateway.api("POST", f"/v1/collections/{id}/stop", pms.key)
    assert (again.status_code, again.json()["code"]) == (409, "collection_over")


def test_p16_a_guest_who_does_not_pay_and_another_card_for_the_channel(pms, gateway, sandbox):
    """The payment link is over; Rapid takes another card, which the guest types, and it is charged."""
    partner = Partner(sandbox)
    front_desk = Booking(gateway, partner)
    # Nothing is heard of the card that failed before the booking is looked at again.
    partner.control("webhook", url="")
    itinerary, retrieve = front_desk.book(keep(gateway, BAD))
    at = {"system": "expedia-rapid", "id": itinerary}
    steps = {"payment_link": {"hours": 5}, "recapture": {"hours": 5}}
    made = pms.collect(numbers.DECLINED, reference="W-rapid", booking=at, steps=steps)
    link = pms.reaches(made["id"], "payment_link")["link"]
    cards = gateway.key(scopes=("cards",), products=("seaside",))
    withdrawn = gateway.api("DELETE", f"/v1/capture-links/{link['id']}", cards)
    assert withdrawn.status_code == 204
    pms.reaches(made["id"], "recapture")
    assert pms.get(made["id"])["link"] is None
    assert front_desk.proxied("GET", retrieve).status_code == 200  # its answer shows Rapid's link
    front_desk.waiting()
    # It is looked for once a minute: here, at once.
    gateway.loop.call(gateway.worker.collections.jobs._steps.advance(made["id"]))
    shown = pms.reaches(made["id"], "recapture", link=True)
    told = [one for one in pms.told(made["id"], 5) if one["type"] == "collection.recapture"]
    assert [one["data"]["url"] for one in told] == [None, shown["link"]["url"]]
    guest = Guest(gateway, shown["link"]["url"])
    assert itinerary in guest.open().text
    assert guest.send(number=OTHER).status_code == 200
    done = pms.reaches(made["id"], "succeeded")
    assert (done["step"], done["collected"]) == ("recapture", 1050)
    assert payments(gateway) == [("W-rapid", 1050), ("W-rapid-2", 1050)]
    sent = [card.number for card in gateway.sandbox.received.cards("rapid")]
    assert sent[-1] == OTHER
    partner.client.close()


def test_a_challenge_of_the_guests_bank_is_waited_for(pms, gateway, sandbox):
    made = pms.collect(numbers.DECLINED, return_url="https://pms.example/back")
    url = pms.reaches(made["id"], "payment_link")["link"]["url"]
    back = Guest(gateway, url)
    sent = _send(back, number=numbers.CHALLENGED, holder="Ana Example")
    assert sent.headers["Location"].startswith("https://pms.example/back?link=")
    shown = pms.reaches(made["id"], "charging")
    charge = shown["charges"][-1]
    (challenge,) = pms.told_of(charge, "charge.challenged")
    page = Guest(gateway, challenge["data"]["challenge"]["url"])
    assert "10.50" in page.open().text
    charged = gateway.api("GET", f"/v1/charges/{charge}", pms.key).json()
    with gateway.direct() as session:
        passed = f"{sandbox.url('processor')}/challenge/{charged['processor_id']}?outcome=ok"
        session.get(passed, allow_redirects=False, timeout=10)
    assert pms.reaches(made["id"], "succeeded")["collected"] == 1050


def _send(guest, **changes):
    from tests.e2e.test_recapture_pages import TYPED
    from tests.pages.serving import TOKEN

    token = TOKEN.search(guest.open().text)[1]
    typed = {"form_token": token} | TYPED | changes
    return guest.session.post(guest.url, typed, timeout=40, allow_redirects=False)
