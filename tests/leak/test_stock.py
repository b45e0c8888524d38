"""The same cells against stock mitmproxy, which leaks in them: the matrix can be red.

`LEAKS` lists the cells. A cell that stops leaking with a new version is taken off the list.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import socket
import ssl
import warnings

import pytest

from tests.engine.lab import Loop
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

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mitmproxy import options
    from mitmproxy.tools.dump import DumpMaster

# mitmproxy 11 calls its OpenSSL in ways that are deprecated; an error there would close connections.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# (cells, the place where the canary must be seen)
LEAKS = {
    "refused_answers": (
        [
            "status_line",
            "status_version",
            "garbage",
            "header_without_colon",
            "header_name",
            "interim_100",
            "interim_103",
            "switch_101",
            "length_garbage",
            "coding_garbage",
        ],
        "client",
    ),
    "answers": (list(ANSWERS), "client"),
    "requests": (list(REQUESTS), "upstream"),
    "refused_requests": (["first_line_version", "header_name", "length_garbage"], "client"),
    "after_connect": ([cell for cell in AFTER_CONNECT if cell != "http2"], "upstream"),
}


class Faulty:
    """An addon that fails in whichever hook it is told to, as an addon that swaps cards might."""

    def __init__(self) -> None:
        self.fault: type[BaseException] | None = None
        self.hook = ""
        self.port = 0

    def server_connect(self, data) -> None:
        data.server.address = ("127.0.0.1", self.port)

    def _maybe(self, hook: str) -> None:
        if self.fault is not None and hook == self.hook:
            raise self.fault("in an addon")

    def requestheaders(self, flow) -> None:
        self._maybe("requestheaders")

    def request(self, flow) -> None:
        self._maybe("request")

    def response(self, flow) -> None:
        self._maybe("response")


class Stock:
    """mitmdump as it comes, with one addon."""

    def __init__(self, ca, directory) -> None:
        self.ca, self.directory = ca, directory
        self.loop = Loop()
        self.upstream = Upstream(close=True, tls=ca.server_context("localhost"))
        self.plain = Upstream(close=True)  # says nothing by itself, records everything
        self.loop.do(self.upstream.start())
        self.loop.do(self.plain.start())
        self.log = io.StringIO()
        self.addon = Faulty()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

        async def begin() -> None:
            self.master = DumpMaster(
                options.Options(
                    confdir=str(directory),
                    listen_host="127.0.0.1",
                    listen_port=self.port,
                    ssl_verify_upstream_trusted_ca=str(ca.certificate),
                ),
                with_termlog=False,
                with_dumper=False,
            )
            self.master.addons.add(self.addon)
            self.task = asyncio.create_task(self.master.run())
            for _ in range(500):  # it tells nobody when it listens
                if self.master.addons.get("proxyserver").listen_addrs():
                    break
                await asyncio.sleep(0.01)

        self.loop.do(begin())

    def reset(self, reply: bytes = OK) -> None:
        for server in (self.upstream, self.plain):
            server.reply = lambda *_: reply
            server.received.clear()
        self.addon.fault, self.addon.port = None, self.upstream.port

    def play(self, request: bytes) -> tuple[bytes, bytes]:
        """What the client and upstream got."""
        with Wire(("127.0.0.1", self.port), timeout=2) as wire:
            wire.ask(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
            context = ssl.create_default_context(
                cafile=str(self.directory / "mitmproxy-ca-cert.pem")
            )
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            wire.start_tls(context, "localhost").send(request)
            with contextlib.suppress(ConnectionError, TimeoutError):
                wire.response()
            wire.sock.settimeout(0.05)
            for _ in range(20):  # what follows the answer's head may come a moment later
                with contextlib.suppress(ConnectionError, TimeoutError):
                    wire.rest()
                    break
                if CANARY in bytes(wire.got) + bytes(self.upstream.received):
                    break
            return bytes(wire.got), bytes(self.upstream.received)

    def play_raw(self, port: int, data: bytes) -> tuple[bytes, bytes]:
        self.addon.port = self.plain.port
        with Wire(("127.0.0.1", self.port), timeout=0.5) as wire:
            wire.ask(b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % (port, port))
            with contextlib.suppress(TimeoutError):
                wire.send(data).rest()
            return bytes(wire.got), bytes(self.plain.received)

    def close(self) -> None:
        async def end() -> None:
            # By itself it closes no port: a process of its own would end now.
            await self.master.addons.get("proxyserver").servers.update([])
            self.master.shutdown()
            await self.task

        self.loop.do(end())
        self.loop.do(self.upstream.stop())
        self.loop.do(self.plain.stop())
        self.loop.close()


@pytest.fixture(scope="module")
def stock(ca, confdir) -> Stock:
    tree = logging.getLogger("mitmproxy")
    level, propagate = tree.level, tree.propagate
    tree.setLevel(logging.DEBUG)
    tree.propagate = True  # the engine, if it ran before, had silenced it
    made = Stock(ca, confdir)
    handler = logging.StreamHandler(made.log)
    logging.getLogger().addHandler(handler)
    yield made
    made.close()
    logging.getLogger().removeHandler(handler)
    tree.setLevel(level)
    tree.propagate = propagate


def _cells(kind: str) -> list[str]:
    return LEAKS[kind][0]


@pytest.mark.parametrize("place", _cells("refused_answers"))
def test_stock_shows_the_client_what_it_refuses(stock, place):
    stock.reset(REFUSED_ANSWERS[place])
    client, _ = stock.play(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert CANARY in client


@pytest.mark.parametrize("fault", ["error", "memory", "recursion", "halt"])
@pytest.mark.parametrize("place", _cells("answers"))
def test_stock_sends_the_answer_on_though_its_addon_failed(stock, place, fault):
    stock.reset(ANSWERS[place])
    stock.addon.hook, stock.addon.fault = "response", FAULTS[fault]
    client, _ = stock.play(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert CANARY in client


@pytest.mark.parametrize("fault", ["error", "memory", "recursion", "halt"])
@pytest.mark.parametrize(
    ("place", "hook"),
    [(place, "request") for place in _cells("requests")] + [("body", "requestheaders")],
)
def test_stock_sends_the_request_on_though_its_addon_failed(stock, place, hook, fault):
    stock.reset()
    stock.addon.hook, stock.addon.fault = hook, FAULTS[fault]
    _, upstream = stock.play(REQUESTS[place].request(b"/", b"localhost"))
    assert CANARY in upstream


@pytest.mark.parametrize("place", _cells("refused_requests"))
def test_stock_quotes_what_it_refuses(stock, place):
    stock.reset()
    client, _ = stock.play(REFUSED_REQUESTS[place].request(b"/", b"localhost"))
    assert CANARY in client


@pytest.mark.parametrize("place", _cells("after_connect"))
def test_stock_passes_what_is_not_tls(stock, place):
    stock.reset()
    _, upstream = stock.play_raw(*AFTER_CONNECT[place])
    assert CANARY in upstream


def test_stock_logs_what_it_refuses(stock):
    stock.reset(REFUSED_ANSWERS["garbage"])
    stock.log.truncate(0)
    with Wire(("127.0.0.1", stock.port), timeout=2) as wire:
        wire.send(b"GET http://x/ " + CANARY + b" HTTP/1.1\r\n\r\n").rest()
    assert CANARY.decode() in stock.log.getvalue()
