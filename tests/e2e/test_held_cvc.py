"""A product may hold a security code for minutes: for one authorisation, wherever that goes."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import VaultUnavailable
from gateway.sandbox.faults import Fault, FaultServer
from gateway.sandbox.tls import server_context
from gateway.secret import Secret
from gateway.stages import detokenize
from tests.e2e.ota import bookings, tokens
from tests.e2e.process import until
from tests.e2e.test_bookingsync import Pms
from tests.e2e.test_charge import stripe
from tests.sandbox.bookingsync import EXECUTE


@pytest.fixture
def holding(own_gateway):
    return own_gateway(
        products={
            "seaside": {
                "merchant_code": "seaside01", "terminal": 1, "mode": "test", "hold_cvc_minutes": 15,
            },
        }
    )  # fmt: skip


def pulled(gateway, hotel="CVC"):
    """The alias of the card of a pull."""
    ((iduser, tokenuser, _),) = tokens(*bookings(gateway.pull(hotel).content))
    return f"tok_test_{iduser}_{tokenuser}"


def charge(gateway, alias, **more):
    data = {
        "amount": "1099", "currency": "eur", "confirm": "true",
        "payment_method_data[type]": "card", "payment_method_data[card][number]": alias,
    }  # fmt: skip
    return stripe(gateway, "/v1/payment_intents", data | more)


def codes(sandbox, system="stripe"):
    return [card.cvc for card in sandbox.received.cards(system)]


def held(gateway):
    return gateway.rows("select count(*) from cvc")[0][0]


def sent_by_siteminder(gateway):
    """The code that SiteMinder sends."""
    text = gateway.upstream_bytes("CVC").text
    return text.partition('SeriesCode="')[2].partition('"')[0]


def test_p21_a_held_code_is_put_in_once(holding, sandbox):
    code = sent_by_siteminder(holding)
    answer = holding.pull("CVC")
    assert f'"{code}"' not in answer.text
    alias = pulled(holding)
    assert held(holding) == 1
    assert charge(holding, alias).status_code == 200
    assert codes(sandbox) == [code]
    assert held(holding) == 0
    charge(holding, alias)
    assert codes(sandbox) == [code, None]


def test_p21_a_declined_authorisation_uses_it_up_as_well(holding, sandbox):
    alias = pulled(holding)
    answer = charge(holding, alias, amount="0")
    assert answer.status_code != 200
    assert held(holding) == 0


def test_p21_the_callers_own_code_goes_before_the_held_one_and_uses_it_up(holding, sandbox):
    alias = pulled(holding)
    charge(holding, alias, **{"payment_method_data[card][cvc]": "999"})
    assert codes(sandbox) == ["999"]
    assert held(holding) == 0


JSON = '{"payment_method_data[card][cvc]": "%s", "amount": 1099}'
XML = '<?xml version="1.0" encoding="UTF-16"?><e><cvc>%s</cvc><amount>1099</amount></e>'


@pytest.mark.parametrize(
    ("text", "label", "codec"),
    [
        (JSON, "application/json", "utf-8"),
        (JSON, "application/json; charset=utf-16", "utf-16"),
        (JSON, "application/json; charset=utf-16le", "utf-16-le"),
        (JSON, "application/json", "utf-16-be"),
        (XML, "text/xml; charset=utf-16", "utf-16"),
        (XML, "text/xml; charset=utf-16be", "utf-16-be"),
        (f"\u4e2d{XML}", "text/plain", "utf-16-be"),
    ],
)
def test_p03_a_code_that_is_echoed_reaches_nobody(holding, sandbox, text, label, codec):
    code = sent_by_siteminder(holding)
    alias = pulled(holding)
    body = (text % code).encode(codec)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    stand_ins = holding.worker._egress._stand_ins
    with (
        FaultServer("close_after_request", context=server_context(sandbox.directory)) as server,
        holding.session(holding.key()) as session,
    ):
        server.fault = Fault(lambda card: (head % (label.encode(), len(body)) + body,))
        known = stand_ins["stripe.sandbox.test", sandbox.ports["stripe"]]
        stand_ins["echo.sandbox.test", server.port] = known
        answer = session.post(
            f"https://echo.sandbox.test:{server.port}/v1/payment_intents",
            data={"payment_method_data[card][number]": alias},
            timeout=20,
        )
        assert code.encode() in server.received[0]
    assert answer.content == (text % "0").encode(codec)


def test_p21_another_charge_meanwhile_keeps_it_from_coming_back(holding, sandbox):
    """The first one takes the code and does not leave; the second one authorises the card."""
    alias = pulled(holding)
    cards_in, charged = holding.worker._pipeline._s.cards_in, []
    original = cards_in.put_back

    async def late(exchange):
        if not exchange.sent and not charged:
            charged.append(True)
            await asyncio.to_thread(charge, holding, alias)
        await original(exchange)

    cards_in.put_back = late
    unreachable(holding, sandbox, alias)
    assert until(10, lambda: charged and len(codes(sandbox)) == 1)
    time.sleep(0.3)
    assert until(30, lambda: held(holding) == 0)


def test_p36_an_exchange_whose_code_is_lost_is_recorded_all_the_same(holding, sandbox):
    alias = pulled(holding)

    async def fail(found):
        del found
        raise VaultUnavailable

    holding.worker._vault.return_cvc = fail
    unreachable(holding, sandbox, alias)
    assert until(30, lambda: "cvc_lost" in holding.logs.getvalue())
    wanted = ("detokenize", "failed", "upstream_unreachable")
    assert until(30, lambda: wanted in holding.rows("select action, outcome, detail from audit"))


def unreachable(gateway, sandbox, alias):
    """A charge to a processor that takes no connection."""
    stand_ins = gateway.worker._egress._stand_ins
    with (
        FaultServer("refuse", context=server_context(sandbox.directory)) as server,
        gateway.session(gateway.key()) as session,
    ):
        known = stand_ins["stripe.sandbox.test", sandbox.ports["stripe"]]
        stand_ins["nowhere.sandbox.test", server.port] = known
        answer = session.post(
            f"https://nowhere.sandbox.test:{server.port}/v1/payment_intents",
            data={"payment_method_data[card][number]": alias},
            timeout=20,
        )
    assert answer.json()["code"] == "upstream_unreachable"


def test_p21_a_request_that_never_left_leaves_it_where_it_was(holding, sandbox):
    alias = pulled(holding)
    unreachable(holding, sandbox, alias)
    deadline = time.monotonic() + 30  # the exchange ends a moment after its answer
    while not held(holding) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert held(holding) == 1
    assert charge(holding, alias).status_code == 200
    assert codes(sandbox)[-1] == sent_by_siteminder(holding)


def test_p21_it_ends_with_its_time(holding, sandbox):
    alias = pulled(holding)
    later = datetime.now(UTC) + timedelta(minutes=16)
    holding.worker._vault.cvcs.purge(later)
    assert held(holding) == 0
    charge(holding, alias)
    assert codes(sandbox) == [None]


def test_a_product_that_does_not_ask_holds_none(gateway, sandbox):
    alias = pulled(gateway)
    assert held(gateway) == 0
    charge(gateway, alias)
    assert codes(sandbox) == [None]


def test_p21_it_is_in_no_log_and_no_kept_answer(holding):
    code = sent_by_siteminder(holding)
    pulled(holding)
    row = holding.loop.call(holding.worker._vault.answers.listed(hotel="CVC"))[0]
    kept = holding.loop.call(holding.worker._vault.answers.open(row.exchange, client=row.client))
    assert b"SeriesCode" not in kept.body
    assert f'"{code}"' not in kept.body.decode()


# --- BookingSync, where it is required ----------------------------------------------------------


@pytest.fixture
def pms(holding):
    port = holding.sandbox.ports["bookingsync"]
    with holding.session(holding.key()) as session:
        yield Pms(
            session,
            f"https://secure.bookingsync.sandbox.test:{port}",
            f"https://bookingsync.sandbox.test:{port}",
        )


def test_bookingsync_gets_the_held_code_as_a_number(holding, sandbox, pms):
    alias, code = pulled(holding), sent_by_siteminder(holding)
    _, payment_id = pms.tentative()
    answer = pms.execute(payment_id, card_number=alias, security_code=None)
    assert answer.status_code == 200, answer.text
    (request,) = [
        request for request in sandbox.received.requests("bookingsync") if request.path == EXECUTE
    ]
    assert json.loads(request.body)["security_code"] == int(code)


def test_without_a_code_nothing_leaves(holding, sandbox, pms):
    alias = pulled(holding, "10107")
    _, payment_id = pms.tentative()
    answer = pms.execute(payment_id, card_number=alias, security_code=None)
    assert answer.status_code == 422
    assert answer.headers["X-Gateway-Refused"] == "cvc_unavailable"
    (told,) = answer.json()["server"]  # as BookingSync tells its own errors
    assert told.startswith("cvc_unavailable: ")
    assert not sandbox.received.cards("bookingsync")


def test_a_code_with_a_leading_zero_goes_as_a_string(holding, sandbox, pms, monkeypatch):
    alias = pulled(holding)
    original = detokenize._put_in_one

    def with_zero(document, spot, found, *more):
        return original(document, spot, replace(found, cvc=Secret("012")), *more)

    monkeypatch.setattr(detokenize, "_put_in_one", with_zero)
    _, payment_id = pms.tentative()
    pms.execute(payment_id, card_number=alias, security_code=None)
    (request,) = [
        request for request in sandbox.received.requests("bookingsync") if request.path == EXECUTE
    ]
    assert json.loads(request.body)["security_code"] == "012"
