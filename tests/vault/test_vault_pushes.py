"""Refused pushes, by the stage alone on a real vault: whose are kept, how many, how long, killed when."""

from __future__ import annotations

import asyncio
import gzip
import signal
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from gateway.access.admission import Admission
from gateway.errors import MessageMalformed
from gateway.exchange import Exchange, Peer, Request
from gateway.garbage import Garbage
from gateway.headers import Headers
from gateway.rules.load import load_pack_text
from gateway.stages import quarantine
from gateway.stages.kept_pushes import KeptPushes, Room
from gateway.stages.messages import Messages
from gateway.stages.quarantine import Quarantine
from gateway.vault.answer import AnswerState
from tests.children import run
from tests.vault.makers import PAN, Clock, get_refused, listed, opened, rows

ROUTE, BOTH = load_pack_text(
    """
system: own
about: One push
shapes:
  one: { format: xml, card: //Card, number: Number, cvc: Code }
  answered: { format: xml, card: //Card, number: Number, cvc: Other }
routes:
  - { name: push, at: /own, forward: "https://pms.example/own", auth: partner, methods: [POST], inbox: refused, request: { tokenize: one } }
  - { name: both, at: /both, forward: "https://pms.example/both", auth: partner, methods: [POST], inbox: refused, request: { tokenize: one }, response: { tokenize: answered } }
""",
    "own.yaml",
).routes
DAY = timedelta(hours=24)
FAR = datetime(2990, 1, 1, tzinfo=UTC)  # the vault's own clock is the machine's
BODY = f"<Card><Number>{PAN}</Number><Code>737</Code>".encode()


class Pushes:
    """The stage with a clock that a test sets."""

    def __init__(self, vault, room=Room(3, 1 << 20)):  # noqa: B008  # frozen
        self.vault, self.clock, self.room = vault, Clock(), room
        self.clock.now = FAR
        self.restart()

    def restart(self):
        quarantine = Quarantine(
            vault=self.vault, messages=Messages(Garbage(), 1 << 20), clock=self.clock, keep=DAY
        )
        self.stage = KeptPushes(quarantine, vault=self.vault, clock=self.clock, room=self.room)

    def push(self, body=BODY, *, name="partner", let_in=True, route=ROUTE, coding=None):
        headers = Headers([(b"Content-Type", b"text/xml")])
        if coding is not None:
            headers.fields += ((b"Content-Encoding", coding),)
        request = Request("POST", None, "/own", headers, body)
        exchange = Exchange(Peer(ip_address("192.0.2.1"), "endpoints", tls=True), request)
        exchange.admission = Admission(name, "", frozenset({"proxy"}), None)
        exchange.route, exchange.let_in = route, let_in
        asyncio.run(self.stage.refuse(exchange, route, request, MessageMalformed()))
        return exchange.id


@pytest.fixture
def pushes(vault):
    return Pushes(vault)


def test_p21_a_push_is_kept_without_its_code_for_as_long_as_answers(pushes, vault):
    id = pushes.push()
    (row,) = listed(vault)
    assert (row.exchange, row.state, row.client) == (id, AnswerState.REFUSED, "push:partner")
    assert row.expires == FAR + DAY
    assert row.is_push
    push = get_refused(vault, id, client="push:partner")
    assert push.body == BODY.replace(b"<Code>737", b"<Code>0")
    assert push.headers == b"Content-Type: text/xml"
    assert get_refused(vault, id, client="partner") is None
    assert vault.answers.purge(FAR + DAY) == 1
    assert listed(vault) == []


@pytest.mark.parametrize(
    "body",
    [
        b"<Card><CVV>737</CVV>",
        b'<Card SeriesCode="737"/>',
        b'{"card": {"security_code": "7371"',
        b"card[cvc]=737&x",
        b"<Card><Code>737",
    ],
)
def test_p21_a_code_by_another_name_than_the_rule_s_is_not_kept_either(pushes, vault, body):
    id = pushes.push(body, route=BOTH)
    assert b"737" not in get_refused(vault, id, client="push:partner").body


def test_p28_a_push_of_nobody_is_not_kept(pushes, vault):
    pushes.push(let_in=False)
    assert listed(vault) == []


def test_p33_there_is_room_for_so_many_of_each_caller(pushes, vault):
    first = [pushes.push(BODY + b"%d" % n) for n in range(5)][:3]
    other = pushes.push(name="another")
    assert sorted(row.exchange for row in listed(vault)) == sorted([*first, other])
    vault.answers.purge(FAR + DAY)
    pushes.clock.now += DAY
    pushes.push(b"<later>")
    assert len(listed(vault)) == 1


def test_p33_a_compressed_push_takes_the_room_of_what_it_holds(vault, caplog, monkeypatch):
    caplog.set_level("INFO")
    pushes = Pushes(vault, Room(9, 20_000))
    bomb = gzip.compress(b"<Card>" + b" " * 19_990)
    assert len(bomb) < 100
    with monkeypatch.context() as patch:
        patch.setattr(quarantine, "without_codes", lambda *_: pytest.fail("it was searched"))
        pushes.push(bomb, coding=b"gzip")
        pushes.push(b"<Card>" + b" " * 19_990)
    assert listed(vault) == []
    assert [one.fields["why"] for one in caplog.records] == ["no_room"] * 2
    for n in range(5):
        pushes.push(gzip.compress(b"<Card>%d" % n + b" " * 8_000), coding=b"gzip")
    assert len(listed(vault)) == 2
    assert sum(row.size for row in listed(vault)) < 20_000
    pushes.push(gzip.compress(BODY), coding=b"gzip")  # what is small still fits
    assert len(listed(vault)) == 3


def test_p33_what_unpacks_to_more_than_any_message_is_not_kept(pushes, vault):
    pushes.push(gzip.compress(bytes(2 << 20)), coding=b"gzip")
    assert listed(vault) == []


def test_p33_the_same_push_is_kept_once_until_it_expires(pushes, vault):
    pushes.push()
    pushes.push()
    assert len(listed(vault)) == 1
    pushes.clock.now += DAY
    pushes.push()
    assert len(listed(vault)) == 2
    pushes.restart()  # another process knows of none: there is a copy, and no hash on the disk
    pushes.push()
    assert len(listed(vault)) == 3


KILLED = """
import os, pathlib, signal, sys
from tests.vault.makers import opened
from tests.vault.test_vault_pushes import Pushes
def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
with opened(pathlib.Path(sys.argv[1]), step=step) as vault:
    Pushes(vault).push()
"""


@pytest.mark.parametrize(
    ("at", "kept"),
    [("begun", 0), ("row", 0), ("written", 0), ("committed", 1), ("answer", 1)],
)
def test_p24_killed_at_each_step_a_push_is_there_whole_or_not(tmp_path, at, kept):
    done = run(KILLED, tmp_path, f"quarantine:{at}")
    assert done.returncode == -signal.SIGKILL, done.stderr
    with rows(tmp_path) as connection:
        connection.assert_sound()
    with opened(tmp_path) as vault:
        found = listed(vault)
        assert len(found) == kept
        for row in found:
            assert get_refused(vault, row.exchange, client=row.client).body.startswith(b"<Card>")
