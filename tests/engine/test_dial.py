"""P30, P31 through the engine: what is dialled is the very address that was checked."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from gateway.exchange import Authority, Blind
from tests.engine.lab import LOOPBACK
from tests.engine.upstream import Upstream


class Resolver:
    """Answers one list after the other; the last one again and again."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ip_address(text) for text in answer]


def _ask(world, host: str, port: int, path: str = "/"):
    with world.proxy() as wire:
        return wire.ask(
            f"GET http://{host}:{port}{path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        )


def test_p30_a_rebinding_resolver_gains_nothing(any_world):
    upstream = any_world.upstream("x.test", tls=False)
    resolve = Resolver(["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1"])
    any_world.start(resolve=resolve)
    assert _ask(any_world, "rebind.test", upstream.port).status == 200
    assert len(resolve.asked) == 1  # one look-up for one dial: no second answer to differ
    answer = _ask(any_world, "rebind.test", upstream.port)
    assert (answer.status, answer.code) == (403, "upstream_forbidden")
    assert len(resolve.asked) == 2
    assert upstream.connections == 1


def test_p30_the_host_itself_is_never_handed_to_the_system(world, monkeypatch):
    upstream = world.upstream("x.test", tls=False)
    world.start(resolve=Resolver(["127.0.0.1"]))

    real = socket.getaddrinfo

    def by_name(host, *args, **kwargs):
        assert host != "nowhere.test", "looked up again"
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", by_name)
    assert _ask(world, "nowhere.test", upstream.port).status == 200


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1", "0.0.0.0"]
)
def test_p30_what_is_not_public_is_not_dialled(world, address):
    world.start(resolve=Resolver([address]))
    answer = _ask(world, "a.example", 80)
    assert (answer.status, answer.code) == (403, "upstream_forbidden")


@pytest.mark.parametrize("literal", ["10.0.0.1", "[::1]", "127.0.0.1"])
def test_p30_a_literal_is_classified_as_any_address(world, literal):
    world.start()
    answer = _ask(world, literal, 80)
    assert (answer.status, answer.code) == (403, "upstream_forbidden")


@pytest.mark.parametrize("literal", ["0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_p32_a_literal_in_disguise_is_refused(world, literal):
    world.start()
    answer = _ask(world, literal, 80)
    assert (answer.status, answer.code) == (400, "target_ambiguous")


def test_p30_the_next_address_is_tried(any_world):
    upstream = any_world.upstream("x.test", tls=False)  # listens on 127.0.0.1 alone
    any_world.start(resolve=Resolver(["127.0.0.9", "10.0.0.1", "127.0.0.1"]))
    assert _ask(any_world, "several.test", upstream.port).status == 200
    assert upstream.connections == 1


def test_p30_a_tunnel_hosts_address_is_checked_as_well(world):
    world.start(resolve=Resolver(["192.168.0.1"]))
    world.plan.on_connect = lambda peer, host, port, headers: Blind(host, port)
    with world.connect("updates.example", 443) as wire:
        assert wire.send(b"\x16\x03\x01\x00\x01a").rest() == b""


def test_p31_own_listeners_are_not_reached_through_the_proxy(world):
    world.start(resolve=Resolver(["127.0.0.1"]))
    control = Upstream()
    world.loop.do(control.start())
    world.egress.claim(LOOPBACK, control.port)
    ports = [
        world.engine.addresses["proxy"][1],
        world.engine.addresses["endpoints"][1],
        control.port,
    ]
    for port in ports:
        for host in ("127.0.0.1", "self.test"):
            answer = _ask(world, host, port)
            assert (answer.status, answer.code) == (403, "upstream_forbidden")
    assert control.connections == 0
    world.loop.do(control.stop())


def test_p31_neither_through_an_endpoint(world):
    world.start(resolve=Resolver(["127.0.0.1"]))
    world.plan.endpoints["self"] = Authority(
        "https", "self.test", world.engine.addresses["proxy"][1]
    )
    with world.endpoints() as wire:
        answer = wire.ask(b"GET /self/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
    assert answer.code == "upstream_forbidden"
