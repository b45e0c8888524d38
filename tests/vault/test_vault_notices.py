"""The outbox: committed with what it tells of, sealed, claimed by one, in order, purged."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import RecordDamaged, TokenUnknown, VaultUnavailable
from gateway.secret import Secret
from gateway.vault.envelope import Sealer
from gateway.vault.notice import read_row, unseal
from gateway.vault.notices import KEPT, NewNotice
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import NOON, Clock, card, open_vault, opened, rows
from tests.vault.test_vault_secrecy import spellings

CARD = "4539578763621486"
MINUTE = timedelta(minutes=1)
TOLD = ("pms", "spa")


@pytest.fixture
def vault(tmp_path):
    with opened(tmp_path, clock=Clock(), told=TOLD) as made:
        yield made


def new(subject="charge-a", client="pms", kind="charge.succeeded", body=None, **more) -> NewNotice:
    return NewNotice(client, kind, subject, body or {"note": "Ada of room 7"}, **more)


def put(vault: Vault, *notices: NewNotice) -> None:
    asyncio.run(vault.notices.put(notices))


def claim(vault: Vault, now=NOON, client="pms", until=None):
    found = asyncio.run(vault.notices.claim(client, now, until or now + 3 * MINUTE))
    return sorted(found, key=lambda one: one.row.subject)


def subjects(found) -> list[str]:
    return [one.row.subject for one in found]


def states(directory: Path) -> list[tuple]:
    with rows(directory) as connection:
        return connection.execute(
            "SELECT state, tries, code FROM notice ORDER BY number"
        ).fetchall()


def test_a_client_without_a_webhook_is_told_nothing_and_nothing_is_kept(tmp_path) -> None:
    with opened(tmp_path, clock=Clock(), told=("spa",)) as vault:
        put(vault, new(), new(client="spa"))
        assert states(tmp_path) == [("waiting", 0, "")]
        assert subjects(claim(vault, client="spa")) == ["charge-a"]
    with opened(tmp_path, clock=Clock()) as vault:
        put(vault, new(client="spa"))
        assert len(states(tmp_path)) == 1


def test_what_is_due_is_claimed_by_one_and_due_again_if_it_dies(tmp_path) -> None:
    with opened(tmp_path, clock=Clock(), told=TOLD) as vault, opened(tmp_path) as second:
        put(vault, new(), new("charge-b"), new("charge-c", client="spa"))
        assert asyncio.run(vault.notices.next_due("pms")) == NOON
        assert claim(vault, NOON - MINUTE) == []
        assert subjects(claim(vault)) == ["charge-a", "charge-b"]
        assert claim(second) == claim(second, NOON + 2 * MINUTE) == []
        assert asyncio.run(second.notices.next_due("pms")) == NOON + 3 * MINUTE
        again = claim(second, NOON + 3 * MINUTE)
        assert [one.row.tries for one in again] == [2, 2]


def test_of_one_subject_the_earliest_that_is_not_over_is_claimed(vault: Vault) -> None:
    put(vault, new(kind="charge.created"), new(kind="charge.failed"), new(client="spa"))
    (first,) = claim(vault)
    assert first.row.kind == "charge.created"
    assert claim(vault) == []
    assert subjects(claim(vault, client="spa")) == ["charge-a"]
    asyncio.run(vault.notices.failed(first.row, "status_500", NOON, NOON + MINUTE))
    assert claim(vault) == []
    assert asyncio.run(vault.notices.next_due("pms")) == NOON + MINUTE
    (again,) = claim(vault, NOON + MINUTE)
    assert again.row.kind == "charge.created"
    asyncio.run(vault.notices.delivered(again.row, NOON + MINUTE))
    (second,) = claim(vault, NOON + MINUTE)
    assert second.row.kind == "charge.failed"


def test_an_attempt_that_was_taken_for_dead_says_nothing_of_the_next(tmp_path) -> None:
    with opened(tmp_path, clock=Clock(), told=TOLD) as vault:
        put(vault, new())
        (dead,) = claim(vault)
        (next_one,) = claim(vault, NOON + 3 * MINUTE)
        asyncio.run(vault.notices.failed(dead.row, "status_500", NOON, None))
        assert states(tmp_path) == [("sending", 2, "")]
        asyncio.run(vault.notices.delivered(dead.row, NOON))
        assert states(tmp_path) == [("delivered", 2, "")]
        asyncio.run(vault.notices.failed(next_one.row, "status_500", NOON, NOON))
        assert states(tmp_path) == [("delivered", 2, "")]


def test_p24_what_tells_of_nothing_is_not_kept(tmp_path) -> None:
    with opened(tmp_path, clock=Clock(), told=TOLD) as vault:

        def work(connection):
            vault.notices.insert(connection, [new()], NOON)
            raise TokenUnknown

        with pytest.raises(TokenUnknown):
            vault._database.write("charge", work).result()
        assert states(tmp_path) == []


KILLED = """
import asyncio, os, pathlib, signal, sys
from tests.vault.makers import open_vault
from tests.vault.test_vault_notices import new, TOLD
def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(pathlib.Path(sys.argv[1]), step=step, told=TOLD)
asyncio.run(vault.notices.put([new(), new("charge-b")]))
"""


@pytest.mark.parametrize(
    "at, there", [("notice:rows", 0), ("notice:written", 0), ("notice:committed", 2)]
)
def test_p24_killed_at_each_step_all_is_there_or_nothing(tmp_path, at, there) -> None:
    open_vault(tmp_path).close()
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert states(tmp_path) == [("waiting", 0, "")] * there


@pytest.mark.parametrize(
    "change",
    [
        "client = 'spa'",
        "id = 'other'",
        "kind = 'charge.failed'",
        "subject = 'charge-b'",
        "product = 'city'",
        "sealed = substr(sealed, 1, 90)",
    ],
)
def test_p17_a_notice_that_was_moved_does_not_open(tmp_path, change, caplog) -> None:
    with opened(tmp_path, clock=Clock(), told=TOLD) as vault:
        put(vault, new(), new("charge-z"))
        with rows(tmp_path) as connection:
            connection.execute(f"UPDATE notice SET {change} WHERE subject = 'charge-a'")
        found = claim(vault) + claim(vault, client="spa")
        assert subjects(found) == ["charge-z"]
        assert states(tmp_path)[0] == ("given_up", 1, RecordDamaged.code)
        assert "notice_damaged" in [record.msg for record in caplog.records]


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p16_a_notice_is_sealed_under_a_key_of_its_own(tmp_path, monkeypatch) -> None:
    with opened(tmp_path, clock=Clock(), told=TOLD) as vault:
        sealing, original = [], Sealer.seal
        monkeypatch.setattr(
            Sealer, "seal", lambda self, *a: sealing.append(self) or original(self, *a)
        )
        put(vault, new())
        assert sealing == [vault._keyring.notice]
        for path in (tmp_path / "state").iterdir():
            for spelling in spellings("Ada of room 7"):
                assert spelling not in path.read_bytes()
        with rows(tmp_path) as connection:
            columns = connection.execute("SELECT * FROM notice").fetchone()
        whole = unseal(vault._keyring.notice, read_row(columns[1:-1]), columns[-1])
        assert "Ada" not in repr(whole)


@pytest.mark.parametrize(
    "value",
    [
        Secret(CARD), card(CARD), CARD.encode(), int(CARD), 4.5, {1: "a"}, {"Two words": "a"}, {CARD: "a"},
        object(), ["a", Secret("b")], {"inner": {"card": card(CARD)}},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_p16_what_could_be_a_card_is_told_to_nobody(value) -> None:
    with pytest.raises(ValueError) as refused:
        new(body={"field": value})
    assert CARD not in str(refused.value)


def test_p16_a_number_in_a_text_is_masked(vault: Vault) -> None:
    put(vault, new(body={"note": f"please take {CARD}", "deep": [{"text": "4539 5787 6362 1486"}]}))
    (found,) = claim(vault)
    told = found.body.reveal().decode()
    assert "please take 453957******1486" in told
    assert CARD not in told.replace(" ", "")


@pytest.mark.parametrize(
    "kind", ["", "charge", "Charge.done", "charge.", f"card.{CARD}", "a\r\n.b"]
)
def test_a_kind_is_a_name(kind) -> None:
    with pytest.raises(ValueError):
        new(kind=kind)


def test_what_is_over_and_old_is_purged(tmp_path) -> None:
    with opened(tmp_path, clock=Clock(), told=TOLD) as vault:
        put(vault, new(), new("charge-b"), new("charge-c"), new("charge-d", client="spa"))
        first, second, _ = claim(vault)
        asyncio.run(vault.notices.delivered(first.row, NOON))
        asyncio.run(vault.notices.failed(second.row, "status_500", NOON, None))
        assert vault.notices.purge(NOON + KEPT - MINUTE) == 0
        assert vault.notices.purge(NOON + KEPT) == 2
        assert [state for state, *_ in states(tmp_path)] == ["sending", "waiting"]
    with opened(tmp_path, clock=Clock(), told=("pms",)) as vault:
        assert vault.notices.purge(NOON + KEPT) == 1  # of one who has no webhook any more
        assert [state for state, *_ in states(tmp_path)] == ["sending"]


def test_p27_a_closed_vault_keeps_no_notice(tmp_path) -> None:
    vault = open_vault(tmp_path, told=TOLD)
    vault.close()
    for call in (lambda: put(vault, new()), lambda: claim(vault)):
        with pytest.raises(VaultUnavailable):
            call()
