"""Packs at work, from a partner's bytes to the PMS's and back: their own examples, as real messages."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from lxml import etree

from gateway.cards import pan
from gateway.rules.load import load_every_pack
from gateway.sandbox.tls import server_context
from tests.e2e.test_charge import PAN, keep
from tests.e2e.test_opaque import Processor
from tests.running import ROOT, Running

PACKS = {pack.system: pack for pack in load_every_pack(ROOT / "rules").packs}
PUSHES = {
    "channelconnect": ("/push/channelconnect", "request"),
    "expedia-eqc": ("/push/expedia", "request"),
    "siteminder-smx": ("/push/smx", "request"),
    "travelgate": ("/push/travelgate", "request"),
}


def example(system, route):
    return next(one for one in PACKS[system].examples if one.route == route)


def numbers(body, name):
    return [one.get(name) for one in etree.fromstring(body).iter("{*}PaymentCard") if one.get(name)]


@pytest.fixture(scope="module")
def pushed_to(sandbox, tmp_path_factory):
    hotels = {system: {"10107": "seaside"} for system in PUSHES}
    running = Running(
        tmp_path_factory.mktemp("pushed"), sandbox, hotels=hotels, drafts=["siteminder-smx", "travelgate"]
    )  # fmt: skip
    yield running
    running.stop()


@pytest.mark.parametrize("system", sorted(PUSHES))
def test_p03_a_push_reaches_the_pms_without_a_card(pushed_to, system):
    gateway, (path, _) = pushed_to, PUSHES[system]
    route = next(one.name for one in PACKS[system].routes if one.at is not None)
    body = example(system, route).message.encode()
    headers = {"X-Push-Key": gateway.secret("push-key"), "Content-Type": "text/xml"}
    requests.post(
        gateway.endpoints + path, body, headers=headers, verify=str(Path(gateway.ca)), timeout=20
    )
    (arrived,) = gateway.sandbox.received.requests("pms")
    for clear in (PAN, "4111111111111111", "5555555555554444"):
        assert clear.encode() not in arrived.body
    before, after = numbers(body, "CardNumber"), numbers(arrived.body, "CardNumber")
    clear = [one for one in before if one.isdigit()]
    assert after == [pan.mask(one) if one.isdigit() else one for one in before]
    assert arrived.body.count(b"<CardToken") >= len(clear)
    without = requests.post(
        gateway.endpoints + path, body, headers={"Content-Type": "text/xml"},
        verify=str(Path(gateway.ca)), timeout=20,
    )  # fmt: skip
    assert without.status_code == 401


def test_p03_a_retrieval_from_expedia(own_gateway, sandbox):
    with Processor(server_context(sandbox.directory)) as expedia:
        expedia.answer = example("expedia-eqc", "retrieve").message.encode()
        here = f"eqc.sandbox.test:{expedia.port}"
        stands = {
            "stands_for": "services.expediapartnercentral.com", "address": "127.0.0.1",
            "ca": str(sandbox.ca_file),
        }  # fmt: skip
        gateway = own_gateway(
            test_hosts={here: stands}, hotels={"expedia-eqc": {"10107": "seaside"}}
        )
        with gateway.session(gateway.key(products=("seaside",))) as session:
            answer = session.post(
                f"https://{here}/eqc/br", "<BookingRetrievalRQ/>",
                headers={"Content-Type": "text/xml"}, timeout=20,
            )  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Gateway-Cards"] == ("found=2 tokenized=2 failed=0 left=1 ask_again=0")
    assert numbers(answer.content, "cardNumber") == [
        "411111******1111", "555555******4444", "****23456",
    ]  # fmt: skip
    assert b"seriesCode" not in answer.content
    assert gateway.rows("select count(*) from card") == [(2,)]


CHARGES = [
    ("braintree", "requests", "api.braintreegateway.com", "/merchants/m/transactions", "text/xml"),
    ("authorize-net", "requests", "api.authorize.net", "/xml/v1/request.api", "text/xml"),
    ("braintree", "requests", "api.braintreegateway.com", "/merchants/m/transactions", "application/json"),
    ("authorize-net", "requests", "api.authorize.net", "/xml/v1/request.api", "application/json"),
    ("checkout-com", "payments", "api.checkout.com", "/payments", "application/json"),
    ("hostaway", "reserve", "api.hostaway.com", "/v1/reservations", "application/json"),
]  # fmt: skip


def charge(system, route, kind):
    """The route's first example that is of that kind."""
    sign = "{" if "json" in kind else "<"
    every = (one for one in PACKS[system].examples if one.route == route)
    return next(one for one in every if one.message.startswith(sign)).message


@pytest.mark.parametrize(("system", "route", "host", "path", "kind"), CHARGES)
def test_p07_a_charge_gets_the_card(own_gateway, sandbox, system, route, host, path, kind):
    with Processor(server_context(sandbox.directory)) as processor:
        # Authorize.Net's JSON begins with a byte order mark.
        said = b'\xef\xbb\xbf{"transactionResponse": {"transId": "4111111111111111"}}'
        processor.answer = said if "json" in kind else b"<ok/>"
        here = f"charge.sandbox.test:{processor.port}"
        stands = {"stands_for": host, "address": "127.0.0.1", "ca": str(sandbox.ca_file)}
        gateway = own_gateway(test_hosts={here: stands})
        alias = keep(gateway).alias
        body = charge(system, route, kind).replace("tok_1_Example000001", alias)
        with gateway.session(gateway.key(products=("seaside",))) as session:
            headers = {"Content-Type": kind}
            answer = session.post(f"https://{here}{path}", body, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        named = system == "authorize-net"  # a transaction's id, which its pack calls no card
        masked = said.replace(b"4111111111111111", b"411111******1111")
        assert answer.content == (processor.answer if named or processor.answer != said else masked)
        (sent,) = processor.bodies
    for text in (PAN, "12", "2030"):
        assert text.encode() in sent
    assert alias.encode() not in sent
