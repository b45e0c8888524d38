"""PAYCOMET's SiteMinder proxy, played by the gateway: what is refused, with which of its faults."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from gateway.channels.paycomet_faults import Fault
from gateway.sandbox.faults import FaultServer
from gateway.sandbox.tls import server_context
from tests.e2e.ota import bookings
from tests.e2e.paycomet import fault, stand_in, url_of
from tests.e2e.problem import check_pull
from tests.e2e.process import until
from tests.running import ROOT


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ds_merchant_code": "nobody"}, 1040),
        ({"ds_merchant_terminal": "7"}, 1045),
        ({"ds_merchant_code": "hilltop01", "ds_merchant_terminal": "2"}, 1045),
        ({"ds_merchant_code": "grand01"}, 1031),
        ({"url": "not a url"}, 1023),
        ({"url": "http://siteminder.sandbox.test/pmsxchangev2/services/A"}, 1022),
        ({"username": ""}, 1018),
        ({"requestor_type": "5"}, 127),
    ],
)
def test_a_request_that_is_wrong_has_its_fault(gateway, changes, code):
    assert fault(gateway.paycomet(**changes)) == code


def test_p28_a_key_that_does_not_fit_has_its_fault(gateway):
    assert fault(gateway.paycomet(token="")) == 1004
    assert fault(gateway.paycomet(token="cgk_nonsense")) == 1004
    assert fault(gateway.paycomet(token="a-token-of-paycomets")) == 1004
    assert fault(gateway.paycomet(token=gateway.key(scopes=("detokenize",)))) == 1031
    assert fault(gateway.paycomet(token=gateway.key(products=("hilltop",)))) == 1031
    everything = gateway.key(products=())
    assert gateway.paycomet(token=everything).headers["X-Gateway-Cards"].startswith("found=1")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/pmsxchangev2/services/A",
        "https://[::1]/pmsxchangev2/services/A",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost:{control}/pmsxchangev2/services/A",
        "https://metadata.google.internal/pmsxchangev2/a",
        "https://ws.siteminder.com.attacker.example/pmsxchangev2/services/A",
        "https://attacker.example/ws.siteminder.com/pmsxchangev2/services/A",
        "https://ws.siteminder.com/other/services/A",
        "https://ws.siteminder.com/pmsxchangev2/../other",
        "https://ws.siteminder.com/pmsxchangev2/%2e%2e/other",
        "https://ws.siteminder.com:8443/pmsxchangev2/services/A",
        "https://siteminder.com/pmsxchangev2/services/A",
        "https://api.stripe.com/v1/payment_intents",
        "https://stripe.sandbox.test:{stripe}/v1/payment_intents",
        "https://2130706433/pmsxchangev2/services/A",
        "https://ws.siteminder.com\\@127.0.0.1/pmsxchangev2/services/A",
        "https://[/pmsxchangev2/services/A",
        "https://a]b/pmsxchangev2/services/A",
    ],
)
def test_p30_it_is_no_open_relay(gateway, sandbox, url, monkeypatch):
    """Nothing is looked up or dialled for a target that the route does not allow."""
    dialled = []
    monkeypatch.setattr(gateway.worker._egress, "addresses", lambda *target: dialled.append(target))
    url = url.format(control=gateway.addresses.control[1], stripe=sandbox.ports["stripe"])
    assert fault(gateway.paycomet(url=url)) in {1004, 1023}
    assert dialled == []


def test_what_fails_on_the_way_to_siteminder_has_its_fault(own_gateway, sandbox, tmp_path):
    context = server_context(sandbox.directory)
    servers = {
        1019: FaultServer("never_answer", context=context),
        1011: FaultServer("refuse", context=context),
        568: FaultServer("garbage", context=context),
        1021: FaultServer("close_after_request", context=_self_signed(tmp_path)),
    }
    for server in servers.values():
        server.start()
    try:
        gateway = own_gateway(
            test_hosts=stand_in(sandbox, *servers.values()),
            limits={"upstream_seconds": 3, "upstream_connect_seconds": 3},
        )
        key = gateway.key()
        for code, server in servers.items():
            assert fault(gateway.paycomet(url=url_of(server), token=key)) == code
        unknown = "https://nowhere.siteminder.com/pmsxchangev2/services/A"

        async def no_address(host, port):
            del host, port
            return []

        gateway.worker._egress._look_up = no_address
        assert fault(gateway.paycomet(url=unknown, token=key)) == 1013
    finally:
        for server in servers.values():
            server.stop()


def _self_signed(directory):
    certificate, key = directory / "own.pem", directory / "own.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=siteminder.sandbox.test", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_one_pull_at_a_time_for_each_hotel(gateway):
    """SiteMinder asks for it. The second one is told so by us; another hotel's is not held up."""
    key, answers = gateway.key(), []
    slow = threading.Thread(target=lambda: answers.append(gateway.paycomet("SLOW", token=key)))
    slow.start()
    try:
        deadline = time.monotonic() + 30
        while not gateway.worker._pipeline._s.turns._taken:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert fault(gateway.paycomet("SLOW", token=key)) == 1332
        through_the_proxy = gateway.pull("SLOW")
        check_pull(through_the_proxy, 429, "pull_in_flight")
        assert int(through_the_proxy.headers["Retry-After"]) > 0
        assert gateway.paycomet("10107", token=key).headers["X-Gateway-Cards"].startswith("found=1")
    finally:
        slow.join(30)
    assert bookings(answers[0].content)
    assert until(30, lambda: not gateway.worker._pipeline._s.turns._taken)


def test_a_turn_ends_with_its_exchange_however_that_ends(own_gateway, sandbox):
    with FaultServer("close_after_request", context=server_context(sandbox.directory)) as server:
        gateway = own_gateway(test_hosts=stand_in(sandbox, server))
        url, key = url_of(server), gateway.key()
        assert [fault(gateway.paycomet(url=url, token=key)) for _ in range(2)] == [568, 568]


def test_p16_the_password_is_in_no_log(gateway):
    marker = "Marker-Passw0rd-xyzzy"
    gateway.paycomet(password=marker)
    gateway.paycomet(password=marker, hotel_code="", requestor_type="3")
    gateway.paycomet(password=marker, url="https://attacker.example/")
    assert marker not in gateway.logs.getvalue()


def test_a_head_that_was_never_finished_gets_no_fault_and_no_dial(gateway):
    """What is no request of the protocol is not answered in it."""
    context = ssl.create_default_context(cafile=gateway.ca)
    with (
        socket.create_connection(gateway.addresses.endpoints, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET /api/v1/siteminder HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"route_unknown" in answer


def test_the_documents_table_is_the_faults():
    text = (ROOT / "docs/paycomet-siteminder.md").read_text(encoding="utf-8")
    named = {int(code) for code in re.findall(r"\| (\d+) \|$", text, re.MULTILINE)}
    assert named == {fault.value for fault in Fault}
