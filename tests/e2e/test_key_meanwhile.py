"""A key that is taken away while a request of it is coming in: it can take the better part of an hour."""

from __future__ import annotations

import ssl
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from gateway.access.keys import key_id
from tests.e2e.test_charge import PAN, intent, keep
from tests.e2e.wired import post
from tests.engine.wire import Wire
from tests.running import Running

PATH = "/v1/payment_intents"
CHANGES = {
    "revoked": (lambda row: replace(row, revoked=datetime.now(UTC)), 401),
    "expired": (lambda row: replace(row, expires=datetime.now(UTC) - timedelta(seconds=1)), 401),
    "gone": (lambda row: replace(row, id="another"), 401),
    "of another network": (lambda row: replace(row, networks=("192.0.2.0/24",)), 401),
    "of a client that is no more": (lambda row: replace(row, client="nobody"), 401),
    "without its scope": (lambda row: replace(row, scopes=("proxy",)), 403),
    "without its product": (lambda row: replace(row, products=("hilltop",)), 422),
}


@pytest.fixture(scope="module")
def place(sandbox, tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("meanwhile"), sandbox)
    yield running, keep(running)
    running.stop(grace=0.5)


def begin(gateway, key, where, body):
    """A charge whose last byte is still to come, and that byte."""
    host = gateway.sandbox.named_url("stripe").removeprefix("https://")
    pair = b64encode(f"pms:{key}".encode()).decode()
    connect = f"Proxy-Authorization: Basic {pair}\r\n" if where == "CONNECT" else ""
    extra = "" if where == "CONNECT" else f"X-Api-Key: {key}\r\n"
    wire = Wire(gateway.addresses.proxy, 30)
    answer = wire.ask(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{connect}\r\n".encode())
    assert answer.status == 200
    wire.start_tls(ssl.create_default_context(cafile=gateway.ca), host.partition(":")[0])
    extra += "Authorization: Bearer sk_test_sandbox\r\n"
    whole = post(host, PATH, body, "meanwhile", "application/x-www-form-urlencoded", extra)
    wire.send(whole[:-1])
    return wire, whole[-1:]


def in_hand(gateway):
    """Waits until the gateway has admitted the head."""
    handlers = gateway.worker._engine._master.handlers
    for _ in range(600):
        exchanges = [one.session.exchange for one in list(handlers)]
        if any(one is not None and one.admission is not None for one in exchanges):
            return
        time.sleep(0.01)
    raise AssertionError("nothing was admitted")


@pytest.mark.parametrize("where", ["header", "CONNECT"])
@pytest.mark.parametrize("name", CHANGES)
def test_p28_a_key_that_is_taken_away_while_its_request_comes_in(place, monkeypatch, name, where):
    gateway, token = place
    change, status = CHANGES[name]
    key = gateway.key()
    keys = gateway.worker._access.keys
    wire, rest = begin(gateway, key, where, urlencode(intent(token.alias)).encode())
    with wire:
        in_hand(gateway)
        rows = [change(row) if row.id == key_id(key) else row for row in keys._table.all()]
        monkeypatch.setattr(keys._table, "all", lambda: rows)
        keys.refresh()
        answer = wire.ask(rest)
        assert answer.status == status, answer.body
        assert not gateway.sandbox.received.requests()
        assert PAN.encode() not in answer.body


@pytest.mark.parametrize("where", ["header", "CONNECT"])
def test_p28_a_key_that_is_left_alone_meanwhile_charges(place, where):
    gateway, token = place
    wire, rest = begin(gateway, gateway.key(), where, urlencode(intent(token.alias)).encode())
    with wire:
        in_hand(gateway)
        gateway.worker._access.keys.refresh()
        assert wire.ask(rest).status == 200
    assert [card.number for card in gateway.sandbox.received.cards("stripe")] == [PAN]
