"""Each fault does to a real client what its name says. The client is the standard library's."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.sandbox.faults import FAULTS, FaultServer
from gateway.sandbox.tls import make_authority, server_context
from tests.sandbox.handshake import HalfShaken

CARD = b"4111111111111111"
REQUEST = b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody"
SILENT = {"refuse", "close_at_once", "close_after_request", "abort_after_request", "never_answer",
          "close_in_status_line"}  # fmt: skip


def all_bytes(server, wait=0.4):
    """What a client that asks nicely gets, until the end or until nothing more comes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as client:
        got = b""
        try:
            client.sendall(REQUEST)
            while more := client.recv(1 << 20):
                got += more
        except (TimeoutError, ConnectionError):
            pass
        return got


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - {"refuse", "slow_drip"}))
def test_every_fault_but_the_silent_ones_shows_the_canary(name):
    with FaultServer(name) as server:
        got = all_bytes(server)
    assert (CARD in got) == (name not in SILENT)
    assert server.received == ([b""] if name == "close_at_once" else [REQUEST])


def test_refuse_refuses():
    with FaultServer("refuse") as server, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_slow_drip_is_slow_and_stops_with_the_server():
    with (
        FaultServer("slow_drip") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as client,
    ):
        client.sendall(REQUEST)
        started = time.monotonic()
        got = client.recv(65536)
        while b"<a>" not in got:
            got += client.recv(65536)
        assert time.monotonic() - started > 0.3
        assert CARD not in got
        stopping = time.monotonic()
        server.stop()
        assert time.monotonic() - stopping < 2


def answer(name):
    with FaultServer(name) as server:
        seconds = 1 if name == "never_answer" else 30
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
        try:
            connection.request("GET", "/")
            got = connection.getresponse()
            return got.status, got.read()
        finally:
            connection.close()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("close_at_once", (ConnectionError, http.client.RemoteDisconnected)),
        ("close_after_request", http.client.RemoteDisconnected),
        ("abort_after_request", (ConnectionError, http.client.RemoteDisconnected)),
        ("never_answer", TimeoutError),
        ("close_in_body", http.client.IncompleteRead),
        ("length_too_long", http.client.IncompleteRead),
        ("garbage", http.client.BadStatusLine),
        ("garbage_status_line", http.client.BadStatusLine),
        ("oversized_head", http.client.LineTooLong),
        ("endless_head", http.client.HTTPException),
        ("chunk_size_garbage", http.client.IncompleteRead),
        ("chunk_truncated", http.client.IncompleteRead),
    ],
)
def test_what_a_real_client_says(name, error):
    with pytest.raises(error):
        answer(name)


@pytest.mark.parametrize("name", ["trailers", "card_in_reason", "chunk_extension"])
def test_what_a_lenient_client_takes(name):
    assert answer(name) == (200, b"<a/>")


def test_an_upgrade_is_offered():
    assert answer_status("upgrade") == 101


def answer_status(name):
    with FaultServer(name) as server:
        return int(all_bytes(server).split()[1])


def test_faults_speak_tls(tmp_path):
    ca = make_authority(tmp_path)
    trusting = ssl.create_default_context(cafile=ca)
    with FaultServer(
        "trailers", context=server_context(tmp_path), canary="5555555555554444"
    ) as server:
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain,
            trusting.wrap_socket(plain, server_hostname="fault.sandbox.test") as secure,
        ):
            secure.sendall(REQUEST)
            got = secure.recv(65536)
            while b"5555" not in got:
                got += secure.recv(65536)
        assert b"X-Card: 5555555555554444" in got
        assert server.received == [REQUEST]


def test_closing_at_once_cuts_the_handshake(tmp_path):
    make_authority(tmp_path)
    trusting = ssl.create_default_context(cafile=tmp_path / "sandbox-ca.pem")
    with (
        FaultServer("close_at_once", context=server_context(tmp_path)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        trusting.wrap_socket(plain, server_hostname="a.sandbox.test")


def test_it_runs_beside_an_event_loop():
    async def use():
        async with FaultServer("two_answers") as server:
            return await asyncio.to_thread(all_bytes, server)

    assert asyncio.run(use()).count(b"HTTP/1.1 200 OK") == 2


def test_an_unknown_fault_is_an_error():
    with pytest.raises(KeyError):
        FaultServer("none")


def test_stopping_cuts_a_client_in_its_handshake(tmp_path):
    ca = make_authority(tmp_path)
    with FaultServer("never_answer", context=server_context(tmp_path)) as server:
        client = HalfShaken(server.port, str(ca))
    with client:
        assert client.is_cut_within(30)


def test_stopping_waits_for_no_client_that_has_just_shaken_hands(tmp_path):
    """It was not there when the others were cut, and nobody would have cut it later."""
    ca = make_authority(tmp_path)
    server = FaultServer("slow_drip", context=server_context(tmp_path)).start()
    context = ssl.create_default_context(cafile=ca)
    with (
        HalfShaken(server.port, str(ca)) as late,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ThreadPoolExecutor(1) as pool,
    ):
        client.sendall(REQUEST)
        got = b""
        while b"<a>" not in got:  # 0.2 seconds from here to the next byte
            got += client.recv(65536)
        stopping = pool.submit(server.stop)
        time.sleep(0.05)
        late.finish()
        stopping.result(30)
        assert late.is_cut_within(30)
