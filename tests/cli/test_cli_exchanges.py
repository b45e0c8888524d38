"""`card-gateway exchanges`, on a real vault; the rules that an answer is replayed by are a stand-in."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cards.failures import advice
from gateway.cli import exchanges_replay
from gateway.errors import (
    AnswerRefused,
    CardDisguised,
    ExchangeUnknown,
    MessageMalformed,
    VaultUnavailable,
)
from gateway.system_user import command_line
from gateway.vault.answer import AnswerState, FailedCard
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from tests.vault.makers import answer, keep, listed, mark, quarantine

CANARY = "4539578763621486"
BODY = b"\x00\xff<a>\r\n</a>"


@pytest.fixture
def vault(run):
    """The command's vault, opened beside it."""
    opened = Vault.open(run.state / "vault.db", KekFile(run.state / "kek"))
    yield opened
    opened.close()


@pytest.fixture
def some(vault):
    now = datetime.now(UTC)
    for hours, name, more in (
        (1, "mine-a", {}),
        (30, "mine-old", {"hotels": ("1", "2"), "echo": "e"}),
        (2, "mine-done", {}),
        (3, "theirs-a", {"client": "spa"}),
        (4, "twice", {}),
        (4, "twice", {"client": "spa"}),
    ):
        one = answer(name, at=now - timedelta(hours=hours), body=BODY, **more)
        keep(vault, answer=lambda _, one=one: one)
    mark(vault, AnswerState.DELIVERED, "mine-done")
    bad = answer("mine-bad", at=now, body=CANARY.encode(), echo="\x1b[31m[red]\u202e")
    quarantine(vault, bad, "card_disguised")


def ids(run, *options):
    code, out, err = run("exchanges", "list", "--json", *options)
    assert err == ""
    return code, [row["exchange"] for row in json.loads(out)]


def test_nothing_is_wrong(run, vault):
    assert run("exchanges", "list") == (0, "There are none.\n", "")
    assert ids(run) == (0, [])


def test_what_did_not_arrive_is_listed_with_what_to_do(run, some):
    code, out, err = run("exchanges", "list", "--client", "pms", "--since", "3h")
    assert (code, err) == (1, "")
    bad, mine = out.split("\n\n")[:2]
    assert bad.startswith("mine-bad  refused\n   pms, siteminder/pull, ")
    assert "hotel 10107; EchoToken \\u001b[31m[red]\\u202e; " in bad
    assert bad.endswith(
        f"   card_disguised\n   {CardDisguised.text}\n   {CardDisguised.action} "
        "Then let it through the rules again: card-gateway exchanges replay mine-bad"
    )
    assert mine.startswith("mine-a  undelivered\n")
    assert "connection ended" in mine
    assert "GET /v1/exchanges/mine-a/answer" in mine
    assert CANARY not in out


def test_a_list_is_narrowed(run, some):
    everything = [word for state in AnswerState for word in ("--state", state.value)]
    for options, code, found in (
        ((), 1, "mine-bad mine-a theirs-a twice twice mine-old"),
        (("--since", "3h"), 1, "mine-bad mine-a"),
        (("--state", "delivered"), 0, "mine-done"),
        (("--state", "replayed"), 0, ""),
        (("--hotel", "2"), 1, "mine-old"),
        (("--echo", "e"), 1, "mine-old"),
        (("--client", "spa"), 1, "theirs-a twice"),
        ((*everything, "--limit", "3"), 1, "mine-bad mine-a mine-done"),
    ):
        assert ids(run, *options) == (code, found.split()), options


def test_cards_that_failed_are_listed_until_somebody_has_the_answer(run, vault):
    failed = (FailedCard(2, 1, "hotel_unknown"), FailedCard(0, 3, "a_code_of_another_version"))
    one = answer("mine-half", failed=102, failures=failed)
    keep(vault, answer=lambda _: one)
    keep(vault, answer=lambda _: answer("mine-whole"))
    mark(vault, AnswerState.DELIVERED, "mine-whole")
    for state in (AnswerState.DELIVERED, AnswerState.REPLAYED):
        mark(vault, state, "mine-half")
        assert ids(run) == (1, ["mine-half"])
    code, out, _ = run("exchanges", "list")
    lines = [line.strip() for line in out.splitlines()]
    assert code == 1
    told = advice("hotel_unknown")
    at = lines.index(f"booking 2, card 1: hotel_unknown. The card got no token: {told.reason}.")
    assert lines[at + 1].startswith(told.action)
    assert any(line.startswith("card 3: a_code_of_another_version. ") for line in lines)
    assert "and 100 more cards that failed" in lines
    assert run("exchanges", "show", "mine-half")[1] == out
    assert ids(run, "--failed") == (1, ["mine-half"])
    mark(vault, AnswerState.ACKNOWLEDGED, "mine-half")
    assert ids(run) == (0, [])
    assert ids(run, "--failed", "--state", "acknowledged") == (1, ["mine-half"])
    assert ids(run, "--failed", "--state", "delivered") == (0, [])


def test_wrong_use_is_2(run, some):
    for options in (
        ("list", "--state", "lost"),
        ("list", "--since", "yesterday"),
        ("list", "--limit", "0"),
        ("show",),
        ("answer", "mine-a", "--out"),
    ):
        assert run("exchanges", *options)[0] == 2, options
    for command in ("show", "answer", "replay"):
        for options in (("nothing",), ("mine-a", "--client", "spa")):
            code, out, err = run("exchanges", command, *options)
            assert (code, out) == (2, "")
            assert err.startswith(ExchangeUnknown.text)
        code, out, err = run("exchanges", command, "twice")
        assert (code, out) == (2, "")
        assert "--client: pms, spa" in err
    for command in ("list", "show", "answer", "replay"):
        code, out, _ = run("exchanges", command, "--help", options=False)
        assert code == 0
        assert f"card-gateway exchanges {command}" in out


def test_one_exchange_is_shown(run, some):
    code, out, _ = run("exchanges", "show", "mine-old", "--json")
    row = json.loads(out)
    assert (code, row["hotels"], row["state"]) == (0, ["1", "2"], "undelivered")
    code, out, _ = run("exchanges", "show", "twice", "--client", "spa")
    assert code == 0
    assert out.startswith("twice  undelivered\n   spa, ")


def test_p16_an_answer_goes_into_a_file_for_its_owner_only(run, some, tmp_path, vault):
    file = tmp_path / "answer.xml"
    old = os.umask(0)
    try:
        code, out, err = run("exchanges", "answer", "mine-a", "--out", str(file))
    finally:
        os.umask(old)
    assert (code, err) == (0, "")
    assert file.read_bytes() == BODY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "status 200" in out
    code, out, err = run("exchanges", "answer", "theirs-a", "--out", str(file))
    assert (code, out) == (2, "")
    assert "File exists" in err
    assert file.read_bytes() == BODY
    assert {row.exchange: row.state for row in listed(vault)}["mine-a"] is AnswerState.UNDELIVERED
    audit = [row.entry for row in vault.entries()]
    assert [(one.action, one.outcome, one.exchange, one.origin) for one in audit] == [
        ("fetch", "intent", "mine-a", command_line()),
        ("fetch", "done", "mine-a", command_line()),
        ("fetch", "intent", "theirs-a", command_line()),  # its file could not be written
    ]


def piped(run, *arguments, **how):
    command = [sys.executable, "-m", "gateway", *arguments, "--config", str(run.config)]
    return subprocess.run(command, timeout=60, check=False, **how)


def test_an_answer_goes_into_a_pipe_and_not_onto_a_terminal(run, some):
    done = piped(run, "exchanges", "answer", "mine-a", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, BODY, b"")
    ours, theirs = pty.openpty()
    try:
        done = piped(run, "exchanges", "answer", "mine-a", stdout=theirs, stderr=subprocess.PIPE)
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):
            os.read(ours, 100)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"--out FILE" in done.stderr


def test_p03_a_refused_answer_is_given_to_nobody(run, some, tmp_path, vault):
    for state in (AnswerState.REFUSED, AnswerState.REPLAYED):
        if state is AnswerState.REPLAYED:
            keep(vault, answer=lambda _: answer("mine-new", replays="mine-bad"))
        assert {row.exchange: row.state for row in listed(vault)}["mine-bad"] is state
        code, out, err = run("exchanges", "answer", "mine-bad", "--out", str(tmp_path / "a"))
        assert (code, out) == (2, "")
        assert err.startswith(AnswerRefused.text)
        assert not (tmp_path / "a").exists()


# --- through the rules again ----------------------------------------------------------------------


@pytest.fixture
def replay(monkeypatch):
    """Stands in for the rules: what it was asked, and what it shall raise."""
    asked, raised = [], []

    async def stand_in(config, client, exchange):
        asked.append((config.database.name, client, exchange))
        for kind in raised:
            raise kind
        return "mine-new"

    monkeypatch.setattr(exchanges_replay, "load_replay", lambda: stand_in)
    return asked, raised


def test_a_refused_answer_is_replayed(run, some, replay):
    code, out, err = run("exchanges", "replay", "mine-bad")
    assert (code, err) == (0, "")
    assert "kept as mine-new now, for pms: GET /v1/exchanges/mine-new/answer" in out
    assert replay[0] == [("vault.db", "pms", "mine-bad")]
    code, out, _ = run("exchanges", "replay", "mine-bad", "--json")
    assert (code, json.loads(out)["exchange"]) == (0, "mine-new")


def test_an_answer_that_is_still_refused_says_why(run, some, replay):
    replay[1].append(MessageMalformed)
    code, out, err = run("exchanges", "replay", "mine-bad")
    assert (code, out) == (1, "")
    assert err.startswith(f"It is still refused: message_malformed. {MessageMalformed.text}")
    code, out, _ = run("exchanges", "replay", "mine-bad", "--json")
    assert (code, json.loads(out)["code"]) == (1, "message_malformed")
    replay[1][:] = [VaultUnavailable]
    code, out, err = run("exchanges", "replay", "mine-bad")
    assert (code, out) == (2, "")
    assert err.startswith(VaultUnavailable.text)


def test_what_was_not_refused_is_not_replayed(run, some, replay):
    code, out, err = run("exchanges", "replay", "mine-a")
    assert (code, out) == (2, "")
    assert err == "It is undelivered, not refused: there is nothing to replay.\n"
    assert replay[0] == []
