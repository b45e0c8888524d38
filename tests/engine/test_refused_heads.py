"""A refusal of the gateway's own says, as every answer does, which exchange, how many cards, how long."""

from __future__ import annotations

import re

import pytest

from gateway.engine.settings import Limits
from gateway.engine.timing import Laps
from gateway.errors import CardDisguised, RouteUnknown, TokenUnknown
from tests.engine.upstream import OK, Upstream

COUNTS = re.compile(r"found=\d+ tokenized=\d+ failed=\d+")
TIMES = re.compile(r"upstream;dur=(\d+\.\d), gateway;dur=(\d+\.\d), vault;dur=(\d+\.\d)")


def _times(answer):
    match = TIMES.fullmatch(answer.one("server-timing"))
    assert match is not None
    return [float(text) for text in match.groups()]


def _refuse_with(error):
    def refuse(exchange):
        exchange.counts.found, exchange.counts.tokenized, exchange.counts.failed = 3, 2, 1
        exchange.counts.guarded = exchange.counts.left = exchange.counts.detokenized = 7
        exchange.seconds["vault"] = 0.0301
        raise error

    return refuse


@pytest.mark.parametrize(
    ("stage", "error"),
    [("on_admit", RouteUnknown()), ("on_send", TokenUnknown()), ("on_answer", CardDisguised())],
)
def test_p16_counts_and_times_stand_on_a_refusal_of_any_stage(world, stage, error):
    world.upstream("a.test")
    setattr(world.plan, stage, _refuse_with(error))
    world.start()
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.post("a.test", b"card"))
    assert answer.code == error.code
    world.wait_ended(1)
    assert answer.one("x-gateway-exchange") == world.plan.ended[0][0].id
    assert answer.one("x-gateway-cards") == "found=3 tokenized=2 failed=1 left=7 ask_again=0"
    upstream, _, vault = _times(answer)
    assert vault == 30.1
    assert (upstream > 0) == (stage == "on_answer")


def test_the_time_that_upstream_was_given_stands_on_its_timeout(world):
    world.upstream("a.test", Upstream(lambda *_: OK[:-1]))
    world.start(limits=Limits(upstream_seconds=2))
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
    assert answer.code == "upstream_timeout"
    upstream, gateway, vault = _times(answer)
    assert upstream >= 2000
    assert (gateway < 2000, vault) == (True, 0.0)
    world.wait_ended(1)
    assert world.plan.ended[0][0].seconds["upstream"] >= 2  # and in the metrics


def test_the_time_that_a_client_takes_is_nobody_elses(world):
    world.start(limits=Limits(request_seconds=0.4))
    with world.proxy() as wire:
        answer = wire.ask(
            b"POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhalf"
        )
    assert answer.code == "request_timeout"
    assert COUNTS.fullmatch(answer.one("x-gateway-cards"))
    upstream, gateway, vault = _times(answer)
    assert (upstream, gateway < 300, vault) == (0.0, True, 0.0)
    world.wait_ended(1)
    assert set(world.plan.ended[0][0].seconds) == {"gateway"}


def test_what_is_refused_before_it_is_an_exchange_has_nothing_to_count(world):
    world.start()
    with world.proxy() as wire:
        answer = wire.ask(b"GET http://a.test/ HTTP/1.1\r\nHost : a.test\r\n\r\n")
    assert answer.code == "http_invalid"
    for name in ("x-gateway-exchange", "x-gateway-cards", "server-timing"):
        assert answer.one(name) is None


def test_laps():
    now = [10.0]
    laps = Laps(lambda: now[0])
    for part, seconds in (("client", 1), ("gateway", 2), ("upstream", 4), ("gateway", 8)):
        now[0] += seconds - 0.5
        laps.turn(part)
        now[0] += 0.5
    seconds = {"vault": 3.0}
    laps.note(seconds)
    laps.note(seconds)
    assert seconds == {
        "vault": 3.0,
        "upstream": 8.0,
        "gateway": 5.0 - 3.0,
    }  # the client's: nobody's
