"""The leak matrix: listener, fault, place of a canary card number, every byte recorded.

What a client sends and the gateway refuses must not reach upstream or the log; what upstream sends
and the gateway refuses must not reach the client or the log. `test_stock.py` plays the same cells
against stock mitmproxy, where they must leak.
"""

from __future__ import annotations

import pytest

from gateway.engine.settings import Limits
from gateway.errors import RouteUnknown
from gateway.exchange import Authority
from tests.engine.lab import Lab, lab
from tests.engine.upstream import OK, Upstream
from tests.engine.wire import Wire
from tests.leak.cells import (
    AFTER_CONNECT,
    ANSWERS,
    CANARY,
    FAULTS,
    REFUSED_ANSWERS,
    REFUSED_REQUESTS,
    REQUESTS,
)

HOST = "localhost"
LIMITS = Limits(head=16_384, request_seconds=4, upstream_seconds=4, upstream_connect_seconds=3)


class Bench:
    """One listener of a running gateway, with an upstream behind it."""

    def __init__(self, made: Lab, listener: str) -> None:
        self.lab, self.listener = made, listener
        self.upstream = made.upstream(HOST, Upstream(close=True), tls=listener != "absolute")
        made.start(limits=LIMITS, proxy_tls=listener == "tls_proxy")
        self.host = f"{HOST}:{self.upstream.port}".encode()
        scheme = "http" if listener == "absolute" else "https"
        made.plan.endpoints["r"] = Authority(scheme, HOST, self.upstream.port)

    @property
    def target(self) -> bytes:
        return {"absolute": b"http://" + self.host + b"/", "endpoints": b"/r/"}.get(
            self.listener, b"/"
        )

    def wire(self) -> Wire:
        if self.listener == "connect":
            return self.lab.tunnel(HOST)
        if self.listener == "tls_proxy":
            return self.lab.tunnel(HOST, wire=self.lab.tls_proxy())
        return self.lab.proxy() if self.listener == "absolute" else self.lab.endpoints()

    def reset(self, reply: bytes = OK) -> None:
        plan = self.lab.plan
        plan.on_connect = type(plan)().on_connect
        plan.on_admit = plan.on_send = plan.on_answer = lambda exchange: None
        plan.ended.clear()
        self.upstream.reply = lambda *_: reply
        self.upstream.received.clear()
        self.upstream.requests.clear()
        self.lab.log.truncate(0)

    def play(self, request: bytes) -> bytes:
        with self.wire() as wire:
            return wire.send(request).rest()

    def log_is_clean(self) -> None:
        assert CANARY.decode() not in self.lab.log.getvalue()


@pytest.fixture(scope="module", params=["connect", "absolute", "tls_proxy", "endpoints"])
def bench(request, ca, confdir) -> Bench:
    with lab(ca, confdir) as made:
        yield Bench(made, request.param)


def _raise(kind):
    def do(*_):
        raise kind(CANARY.decode())

    return do


@pytest.mark.parametrize("place", REFUSED_ANSWERS)
def test_p01_refused_answers_reach_nobody(bench, place):
    bench.reset(REFUSED_ANSWERS[place])
    got = bench.play(
        REQUESTS["header_name"].request(bench.target, bench.host).replace(CANARY, b"x")
    )
    assert got.startswith(b"HTTP/1.1 502 "), got[:200]
    assert b'"code":"upstream_invalid"' in got
    assert CANARY not in got
    bench.log_is_clean()
    bench.lab.wait_ended(1)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", ANSWERS)
def test_p01_answers_with_a_fault_reach_nobody(bench, place, fault):
    bench.reset(ANSWERS[place])
    bench.lab.plan.on_answer = _raise(FAULTS[fault])
    got = bench.play(b"GET " + bench.target + b" HTTP/1.1\r\nHost: " + bench.host + b"\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 502 "), got[:200]
    assert CANARY not in got
    bench.log_is_clean()
    bench.lab.wait_ended(1)


@pytest.mark.parametrize("place", REFUSED_REQUESTS)
def test_p01_refused_requests_reach_nobody(bench, place):
    bench.reset()
    got = bench.play(REFUSED_REQUESTS[place].request(bench.target, bench.host))
    if place == "connect_again" and bench.listener == "absolute":
        assert got.startswith(b"HTTP/1.1 400 ")  # Host and target differ
    else:
        assert got[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 431 "), got[:200]
    assert CANARY not in got
    assert not bench.upstream.received
    bench.log_is_clean()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stage", ["admit", "send"])
@pytest.mark.parametrize("place", REQUESTS)
def test_p01_requests_with_a_fault_reach_nobody(bench, place, stage, fault):
    bench.reset()
    setattr(bench.lab.plan, f"on_{stage}", _raise(FAULTS[fault]))
    got = bench.play(REQUESTS[place].request(bench.target, bench.host))
    assert got.startswith(b"HTTP/1.1 500 "), got[:200]
    assert CANARY not in got
    assert not bench.upstream.received
    bench.log_is_clean()
    bench.lab.wait_ended(1)


@pytest.mark.parametrize("bench", ["connect", "tls_proxy"], indirect=True)
@pytest.mark.parametrize("place", AFTER_CONNECT)
def test_p08_what_is_not_tls_after_connect_reaches_nobody(bench, place):
    bench.reset()
    port, data = AFTER_CONNECT[place]
    before = bench.upstream.connections
    wire = bench.lab.tls_proxy() if bench.listener == "tls_proxy" else bench.lab.proxy()
    with bench.lab.connect(HOST, port, wire) as wire:
        assert wire.send(data).rest() == b""
    assert bench.upstream.connections == before
    bench.log_is_clean()


@pytest.mark.parametrize(
    "path", ["", "cert/pem", "mitmproxy-{serial}.crl", "x/mitmproxy-{serial}.crl"]
)
def test_p02_no_path_is_answered_before_admission(bench, path, confdir):
    from mitmproxy.certs import Cert

    serial = Cert.from_pem((confdir / "mitmproxy-ca-cert.pem").read_bytes()).serial
    bench.reset()
    bench.lab.plan.on_admit = _raise_refusal
    target = bench.target + path.format(serial=serial).encode()
    got = bench.play(b"GET " + target + b" HTTP/1.1\r\nHost: " + bench.host + b"\r\n\r\n")
    assert b'"code":"route_unknown"' in got
    if bench.listener == "absolute":
        got = bench.play(b"GET http://mitm.it/ HTTP/1.1\r\nHost: mitm.it\r\n\r\n")
        assert b'"code":"route_unknown"' in got


def _raise_refusal(_exchange):
    raise RouteUnknown


def test_what_is_let_through_does_arrive(bench):
    """The matrix can fail: the same canary, cleared, is on both wires."""
    bench.reset(ANSWERS["body"])
    got = bench.play(
        REQUESTS["body"]
        .request(bench.target, bench.host)
        .replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n")
    )
    assert CANARY in got
    assert CANARY in bench.upstream.received
