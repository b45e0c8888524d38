"""A PMS books and pays at BookingSync: it knows a token, BookingSync gets the card."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime

import pytest

from gateway.cards.scan import find_cards
from gateway.sandbox import bookingsync_account
from gateway.sandbox.bookingsync_challenge import CHALLENGES
from tests.e2e.test_charge import keep
from tests.running import ROOT
from tests.sandbox.bookingsync import EXECUTE, GATEWAYS, JSON_API, booking, instant_booking, payment
from tests.sandbox.test_bookingsync_page import BLOCKS, needs_curl, run

PAN = "4111111111111111"


class Pms:
    """A client of BookingSync's two hosts. `seen` is all that it was answered."""

    def __init__(self, session, secure, www):
        self.session, self.secure, self.www = session, secure, www
        self.seen = []

    def call(self, method, url, **more):
        answer = self.session.request(method, url, timeout=30, **more)
        self.seen.append(answer)
        return answer

    def tentative(self, rental=1, **members):
        """The ids of a tentative booking and of its payment."""
        body = json.dumps({"bookings": [booking(**members)]})
        url = f"{self.www}/api/v3/rentals/{rental}/bookings"
        made = self.call("POST", url, data=body, headers=JSON_API)
        assert made.status_code == 201, made.text
        booking_id = made.json()["bookings"][0]["id"]
        body = json.dumps({"payments": [payment(rental)]})
        url = f"{self.www}/api/v3/bookings/{booking_id}/payments"
        made = self.call("POST", url, data=body, headers=JSON_API)
        assert made.status_code == 201, made.text
        return booking_id, made.json()["payments"][0]["id"]

    def execute(self, *args, **members):
        return self.call("POST", self.secure + EXECUTE, json=instant_booking(*args, **members))

    def get(self, kind, id):
        return self.call("GET", f"{self.www}/api/v3/{kind}/{id}", headers=JSON_API).json()[kind][0]


@pytest.fixture
def pms(gateway):
    """Behind the gateway."""
    port = gateway.sandbox.ports["bookingsync"]
    with gateway.session(gateway.key()) as session:
        yield Pms(
            session,
            f"https://secure.bookingsync.sandbox.test:{port}",
            f"https://bookingsync.sandbox.test:{port}",
        )


@pytest.fixture
def direct(gateway):
    """The same with nobody between."""
    url = gateway.sandbox.url("bookingsync")
    with gateway.direct() as session:
        yield Pms(session, url, url)


@pytest.fixture
def as_new(monkeypatch, sandbox):
    """Makes the simulator new; what differs from answer to answer stands still."""
    uuid, moment = "fc0476e1-a267-b9e7-c1f4-d3c0df5dc8fd", datetime.now(UTC)
    monkeypatch.setattr(bookingsync_account, "new_uuid", lambda: uuid)

    def reset():
        sandbox.reset()
        sandbox.bookingsync.account.now = lambda: moment

    return reset


def test_from_a_tentative_booking_to_a_paid_one(gateway, pms):
    gateway.sandbox.bookingsync.account.settings = bookingsync_account.BookingSyncSettings(0.3)
    token = keep(gateway, PAN)
    booking_id, payment_id = pms.tentative()
    answer = pms.execute(payment_id, card_number=token.alias, cardholder_name="")
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    assert pms.get("payments", payment_id)["paid_at"] is None

    ends = time.monotonic() + 20
    while pms.get("payments", payment_id)["paid_at"] is None:
        assert time.monotonic() < ends
        time.sleep(0.1)
    paid = pms.get("payments", payment_id)
    assert paid["transaction_id"].isalpha()
    assert paid["card"] == "XXXX-XXXX-XXXX-1111"
    assert pms.get("bookings", booking_id)["status"] == "Booked"

    (card,) = gateway.sandbox.received.cards("bookingsync")
    assert (card.number, card.month, card.year, card.cvc) == (PAN, "12", "2030", "123")
    assert (card.holder, card.reference) == ("Jane Doe", str(payment_id))
    assert not any(PAN in seen.text or PAN in str(seen.headers) for seen in pms.seen)


def test_the_number_arrives_as_a_json_number_and_nothing_else_changes(gateway, pms):
    token = keep(gateway, PAN)
    _, payment_id = pms.tentative()
    pms.execute(payment_id, card_number=token.alias)
    sent = json.dumps(instant_booking(payment_id, card_number=token.alias))
    expected = sent.replace(f'"{token.alias}"', PAN).replace("John Doe", "Jane Doe")
    request = gateway.sandbox.received.requests("bookingsync")[-1]
    assert request.body.decode() == expected
    assert '"card_number": 4111111111111111, ' in expected


def test_a_number_that_a_double_can_not_hold_arrives_as_a_string(gateway, pms):
    token = keep(gateway, "6304000000000000000")
    _, payment_id = pms.tentative()
    pms.execute(payment_id, card_number=token.alias)
    body = json.loads(gateway.sandbox.received.requests("bookingsync")[-1].body)
    assert body["card_number"] == "6304000000000000000"


@pytest.mark.parametrize("code", [123, "123", "012"])
def test_the_code_stays_as_the_pms_sent_it(gateway, pms, code):
    token = keep(gateway, PAN)
    _, payment_id = pms.tentative()
    answer = pms.execute(payment_id, card_number=token.alias, security_code=code)
    assert answer.status_code == 200, answer.text
    request = gateway.sandbox.received.requests("bookingsync")[-1]
    assert json.loads(request.body)["security_code"] == code
    assert gateway.sandbox.received.cards("bookingsync")[0].cvc == str(code)


@pytest.mark.parametrize("rental", [2, 3, 4])
def test_a_challenge_comes_back_byte_for_byte(gateway, pms, direct, as_new, rental):
    token = keep(gateway, PAN)
    as_new()
    _, payment_id = pms.tentative(rental)
    answer = pms.execute(payment_id, rental, card_number=token.alias)
    assert answer.status_code == 202, answer.text
    as_new()
    _, again = direct.tentative(rental)
    assert again == payment_id
    said = direct.execute(again, rental, card_number=int(PAN))
    assert answer.content == said.content
    assert answer.headers["content-type"] == said.headers["content-type"]


def test_after_a_challenge_the_pms_polls(gateway, pms, direct):
    token = keep(gateway, PAN)
    booking_id, payment_id = pms.tentative(4)
    uuid = pms.execute(payment_id, 4, card_number=token.alias).json()["uuid"]
    assert pms.get("payments", payment_id)["authorized_at"] is None
    direct.call("POST", f"{direct.secure}/_sandbox/challenges/{uuid}")
    direct.call("POST", f"{direct.secure}/_sandbox/capture")
    assert pms.get("payments", payment_id)["paid_at"] is not None
    assert pms.get("bookings", booking_id)["status"] == "Booked"


@pytest.mark.parametrize(
    ("pan", "rental", "members"),
    [
        (PAN, 1, {"tentative_payment_id": None}),
        (PAN, 1, {"zip": None, "address1": "", "gateway_id": None}),
        ("4111111111111112", 1, {}),  # declined
        ("4111111111111113", 1, {}),  # a gateway failure
        ("4444444444444444", 1, {}),  # fails the check digit
        (PAN, 1, {"security_code": 12}),
        (PAN, 5, {}),  # no gateway
        (PAN, 1, {"gateway_name": "ogone"}),
    ],
)
def test_errors_come_back_byte_for_byte(gateway, pms, direct, pan, rental, members):
    token = keep(gateway, pan)
    _, payment_id = pms.tentative(rental)
    answer = pms.execute(payment_id, rental, card_number=token.alias, **members)
    said = direct.execute(payment_id, rental, card_number=int(pan), **members)
    assert answer.status_code == said.status_code == 422
    assert answer.content == said.content
    assert answer.headers["content-type"] == said.headers["content-type"]


@pytest.mark.parametrize("attribute", ["api", "server"])
def test_broken_platforms_too(gateway, pms, direct, attribute):
    token = keep(gateway, PAN)
    _, payment_id = pms.tentative()
    account = gateway.sandbox.bookingsync.account
    account.settings = bookingsync_account.BookingSyncSettings(fails_with=attribute)
    answer = pms.execute(payment_id, card_number=token.alias)
    said = direct.execute(payment_id, card_number=int(PAN))
    assert (answer.status_code, answer.content) == (422, said.content)
    assert list(answer.json()) == [attribute]


def test_a_booking_that_expired_is_lost(gateway, pms):
    token = keep(gateway, PAN)
    booking_id, payment_id = pms.tentative()
    account = gateway.sandbox.bookingsync.account
    account.booking(booking_id).tentative_expires_at = datetime(2020, 1, 1, tzinfo=UTC)
    answer = pms.execute(payment_id, card_number=token.alias)
    assert (answer.status_code, answer.json()) == (422, {"payment": ["is not chargeable"]})
    assert pms.get("bookings", booking_id)["status"] == "Canceled"


def test_p07_a_token_becomes_a_card_at_the_payment_platform_only(gateway, pms):
    token = keep(gateway, PAN)
    booking_id, _ = pms.tentative()
    sent = payment(card=token.alias, notes=token.alias)
    url = f"{pms.www}/api/v3/bookings/{booking_id}/payments"
    pms.call("POST", url, data=json.dumps({"payments": [sent]}), headers=JSON_API)
    request = gateway.sandbox.received.requests("bookingsync")[-1]
    assert PAN.encode() not in request.body
    assert request.body.count(token.alias.encode()) == 2


def test_what_no_route_names_is_refused(gateway, pms):
    before = len(gateway.sandbox.received.requests("bookingsync"))
    for path in ("/api/v3/rentals", "/api/bookingsync/instant_bookings", "/api/v3/clients/1"):
        answer = pms.call("GET", pms.www + path, headers=JSON_API)
        assert (answer.status_code, answer.json()["code"]) == (403, "route_unknown")
    assert len(gateway.sandbox.received.requests("bookingsync")) == before


@needs_curl
def test_the_calls_of_the_page(gateway):
    token, port = keep(gateway, PAN), gateway.sandbox.ports["bookingsync"]
    block = BLOCKS[1].replace("http://127.0.0.1:8080", gateway.proxy).replace("9450", str(port))
    block = block.replace("state/ca/mitmproxy-ca-cert.pem", gateway.ca)
    told = run(f"key={gateway.key()}\ntoken={token.alias}\n{block}")
    assert "200\n" in told
    assert '"authorized_at":"' in told
    assert PAN not in told
    (card,) = gateway.sandbox.received.cards("bookingsync")
    assert (card.number, card.cvc, card.holder) == (PAN, "012", "Jane Doe")


@pytest.mark.parametrize("named", [True, False])
def test_a_challenge_whose_reference_looks_like_a_card(own_gateway, monkeypatch, tmp_path, named):
    """BS-<id>-<unix time> is sixteen digits at times, and some pass Luhn: the pack names the place."""
    stripe = CHALLENGES["stripe"]
    looks = "BS-412345-1562440007"
    assert find_cards(looks.encode())
    monkeypatch.setitem(
        CHALLENGES, "stripe", lambda uuid, *more: stripe(uuid, looks[:9], looks[10:], more[-1])
    )
    rules = shutil.copytree(ROOT / "rules", tmp_path / "rules")
    if not named:
        pack = rules / "bookingsync.yaml"
        pack.write_text(pack.read_text().replace("$.next_action.redirect_to_url.return_url, ", ""))
    gateway = own_gateway(rules=str(rules))
    port = gateway.sandbox.ports["bookingsync"]
    with gateway.session(gateway.key()) as session:
        pms = Pms(
            session,
            f"https://secure.bookingsync.sandbox.test:{port}",
            f"https://bookingsync.sandbox.test:{port}",
        )
        rental = next(id for id, (_, name) in GATEWAYS.items() if name == "stripe")
        _, payment_id = pms.tentative(rental)
        answer = pms.execute(payment_id, rental, card_number=keep(gateway, PAN).alias)
    assert answer.status_code == 202, answer.text
    assert (looks in answer.text) is named
