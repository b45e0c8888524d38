"""The same poll again, by the stage alone on a real vault: who gets the answer is written down first."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from gateway.access.admission import Admission
from gateway.drift.tally import Tally
from gateway.errors import ClientGone, VaultUnavailable
from gateway.exchange import Exchange, Peer, Request
from gateway.headers import Headers
from gateway.metrics import Metrics
from gateway.record import Recorder
from gateway.refused import Refusals
from gateway.stages.inbox import Inbox
from gateway.vault.answer import AnswerState
from tests.vault.makers import NOON, Clock, answer, keep, listed, opened


class Poll:
    """The stage, a vault with one answer that never arrived, and the poll that asks for it."""

    def __init__(self, vault):
        self.vault, clock = vault, Clock()
        self.inbox = Inbox(vault=vault, clock=clock, keep=NOON - NOON)
        metrics = Metrics()
        self.recorder = Recorder(
            vault=vault,
            metrics=metrics,
            refusals=Refusals(vault.refusals),
            tally=Tally(vault.route_hours, metrics, clock, "w"),
            clock=clock,
        )
        self.exchange = Exchange(
            Peer(ip_address("10.0.0.5"), "proxy", tls=False), Request("POST", None, "/", Headers())
        )
        self.exchange.admission = Admission("pms", "k1", frozenset({"proxy"}), None)
        self.exchange.poll = b"poll-1"
        keep(vault, answer=lambda kept: answer("lost"))

    def ask(self):
        return asyncio.run(self.inbox.again(self.exchange))

    def end(self, error=None):
        self.inbox.ended(self.exchange, error)
        asyncio.run(self.recorder.end(self.exchange, error))
        asyncio.run(self.inbox.flush())

    def audit(self):
        return [row.entry for row in self.vault.entries()]

    def outcomes(self):
        return [(entry.action.value, entry.outcome.value, entry.detail) for entry in self.audit()]


@pytest.fixture
def poll(tmp_path):
    with opened(tmp_path) as vault:
        yield Poll(vault)


INTENT = ("fetch", "intent", "of lost")


def test_p36_who_gets_an_answer_again_is_in_the_audit_before_it_is_opened(poll):
    table, seen = poll.vault.answers, []
    original = table.open

    async def watched(exchange, *, client):
        seen.extend(poll.outcomes())
        return await original(exchange, client=client)

    table.open = watched
    assert poll.ask().body == b"<a/>"
    assert seen == [INTENT]
    (intent,) = poll.audit()
    assert (intent.exchange, intent.client, intent.key) == (poll.exchange.id, "pms", "k1")
    assert (intent.origin, intent.route, intent.product) == (
        "10.0.0.5",
        "siteminder/pull",
        "seaside",
    )
    poll.end()
    assert poll.outcomes() == [INTENT, ("fetch", "done", "")]
    assert [row.state for row in listed(poll.vault)] == [AnswerState.REPLAYED]


def test_p36_an_answer_that_was_cut_off_again_may_have_been_seen(poll):
    assert poll.ask() is not None
    poll.end(ClientGone())
    assert poll.outcomes() == [INTENT, ("fetch", "unknown", "client_gone")]
    assert [row.state for row in listed(poll.vault)] == [AnswerState.UNDELIVERED]


def test_p36_an_answer_that_could_not_be_opened_was_seen_by_nobody(poll):
    async def fail(exchange, *, client):
        del exchange, client
        raise VaultUnavailable

    original, poll.vault.answers.open = poll.vault.answers.open, fail
    with pytest.raises(VaultUnavailable):
        poll.ask()
    poll.end(VaultUnavailable())
    assert poll.outcomes() == [INTENT, ("fetch", "failed", "vault_unavailable")]
    poll.vault.answers.open = original
    assert poll.ask() is not None  # whoever asks next gets it


def test_p36_where_nobody_can_write_it_down_nobody_gets_it(poll):
    def full(jobs):
        raise OSError

    poll.vault._database._transact = full
    with pytest.raises(VaultUnavailable):
        poll.ask()
    assert not poll.inbox._open
    assert poll.audit() == []
