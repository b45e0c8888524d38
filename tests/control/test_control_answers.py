"""A kept answer: given out once more, acknowledged, let through the rules again."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gateway.errors import CardDisguised, ExchangeUnknown, MessageMalformed, VaultUnavailable
from gateway.vault.answer import AnswerState
from tests.control.kept import BODY, CANARY, ids, raw, spool, states
from tests.control.serving import refused
from tests.e2e.process import until
from tests.vault.makers import NOON, mark

# --- the answer, once more ------------------------------------------------------------------------


def test_p15_the_answer_is_given_as_it_was_kept_and_is_replayed(control, vault):
    big = bytes(range(256)) * 20_000
    spool(vault, "exchange-1", status=207)
    spool(vault, "exchange-big", body=big)
    spool(vault, "exchange-bare", headers=b"", body=b"")
    key = control.key("proxy")
    head, _, body = raw(control, "/v1/exchanges/exchange-1/answer", key).partition(b"\r\n\r\n")
    assert body == BODY
    status, *fields = head.split(b"\r\n")
    assert status.startswith(b"HTTP/1.1 207 ")
    assert fields == [
        b"content-type: text/xml; charset=utf-8", b"x-odd: \xe9 b", b"set-cookie: a=1",
        b"set-cookie: b=2", b"date: then", b"x-gateway-cards: found=1 tokenized=1 failed=0",
        b"content-length: %d" % len(BODY), b"x-gateway-exchange: exchange-1",
        b"cache-control: no-store", b"x-content-type-options: nosniff", b"Connection: close",
    ]  # fmt: skip
    assert until(30, lambda: states(vault)["exchange-1"] == "replayed")
    assert control.get("/v1/exchanges/exchange-big/answer", key).content == big
    assert control.get("/v1/exchanges/exchange-bare/answer", key).content == b""
    assert until(30, lambda: set(states(vault).values()) == {"replayed"})
    for _ in range(2):  # as often as it is asked for
        assert control.get("/v1/exchanges/exchange-1/answer", key).content == BODY
    mark(vault, AnswerState.ACKNOWLEDGED, "exchange-1")
    assert control.get("/v1/exchanges/exchange-1/answer", key).content == BODY
    assert states(vault)["exchange-1"] == "acknowledged"


def test_what_is_cut_off_stays_to_be_fetched(control, vault):
    spool(vault, "exchange-1", body=bytes(40_000_000))
    key = control.key("proxy")
    with socket.create_connection(control.address, 5) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = (
            f"GET /v1/exchanges/exchange-1/answer HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n"
        )
        plain.sendall(head.encode())
        assert plain.recv(1000).startswith(b"HTTP/1.1 200 ")
    time.sleep(0.3)
    assert states(vault) == {"exchange-1": "undelivered"}
    assert ids(control.get("/v1/exchanges?state=undelivered", key)) == ["exchange-1"]


def test_p03_a_refused_answer_is_given_to_nobody(some, control, vault, replay):
    everything = {"products": (), "client": "pms"}
    for key in (control.key("proxy", **everything), control.key("proxy", "admin", **everything)):
        for path in ("/answer", "/answer?client=pms"):
            answered = control.get(f"/v1/exchanges/mine-bad{path}", key)
            assert refused(answered, 409, "answer_refused")
            assert CANARY not in answered.text
        answered = control.post("/v1/exchanges/mine-bad/acknowledge", key)
        assert refused(answered, 409, "answer_refused")
        assert states(vault)["mine-bad"] == "refused"
    mark(vault, AnswerState.REPLAYED, "mine-bad")
    answered = control.get("/v1/exchanges/mine-bad/answer", key)
    assert refused(answered, 409, "answer_refused")


def test_what_the_client_has_is_acknowledged(some, control, vault):
    key = control.key("proxy", products=())
    for _ in range(2):
        answered = control.post("/v1/exchanges/mine-a/acknowledge", key)
        assert (answered.status_code, answered.json()["state"]) == (200, "acknowledged")
    assert states(vault)["mine-a"] == "acknowledged"
    assert "mine-a" not in ids(control.get("/v1/exchanges?state=unacknowledged", key))


def test_what_has_expired_is_not_there(control, vault, clock):
    spool(vault, "exchange-1", expires=NOON + timedelta(hours=1))
    key = control.key("proxy")
    clock.now = NOON + timedelta(hours=1)
    assert ids(control.get("/v1/exchanges", key)) == []
    for path in ("", "/answer"):
        answered = control.get(f"/v1/exchanges/exchange-1{path}", key)
        assert refused(answered, 404, "exchange_unknown")


def test_calls_at_once_do_not_meet(control, vault):
    for n in range(20):
        spool(vault, f"exchange-{n}", body=b"%d" % n)
    key = control.key("proxy")

    async def main():
        return await asyncio.gather(
            *(
                asyncio.to_thread(raw, control, f"/v1/exchanges/exchange-{n}/answer", key)
                for n in range(20)
            )
        )

    bodies = [got.rpartition(b"\r\n")[2] for got in asyncio.run(main())]
    assert bodies == [b"%d" % n for n in range(20)]


# --- through the rules again ----------------------------------------------------------------------


def test_a_refused_answer_goes_through_the_rules_again(some, control, vault, replay):
    key = control.key("admin", client="ops", products=())
    replay.outcome = "mine-new"
    answered = control.post("/v1/exchanges/mine-bad/replay?client=pms", key)
    assert (answered.status_code, answered.json()) == (
        200,
        {"exchange": "mine-new", "client": "pms"},
    )
    assert replay.asked == [("pms", "mine-bad")]
    for path, status, code in (
        ("mine-a/replay?client=pms", 409, "answer_not_refused"),
        ("mine-bad/replay", 404, "exchange_unknown"),
        ("mine-bad/replay?client=spa", 404, "exchange_unknown"),
        ("nothing/replay?client=pms", 404, "exchange_unknown"),
    ):
        assert refused(control.post(f"/v1/exchanges/{path}", key), status, code)
    hilltop = control.key("admin", client="ops", products=("hilltop",))
    answered = control.post("/v1/exchanges/mine-bad/replay?client=pms", hilltop)
    assert refused(answered, 404, "exchange_unknown")
    assert len(replay.asked) == 1


class Once:
    """A replay with an Idempotency-Key; `comes_out`: the answer is kept under its new id by then."""

    def __init__(self, control, vault, replay, clock):
        self.key = control.key("admin", client="ops", products=())
        self.control, self.vault, self.replay, self.clock = control, vault, replay, clock

    def send(self, name="k", path="mine-bad/replay?client=pms", key=None):
        headers = {"Idempotency-Key": name}
        return self.control.post(f"/v1/exchanges/{path}", key or self.key, headers=headers)

    def comes_out(self):
        """As `gateway.replay` leaves it behind."""
        spool(self.vault, self.replay.kept_as[-1], at=self.clock.now, replays="mine-bad")


@pytest.fixture
def once(some, control, vault, replay, clock):
    del some
    return Once(control, vault, replay, clock)


def test_p24_a_replay_that_is_repeated_names_the_exchange_that_it_named(once, replay, vault):
    """Its first answer was lost: the gateway was killed once the answer had come out."""
    replay.outcome = VaultUnavailable
    assert refused(once.send(), 503, "vault_unavailable")
    once.comes_out()
    first = once.send()
    assert first.status_code == 200, first.text
    assert first.json() == {"exchange": replay.kept_as[-1], "client": "pms"}
    assert states(vault)[first.json()["exchange"]] == "undelivered"
    assert once.send().content == first.content
    assert len(replay.asked) == 1
    assert refused(once.send(name="other"), 409, "answer_not_refused")
    reused = once.send(path="mine-a/replay?client=pms")
    assert refused(reused, 422, "idempotency_key_reused")
    hilltop = once.control.key("admin", client="ops", products=("hilltop",))
    assert refused(once.send(key=hilltop), 404, "exchange_unknown")


def test_p24_a_replay_that_did_not_come_to_an_end_goes_on_under_the_id_that_it_was_to_have(
    once, replay
):
    replay.outcome = VaultUnavailable
    assert refused(once.send(), 503, "vault_unavailable")
    replay.outcome = "whatever"
    assert once.send().status_code == 200
    assert len(replay.kept_as) == 2
    assert len(set(replay.kept_as)) == 1


def test_a_replay_that_is_still_refused_keeps_nothing(once, replay):
    replay.outcome = MessageMalformed
    assert refused(once.send(), 502, "message_malformed")
    assert refused(once.send(path="mine-a/replay?client=pms"), 409, "answer_not_refused")
    assert refused(once.send(), 502, "message_malformed")


def test_a_replay_that_is_under_way_is_told_to_come_back(once, replay):
    held, go = threading.Event(), threading.Event()

    async def slow():
        held.set()
        assert await asyncio.to_thread(go.wait, 20)

    replay.outcome, replay.before = "mine-new", slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(once.send)
        assert held.wait(20)
        assert refused(once.send(), 409, "request_in_progress")
        go.set()
        assert first.result().status_code == 200


def test_what_is_acknowledged_twice_is_answered_the_same(some, control):
    key = control.key("proxy")
    answers = [control.post("/v1/exchanges/mine-a/acknowledge", key) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["state"] == "acknowledged"


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (MessageMalformed, 502),
        (CardDisguised, 502),
        (ExchangeUnknown, 404),
        (VaultUnavailable, 503),
    ],
)
def test_what_is_still_refused_says_why(some, control, vault, replay, raised, status):
    replay.outcome = raised
    key = control.key("admin", client="pms", products=())
    answered = control.post("/v1/exchanges/mine-bad/replay", key)
    assert refused(answered, status, raised.code)
    assert states(vault)["mine-bad"] == "refused"
