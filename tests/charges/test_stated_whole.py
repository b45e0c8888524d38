"""Processors that move another sum than they were asked for, through whole gateways."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from gateway.sandbox import bookingsync_card
from gateway.sandbox import processor_payments as numbers
from gateway.sandbox.server import Sandbox
from tests.charges.test_whole import ask, get, said, wait_for
from tests.processors.orders import keep, set_credentials
from tests.processors.served import Gateway
from tests.processors.test_bookingsync import prepared

pytestmark = pytest.mark.slow

PRODUCT = {"merchant_code": "seaside01", "terminal": 1, "mode": "test", "hold_cvc_minutes": 15}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def gateways(sandbox, tmp_path_factory):
    started = {}

    def of(processor):
        if processor not in started:
            products = {"seaside": PRODUCT | {"processor": processor}}
            made = Gateway(tmp_path_factory.mktemp(processor), sandbox, products=products)
            started[processor] = made
            assert set_credentials(made, "seaside", processor).status_code == 200
        gateway = started[processor]
        return gateway, gateway.key(scopes=("charges",), products=("seaside",))

    yield of
    for gateway in started.values():
        gateway.stop(grace=0.5)


@pytest.fixture(autouse=True)
def _as_asked_again(sandbox):
    yield
    sandbox.stripe.account.part = sandbox.paycomet.payments.part = Fraction(1)


def sums(shown):
    stated = shown["stated"]
    named = None if stated is None else (stated["amount"], stated["currency"])
    return shown["state"], shown["captured"], shown["refunded"], named


def counted(gateway, processor):
    line = f'charge_sums_differ_total{{processor="{processor}"}} '
    found = re.search(re.escape(line) + r"(\d+)", gateway.metrics())
    return int(found[1]) if found else 0


def test_the_sandboxs_processor_takes_another_sum(gateways):
    gateway, key = gateways("sandbox")
    before = counted(gateway, "sandbox")
    for number, state in (
        (numbers.APPROVED, ("succeeded", 1050, 0, None)),
        (numbers.HALF, ("succeeded", 525, 0, (525, "EUR"))),
        (numbers.DOUBLE, ("succeeded", 2100, 0, (2100, "EUR"))),
        (numbers.OTHER_CURRENCY, ("succeeded", 1050, 0, (1050, "USD"))),
    ):
        charge = ask(gateway, key, said=said(keep(gateway, number))).json()
        assert sums(charge) == state
        assert (charge["history"][-1]["stated"] is None) == (number == numbers.APPROVED)
        register = gateway.api("GET", "/v1/charges?limit=1", key).json()["charges"][0]
        assert sums(register) == state
        looked = ask(gateway, key, f"/{charge['id']}/look").json()
        assert (sums(looked), len(looked["history"])) == (state, len(charge["history"]))
    assert counted(gateway, "sandbox") == before + 3


def test_what_was_really_held_taken_and_given_back_counts(gateways):
    gateway, key = gateways("sandbox")
    asked = said(keep(gateway, numbers.HALF), capture="later")
    held = ask(gateway, key, said=asked).json()
    assert sums(held) == ("authorized", 0, 0, (525, "EUR"))
    path = f"/{held['id']}"
    assert ask(gateway, key, f"{path}/capture", {"amount": 526}).json()["code"] == "amount_too_high"
    taken = ask(gateway, key, f"{path}/capture", {"amount": 400}).json()
    assert sums(taken) == ("succeeded", 200, 0, (200, "EUR"))
    assert ask(gateway, key, f"{path}/refund", {"amount": 201}).json()["code"] == "amount_too_high"
    assert sums(ask(gateway, key, f"{path}/refund").json()) == ("refunded", 200, 100, (100, "EUR"))


def test_an_answer_that_never_came_is_counted_by_what_a_look_finds(gateways, sandbox):
    gateway, key = gateways("sandbox")
    with gateway.waiting(3):
        charge = ask(gateway, key, said=said(keep(gateway, numbers.DROPPED))).json()
    assert charge["state"] == "unknown"
    (payment,) = sandbox.processor.payments.of(charge["reference"])
    payment.captured = 400  # a part, on the processor's own pages
    wait_for(gateway, key, charge, "succeeded")
    assert sums(get(gateway, key, charge["id"])) == ("succeeded", 400, 0, (400, "EUR"))


@pytest.mark.parametrize("processor", ["stripe", "paycomet"])
def test_partners_that_take_another_sum(gateways, sandbox, processor):
    gateway, key = gateways(processor)
    more = {"extra": {"ip": "203.0.113.7"}} if processor == "paycomet" else {}
    at = sandbox.stripe.account if processor == "stripe" else sandbox.paycomet.payments
    token = keep(gateway)
    right = ask(gateway, key, said=said(token, capture="later", **more)).json()
    assert sums(right) == ("authorized", 0, 0, None)
    at.part = Fraction(1, 2)
    id = right["id"]
    assert sums(ask(gateway, key, f"/{id}/capture").json()) == ("succeeded", 525, 0, (525, "EUR"))
    back = ask(gateway, key, f"/{id}/refund", {"amount": 100}).json()
    assert sums(back) == ("refunded", 525, 50, (50, "EUR"))
    debit = ask(gateway, key, said=said(token, **more)).json()
    assert sums(debit) == ("succeeded", 525, 0, (525, "EUR"))
    looked = ask(gateway, key, f"/{debit['id']}/look").json()
    assert (sums(looked), len(looked["history"])) == (sums(debit), len(debit["history"]))
    assert counted(gateway, processor) == 3


def test_stripes_own_pages_take_a_part(gateways, sandbox):
    gateway, key = gateways("stripe")
    held = ask(gateway, key, said=said(keep(gateway), capture="later")).json()
    intent = sandbox.stripe.account.known(held["processor_id"])
    sandbox.stripe.account.change(intent, "capture", {"amount_to_capture": "700"})
    looked = ask(gateway, key, f"/{held['id']}/look").json()
    assert sums(looked) == ("succeeded", 700, 0, (700, "EUR"))


def test_an_exponent_of_the_processors_own_is_none_of_its_sums(gateways, sandbox):
    gateway, key = gateways("stripe")
    charge = ask(gateway, key, said=said(keep(gateway), amount=900, currency="ISK")).json()
    assert sums(charge) == ("succeeded", 900, 0, None)
    sandbox.stripe.account.part = Fraction(1, 2)
    charge = ask(gateway, key, said=said(keep(gateway), amount=900, currency="ISK")).json()
    assert sums(charge) == ("succeeded", 450, 0, (450, "ISK"))
    charge = ask(gateway, key, said=said(keep(gateway), amount=901, currency="ISK")).json()
    assert sums(charge) == ("succeeded", 901, 0, None)  # half a krona is none
    assert charge["history"][-1]["code"] == "sum_unreadable"


def test_a_tentative_payment_is_charged_for_what_it_holds(gateways, sandbox):
    gateway, key = gateways("bookingsync")
    sandbox.bookingsync.reset()
    order = prepared(gateway, pan=bookingsync_card.APPROVED)  # of 10.99
    asked = said(order.token, amount=550, extra=dict(order.extra))
    charge = ask(gateway, key, said=asked).json()
    assert sums(charge) == ("authorized", 0, 0, None)  # the answer has no body
    sandbox.bookingsync.account.capture()
    looked = ask(gateway, key, f"/{charge['id']}/look").json()
    assert sums(looked) == ("succeeded", 1099, 0, (1099, "EUR"))
    assert looked["history"][-1]["stated"] == {"amount": 1099, "currency": "EUR"}
    assert counted(gateway, "bookingsync") >= 1
