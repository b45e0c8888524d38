"""Completing a recapture under an Idempotency-Key: no card leaves twice, and its token is always told.

A process is killed at each step of its own; another opens the vault, and is asked the same again. What
really left for Rapid stands in a file.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.access.products import Product
from gateway.cards.card import Card
from gateway.cards.expiry import Expiry
from gateway.errors import (
    ChangeRefused,
    IdempotencyKeyReused,
    RecaptureClosed,
    RecaptureInProgress,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUntrusted,
    VaultUnavailable,
)
from gateway.recapture.form import CardForm
from gateway.secret import Secret
from gateway.vault.recapture import RecaptureState
from tests.children import run
from tests.recapture.world import PAN, WHO, Partner
from tests.recapture.world import world as make
from tests.vault.makers import rows

CODE = "919"
TYPED = CardForm(
    None, False, Card(Secret(PAN), Expiry(2030, 8), Secret("Ada"), Secret(CODE)), Secret(CODE), None
)
OURS = replace(WHO, product=Product("seaside", test=True))

KILLED = """
import os, pathlib, signal, sys
import pytest
from tests.recapture.test_repeats import Watched, again
from tests.recapture.world import world
directory, (at, _, which) = pathlib.Path(sys.argv[1]), sys.argv[2].partition('#')
armed, passed = [], []
def step(name):
    if not armed:
        return
    passed.append(name)
    if name == at and passed.count(name) == int(which or 1):
        os.kill(os.getpid(), signal.SIGKILL)
with pytest.MonkeyPatch.context() as patch:
    with world(directory, patch, Watched(directory / 'sent', step), step=step) as made:
        made.heard()
        made.turn()
        armed.append(1)
        again(made)
        print('done', flush=True)
"""
# Each step, and what there is when it is killed there: nothing, a claim, a sending that may have
# left, an outcome.
NOTHING, CLAIMED, LEAVING, SENT, KNOWN = range(5)
STEPS = [
    ("request_repeated:committed", NOTHING),
    ("keep:committed", NOTHING),
    ("recapture:row", NOTHING),
    ("recapture:committed", CLAIMED),
    ("record:committed", CLAIMED),
    ("request_stands:begun", CLAIMED),
    ("request_stands:written", CLAIMED),
    ("request_stands:committed", LEAVING),
    ("sending", LEAVING),
    ("answered", SENT),
    ("recapture:row#2", SENT),
    ("recapture:also", SENT),
    ("recapture:written#2", SENT),
    ("recapture:committed#2", KNOWN),
    ("recapture:answer#2", KNOWN),
]


class Watched(Partner):
    """Writes down what leaves for Rapid, and says so before and after."""

    def __init__(self, file, step):
        super().__init__()
        self.file, self.step = file, step

    async def call(self, call):
        if call.method != "PUT":
            return await super().call(call)
        self.step("sending")
        with self.file.open("a") as file:
            file.write("card\n")
        answer = await super().call(call)
        self.step("answered")
        return answer


def again(world, key="k", said=b"{}", id=None):
    return world.run(world.completed(id or world.one().id, OURS, TYPED, key, said))


def sent(directory):
    file = directory / "sent"
    return file.read_text().count("card") if file.exists() else 0


@pytest.mark.parametrize("at, reached", STEPS)
def test_p24_killed_at_each_step_no_card_leaves_twice_and_the_token_is_told(
    tmp_path, monkeypatch, at, reached
):
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, (done.stdout, done.stderr)
    assert b"done" not in done.stdout.split()
    left = sent(tmp_path)
    assert left == (reached >= SENT)
    with rows(tmp_path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    partner = Watched(tmp_path / "sent", lambda _: None)
    with make(tmp_path, monkeypatch, partner) as world:
        token = world.keep().alias
        if CLAIMED <= reached < KNOWN:  # asked again at once, by a client that had no answer
            with pytest.raises(RecaptureInProgress):
                again(world)
            world.now += timedelta(minutes=10)
        state = {LEAVING: "sending", SENT: "sending"}.get(reached, "completed")
        assert again(world) == f"{state} {token}"
        assert again(world) == f"{state} {token}"
        # Where it may have left already, it did not leave again.
        assert sent(tmp_path) == (left if reached >= LEAVING else 1)


@pytest.fixture
def ready(world):
    """With one recapture whose link is known."""
    world.heard()
    world.turn()
    world.id = world.one().id
    return world


def cards_sent(world):
    return len(world.partner.made("PUT"))


def test_p24_a_request_that_is_repeated_is_answered_the_same_and_sends_no_card(ready):
    first = again(ready)
    assert first == f"completed {ready.keep().alias}"
    assert again(ready) == first
    assert cards_sent(ready) == 1
    assert ready.audit() == [("intent", ""), ("done", ""), ("done", "repeated")]
    with pytest.raises(IdempotencyKeyReused):
        again(ready, said=b"{1}")
    assert ready.audit()[-1] == ("refused", "idempotency_key_reused")
    with pytest.raises(RecaptureClosed):
        again(ready, key="other")
    ready.heard("event-2", 1)  # it failed again: what was answered stays
    assert again(ready, id=ready.id) == first
    ready.hours(24)
    assert ready.vault.idempotency.purge(ready.now) == 1
    with pytest.raises(RecaptureClosed):
        again(ready, id=ready.id)


def test_p24_two_at_once_send_one_card(ready):
    ready.keep()

    async def slow():
        await asyncio.sleep(0.05)
        return 204

    async def both():
        calls = [ready.completed(ready.id, OURS, TYPED, "k") for _ in range(2)]
        return await asyncio.gather(*calls, return_exceptions=True)

    ready.partner.change = slow
    outcomes = ready.run(both())
    assert sum(isinstance(one, RecaptureInProgress) for one in outcomes) == 1
    assert cards_sent(ready) == 1
    assert again(ready) in outcomes


@pytest.mark.parametrize("answer", [(True, UpstreamTimeout()), 503])
def test_p24_what_has_no_answer_is_not_sent_again_under_its_key(ready, answer):
    ready.partner.change = answer
    with pytest.raises((UpstreamTimeout, UpstreamInvalid)):
        again(ready)
    ready.partner.change = 204
    token = ready.keep().alias
    assert again(ready) == f"unknown {token}"
    assert cards_sent(ready) == 1
    assert again(ready, key="another") == f"completed {token}"
    assert again(ready) == f"completed {token}"
    assert cards_sent(ready) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("400 payments.number.invalid", ChangeRefused),
        ((False, UpstreamUntrusted()), UpstreamUntrusted),
    ],
)
def test_a_refusal_is_not_kept(ready, answer, error):
    ready.partner.change = answer
    with pytest.raises(error):
        again(ready)
    ready.partner.change = 204
    assert again(ready, said=b"{1}").startswith("completed ")


def test_p24_a_key_that_another_request_has_meanwhile_sends_no_card(ready, monkeypatch):
    """As another process may have written it, after this one looked."""
    requests = ready.vault.requests

    async def nothing(entry, once):
        del entry, once

    first = again(ready)
    ready.heard("event-2", 1)
    (second,) = ready.listed("pending")
    ready.turn()
    with monkeypatch.context() as patch:
        patch.setattr(requests, "repeated", nothing)
        with pytest.raises(IdempotencyKeyReused):
            again(ready, said=b"{1}", id=second.id)
    assert cards_sent(ready) == 1
    assert [row.state for row in ready.listed("pending")] == [RecaptureState.PENDING]
    assert again(ready, id=ready.id) == first  # and what it was answered is kept


def test_p27_without_a_place_for_the_key_no_card_leaves(ready, monkeypatch):
    async def fail(*args):
        del args
        raise VaultUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(ready.vault.requests, "stands", fail)
        with pytest.raises(VaultUnavailable):
            again(ready)
    assert cards_sent(ready) == 0
    assert again(ready).startswith("completed ")
