"""Our own two ports, control and metrics: bounded, silent about input; and how the worker fails."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
import typer
import yaml

from gateway import startup, threads
from gateway.access.keys import key_id
from gateway.cli import run
from gateway.config import Listener, TlsFiles, read_config
from gateway.config_values import parse_bind
from gateway.control import health
from gateway.control.port import CONNECTIONS, Port, welcome
from gateway.errors import ConfigurationError
from gateway.garbage import Garbage
from gateway.listening import HANDSHAKE
from gateway.worker import Worker
from tests.e2e.process import Site, free_port, until
from tests.pki import Authority
from tests.running import LoopThread, settings_for

CANARY = "4539578763621486"
PR_GET_DUMPABLE = 3  # linux/prctl.h


def talk(address, data, timeout=30):
    """All that comes back for some bytes."""
    with socket.create_connection(address, timeout) as plain:
        plain.sendall(data)
        got = b""
        try:
            while piece := plain.recv(65536):
                got += piece
        except OSError:
            pass
        return got


REQUESTS = [
    f"GET /metrics HTTP/{CANARY}\r\n\r\n",
    f"{CANARY} /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    f"GET /{CANARY}?{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nConnection: close\r\n\r\n",
    f"GET /metrics/?{CANARY} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    f"GET /healthz/?{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nConnection: close\r\n\r\n",
    f"GET /metrics?name[]={CANARY} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    f"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {CANARY}\r\nConnection: close\r\n\r\n",
    f"POST /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 16\r\n\r\n{CANARY}",
    f"GET /readyz HTTP/1.1\r\nHost: a\r\nUpgrade: {CANARY}\r\nConnection: upgrade, close\r\n\r\n",
    f"GET /openapi.json?{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nConnection: close\r\n\r\n",
    f"GET /v1/exchanges HTTP/1.1\r\nHost: a\r\nX-Api-Key: {CANARY}\r\nConnection: close\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
@pytest.mark.parametrize("name", ["control", "metrics"])
def test_p16_no_answer_quotes_what_was_asked(gateway, name, request_):
    got = talk(getattr(gateway.addresses, name), request_.encode())
    assert got.startswith(b"HTTP/1.1 ")
    assert CANARY.encode() not in got


def test_only_the_control_port_describes_itself(gateway):
    assert gateway.control("/openapi.json").json()["info"]["title"] == "card-gateway control"
    for path in ("/openapi.json", "/docs", "/redoc", "/v1/exchanges"):
        asked = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        assert talk(gateway.addresses.metrics, asked).startswith(b"HTTP/1.1 404 ")
    assert gateway.control("/docs").status_code == 404


def test_the_metrics_are_where_they_were(gateway):
    got = talk(
        gateway.addresses.metrics, b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: text/plain" in got.lower()
    assert b"card_gateway_build_info" in got


@pytest.mark.parametrize("name", ["control", "metrics"])
def test_p33_many_idle_connections_cost_no_thread_and_lock_nobody_out(gateway, name):
    address = getattr(gateway.addresses, name)
    before = threading.active_count()
    idle = []
    try:
        for _ in range(CONNECTIONS + 20):
            idle.append(socket.create_connection(address, 5))
            idle[-1].sendall(b"GET /met")
        time.sleep(0.3)
        assert threading.active_count() < before + 10
        path = {"control": "/healthz", "metrics": "/metrics"}[name]
        got = talk(address, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert got.startswith(b"HTTP/1.1 200 ")
    finally:
        for one in idle:
            one.close()


@pytest.fixture
def loop():
    made = LoopThread()
    yield made
    made.stop()


@pytest.fixture
def port(loop):
    """A factory of ports with the health application."""
    opened = []

    def open_(**more):
        made = Port(health.build({}), parse_bind("127.0.0.1:0"), **more)
        address = loop.call(made.open()).getsockname()
        opened.append(made)
        return address

    yield open_
    for made in opened:
        loop.call(made.close())


def test_p33_a_head_that_drips_is_cut_off(port):
    address = port(seconds=0.5)
    began = time.monotonic()
    with socket.create_connection(address, 5) as plain:
        try:
            while time.monotonic() - began < 30:
                plain.sendall(b"G")
                time.sleep(0.05)
        except OSError:
            pass
    assert time.monotonic() - began < 20


def test_p29_a_peer_that_may_not_speak_plain_text_gets_nothing(port):
    asked = []
    address = port(welcome=lambda peer: asked.append(peer) or False)
    assert talk(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n") == b""
    assert asked == [ip_address("127.0.0.1")]


def test_p29_who_may_speak_plain_text_to_the_control_port(tmp_path):
    listener = Listener(address=parse_bind("0.0.0.0:1"), plain_text_networks=("10.1.0.0/16",))
    admits = welcome(listener)
    for text, wanted in (("127.0.0.1", True), ("::1", True), ("10.1.2.3", True),
                         ("::ffff:10.1.2.3", True), ("10.2.0.1", False), ("8.8.8.8", False)):  # fmt: skip
        assert admits(ip_address(text)) is wanted, text
    files = TlsFiles(certificate=tmp_path / "c", key=tmp_path / "k")
    assert welcome(Listener(address=parse_bind("0.0.0.0:1"), tls=files))(ip_address("8.8.8.8"))


def test_tls_and_plain_text_networks_together_are_a_mistake(sandbox, tmp_path):
    listen = {"control": {"address": "127.0.0.1:0", "plain_text_networks": ["10.0.0.0/8"],
                          "tls": {"certificate": "c.pem", "key": "k.pem"}}}  # fmt: skip
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(settings_for(sandbox, tmp_path, listen=listen)), "utf-8")
    with pytest.raises(ConfigurationError) as wrong:
        read_config(file)
    (problem,) = wrong.value.problems
    assert "`control` has TLS" in str(problem)


def test_p38_a_certificate_that_is_missing_leaves_no_port_open(loop, tmp_path):
    files = TlsFiles(certificate=tmp_path / "none.pem", key=tmp_path / "none.key")
    number = free_port()
    made = Port(health.build({}), parse_bind(f"127.0.0.1:{number}"), tls=files)
    with pytest.raises(FileNotFoundError) as kept:  # with its frames, and what they hold
        loop.call(made.open())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", number), 5).close()
    del kept


def test_p40_a_port_that_is_closed_leaves_no_connection_open(loop, tmp_path):
    """A client that keeps its connection says no farewell: TLS would wait for one half a minute."""
    authority = Authority(tmp_path)
    leaf = authority.issue("localhost")
    files = TlsFiles(certificate=leaf.certificate, key=leaf.key)
    made = Port(health.build({}), parse_bind("127.0.0.1:0"), tls=files)
    address = loop.call(made.open()).getsockname()
    context = ssl.create_default_context(cafile=authority.certificate)
    with socket.create_connection(address, 10) as plain:
        kept = context.wrap_socket(plain, server_hostname="localhost")
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(1000).startswith(b"HTTP/1.1 200")
        assert len(made._server.server_state.connections) == 1
        began = time.monotonic()
        loop.call(made.close())
        assert time.monotonic() - began < 10
        assert not made._server.server_state.connections
        kept.close()


def test_p40_nor_one_whose_tls_has_not_begun(loop, tmp_path):
    authority = Authority(tmp_path)
    leaf = authority.issue("localhost")
    files = TlsFiles(certificate=leaf.certificate, key=leaf.key)
    made = Port(health.build({}), parse_bind("127.0.0.1:0"), tls=files)
    address = loop.call(made.open()).getsockname()
    with socket.create_connection(address, 10) as silent:
        time.sleep(0.2)  # it is accepted, and TLS is waited for
        began = time.monotonic()
        loop.call(made.close())
        silent.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(1) == b""
        assert time.monotonic() - began < HANDSHAKE / 2


# --- the worker's own tasks -----------------------------------------------------------------------


@pytest.mark.parametrize("part", ["housekeeping", "rules"])
def test_p38_a_task_that_dies_stops_the_worker(own_gateway, part, monkeypatch):
    gateway = own_gateway()
    worker = gateway.worker

    def broken(*_):
        raise RuntimeError(CANARY)

    if part == "housekeeping":
        monkeypatch.setattr(worker._upkeep, "flush", broken)
    else:
        monkeypatch.setattr(worker._rules, "read", broken)
        pack = next(gateway.config.rules.glob("*.yaml"))
        pack.touch()
    assert until(10, worker.failed.is_set)
    ready = gateway.control("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["serving"] == "stopping"
    lines = [json.loads(line) for line in gateway.logs.getvalue().splitlines()]
    found = [line for line in lines if line["event"] == "task_failed"][-1]
    assert (found["task"], found["exception"]) == (part, "RuntimeError")
    assert CANARY not in json.dumps(found)


def test_a_clock_that_leapt_is_told_and_keeps_no_traffic_away(own_gateway, monkeypatch):
    gateway = own_gateway()
    assert "why" not in gateway.control("/readyz").json()
    guard = gateway.worker._upkeep.clock_guard
    clock = guard._clock
    monkeypatch.setattr(guard, "_clock", lambda: clock() + timedelta(days=365))
    ready = gateway.control("/readyz")
    assert ready.status_code == 200
    assert ready.json()["why"] == {
        "clock": "The clock leapt ahead by 365 days, 0:00:00. Set it right: nothing is erased by itself"
        " until then, or for a day."
    }
    assert '"event": "clock_leapt", "seconds": 31536000' in gateway.logs.getvalue()


def test_p38_a_task_that_dies_ends_the_command(sandbox, tmp_path, monkeypatch):
    site = Site(tmp_path, sandbox)
    worker = Worker(site.config)
    monkeypatch.setattr(worker._upkeep, "flush", lambda: 1 / 0)
    monkeypatch.setattr(startup, "Worker", lambda _: worker)
    listening = []
    with pytest.raises(typer.Exit) as ended:
        asyncio.run(run._until_told(site.config, listening.append))
    assert ended.value.exit_code == 1
    assert listening
    assert not site.listening()


def test_p16_the_process_leaves_no_core_and_switches_threads_often(gateway):
    assert gateway.worker
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    if sys.platform == "linux":  # a core that goes to a program is not limited
        assert ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
    assert sys.getswitchinterval() <= 0.0005


def test_when_certificates_and_keys_end_is_measured_while_it_runs(own_gateway):
    gateway = own_gateway()
    ends = datetime.now(UTC) + timedelta(days=9)
    one, forever = key_id(gateway.key(expires=ends)), key_id(gateway.key())
    line = f'card_gateway_not_after_timestamp_seconds{{what="key:{one}"}}'
    assert until(10, lambda: line in gateway.metrics())
    text = gateway.metrics()
    assert forever not in text
    assert 'what="ca"' in text
    assert 'what="endpoints"' in text
    gateway.worker._vault.keys.revoke(one, datetime.now(UTC), "test")
    assert until(10, lambda: one not in gateway.metrics())
    (gateway.config.authority / "endpoints-cert.pem").write_text("no certificate")
    gateway.worker._upkeep._measured = float("-inf")
    events = gateway.logs
    assert until(10, lambda: "certificates_not_read" in events.getvalue())
    assert not gateway.worker.failed.is_set()


# --- threads and garbage --------------------------------------------------------------------------


def test_slow_messages_do_not_hold_up_other_threads(loop):
    go = threading.Event()

    async def scene():
        slow = [asyncio.create_task(threads.run(10**6, go.wait, 10)) for _ in range(64)]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await asyncio.to_thread(int)
        took = time.monotonic() - began
        go.set()
        await asyncio.gather(*slow)
        return took

    assert loop.call(scene()) < 5  # none has gone: they wait for ten seconds


def test_small_messages_stay_on_the_loop_and_others_do_not(loop):
    here = threading.get_ident
    small, big = loop.call(threads.run(8192, here)), loop.call(threads.run(8193, here))
    assert small == loop.thread.ident != big


def test_all_garbage_is_looked_at_only_when_nothing_is_in_hand(monkeypatch):
    now, done = [0.0], []
    monkeypatch.setattr(gc, "collect", lambda generation=2: done.append(generation))
    garbage = Garbage(lambda: now[0])

    def collect(*, idle):
        done.clear()
        garbage.collect(idle=idle)
        return list(done)

    now[0] = 30.0
    assert collect(idle=False) == []  # a big message may wait for its upstream
    assert collect(idle=True) == [2]
    now[0] = 32.0
    assert collect(idle=True) == [1]  # not each time: there is nothing new
    with garbage.held_off():
        assert collect(idle=True) == []
        now[0] = 100.0
        assert collect(idle=False) == [1]  # big messages without a pause: not for good
    now[0] = 32.0 + 3600
    assert collect(idle=False) == [2]  # it was never idle


def test_what_another_froze_stays_frozen():
    """As in a process of tests, which freezes what it is made of (conftest.py)."""
    froze = gc.get_freeze_count()
    assert froze
    guest = Garbage()
    guest.take_over()
    assert not gc.isenabled()
    guest.give_back()
    assert (gc.isenabled(), gc.get_freeze_count() > froze // 2) == (True, True)


def test_what_it_froze_itself_is_thawed_again():
    code = (
        "import gc\nfrom gateway.garbage import Garbage\ngarbage = Garbage()\n"
        "garbage.take_over()\nprint(gc.get_freeze_count() > 0, gc.isenabled())\n"
        "garbage.give_back()\nprint(gc.get_freeze_count(), gc.isenabled())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "False", "0", "True"]
