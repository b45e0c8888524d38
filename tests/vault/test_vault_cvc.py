"""P21: a security code that a product holds: for minutes, apart, for one use."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.cards.token import Token
from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault import cvcs
from gateway.vault.envelope import Sealer
from gateway.vault.model import Found, NewCard, Wanted
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import (
    NOON,
    Clock,
    answer,
    booking,
    entry,
    get,
    keep,
    many,
    new,
    opened,
    pan,
    rows,
)
from tests.vault.test_vault_secrecy import spellings

MINUTE = timedelta(minutes=1)
END = NOON + 5 * MINUTE
MARK = "830917264"  # stands nowhere by chance, as three digits would


def held(cvc: str = MARK, until: datetime | None = END, **more) -> NewCard:
    return replace(new(**more), cvc=Secret(cvc), cvc_until=until)


def wanted(token: Token, *products: str, **more) -> Wanted:
    return Wanted(token, frozenset(products or ("seaside",)), **{"with_cvc": True, **more})


def take(vault: Vault, token: Token, *products: str, **more) -> Found | None:
    return asyncio.run(vault.find([wanted(token, *products, **more)], [entry("take")]))[0]


def shown(found: Found | None) -> str | None:
    assert found is not None
    assert (found.cvc is None) == (found.cvc_until is None)
    return None if found.cvc is None else found.cvc.reveal()


def count(directory: Path) -> int:
    with rows(directory) as connection:
        return connection.execute("SELECT count(*) FROM cvc").fetchone()[0]


def assert_not_in_clear(directory: Path) -> None:
    for path in (path for path in directory.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for spelling in spellings(MARK):
            assert spelling not in content, path.name


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(tmp_path: Path, clock: Clock):
    with opened(tmp_path, clock=clock) as vault:
        yield vault


# --- once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 240])  # decided on the writer's thread, and beside it
def test_p21_a_held_code_is_given_out_once(vault: Vault, tmp_path: Path, size: int) -> None:
    kept = keep(vault, held(), *many(size - 1))
    assert count(tmp_path) == 1
    found = take(vault, kept[0].token)
    assert shown(found) == MARK
    assert found is not None
    assert found.cvc_until == END
    assert found.card.cvc is None
    assert count(tmp_path) == 0
    assert shown(take(vault, kept[0].token)) is None


def test_p21_who_does_not_ask_for_the_code_leaves_it(vault: Vault, tmp_path: Path) -> None:
    (kept,) = keep(vault, held())
    assert shown(take(vault, kept.token, with_cvc=False)) is None
    assert count(tmp_path) == 1
    keep(vault, new())  # a poll that brings the card without its code
    assert shown(take(vault, kept.token)) == MARK


def test_p21_of_32_that_ask_at_once_one_gets_the_code(vault: Vault) -> None:
    (kept,) = keep(vault, held())

    async def main() -> list[str | None]:
        asking = [vault.find([wanted(kept.token)], [entry(f"{n}")]) for n in range(32)]
        return [shown(found) for (found,) in await asyncio.gather(*asking)]

    assert Counter(asyncio.run(main())) == {MARK: 1, None: 31}
    assert len(vault.entries()) == 32


def test_p21_wanted_twice_in_one_message_it_is_given_once(vault: Vault) -> None:
    kept = keep(vault, held(), held("4321", digits=pan(1)))
    asked = [wanted(kept[place].token) for place in (0, 0, 1)]
    assert [shown(found) for found in asyncio.run(vault.find(asked))] == [MARK, None, "4321"]


def test_p21_a_wrong_token_gets_no_code_and_erases_none(vault: Vault, tmp_path: Path) -> None:
    token = keep(vault, held())[0].token
    assert take(vault, Token(token.iduser, "A" * 13, token.test)) is None
    assert take(vault, token, "city") is None
    assert take(vault, replace(token, test=False)) is None
    assert count(tmp_path) == 1
    assert shown(take(vault, replace(token, test=False), any_mode=True)) == MARK


def test_p21_without_both_code_and_end_nothing_is_held(vault: Vault, tmp_path: Path) -> None:
    keep(vault, new(cvc=MARK), replace(held(), cvc_until=None), replace(held(), cvc=None))
    keep(vault, held(until=NOON), held(until=NOON - MINUTE))
    assert count(tmp_path) == 0


# --- its time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passed, given",
    [
        (timedelta(), True),
        (5 * MINUTE - timedelta(microseconds=1), True),
        (5 * MINUTE, False),
        (timedelta(days=400), False),
        (-timedelta(seconds=30), True),  # a clock that was corrected
        (-2 * MINUTE, False),  # a clock that would make it live longer
    ],
)
def test_p21_a_code_is_given_in_its_time_only(vault, clock, tmp_path, passed, given) -> None:
    (kept,) = keep(vault, held())
    clock.now += passed
    assert shown(take(vault, kept.token)) == (MARK if given else None)
    assert count(tmp_path) == 0
    clock.now = NOON
    assert shown(take(vault, kept.token)) is None


def test_p21_the_latest_code_is_the_one_held(vault: Vault, clock: Clock, tmp_path: Path) -> None:
    keep(vault, held("111", at=booking("RES-1")), held("222", at=booking("RES-2")))
    assert count(tmp_path) == 1
    (kept,) = keep(vault, held("333", until=NOON + MINUTE))
    clock.now += MINUTE
    assert shown(take(vault, kept.token)) is None  # not an older one that has time left
    keep(vault, held("444", until=NOON + 2 * MINUTE))
    assert shown(take(vault, kept.token)) == "444"


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p21_purge_erases_what_has_ended(vault: Vault, tmp_path: Path) -> None:
    keep(vault, held(), held(digits=pan(1), until=END + MINUTE))
    with rows(tmp_path) as connection:
        (sealed,) = connection.execute("SELECT sealed FROM cvc ORDER BY until").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sealed in (tmp_path / "state" / "vault.db").read_bytes()
    assert vault.cvcs.purge(END - timedelta(microseconds=1)) == 0
    assert vault.cvcs.purge(END) == 1
    assert count(tmp_path) == 1
    with rows(tmp_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sealed not in (tmp_path / "state" / "vault.db").read_bytes()


def test_p21_a_code_goes_with_its_card(vault: Vault, tmp_path: Path) -> None:
    keep(vault, held())
    with rows(tmp_path) as connection:
        connection.with_cascades()
        connection.execute("DELETE FROM link")
    assert count(tmp_path) == 0


# --- put back -------------------------------------------------------------------------------------


def test_p21_a_code_that_was_not_sent_is_held_again_until_the_same_end(vault, clock) -> None:
    (kept,) = keep(vault, held())
    for minutes in (0, 2, 4):
        clock.now = NOON + minutes * MINUTE
        found = take(vault, kept.token)
        assert shown(found) == MARK
        assert found is not None
        assert found.cvc_until == END
        asyncio.run(vault.return_cvc(found))
    clock.now = END
    assert shown(take(vault, kept.token)) is None


def test_p21_what_comes_back_too_late_is_not_held(vault: Vault, clock, tmp_path: Path) -> None:
    (kept,) = keep(vault, held())
    found = take(vault, kept.token)
    assert found is not None
    keep(vault, held("999"))
    asyncio.run(vault.return_cvc(found))
    assert shown(take(vault, kept.token)) == "999"  # the later one stays
    clock.now = END
    asyncio.run(vault.return_cvc(found))
    clock.now = NOON
    asyncio.run(vault.return_cvc(replace(found, cvc=None)))
    with rows(tmp_path) as connection:
        connection.execute("DELETE FROM card")
    asyncio.run(vault.return_cvc(found))
    assert count(tmp_path) == 0


# --- sealed apart ---------------------------------------------------------------------------------


def test_p21_a_held_code_is_sealed_under_a_key_of_its_own(vault, tmp_path, monkeypatch) -> None:
    sealed: list[tuple[Sealer, bytes]] = []
    seal = Sealer.seal

    def watched(self: Sealer, plaintext: bytes, where: bytes) -> bytes:
        sealed.append((self, plaintext))
        return seal(self, plaintext, where)

    monkeypatch.setattr(Sealer, "seal", watched)
    keep(vault, held(cvc="737"), held(), answer=lambda kept: answer())
    holding = [sealer for sealer, text in sealed if MARK.encode() in text]
    assert holding == [vault._keyring.cvc]
    (key,) = vault._keyring.cvc._keys.values()
    ring = vault._keyring
    for other in (ring.sealer, ring.spool, ring.quarantine, ring.foreign):
        assert key.reveal() not in [one.reveal() for one in other._keys.values()]


@pytest.mark.parametrize(
    "change",
    [
        "until = '2027-01-01T00:00:00.000000+00:00'",
        "at = '2026-03-01T11:59:59.000000+00:00'",
        "sealed = (SELECT sealed FROM cvc AS other WHERE other.iduser <> cvc.iduser)",
        "sealed = substr(sealed, 1, 70)",
    ],
)
def test_p17_p21_a_code_whose_row_was_altered_does_not_open(vault, tmp_path, change) -> None:
    kept = keep(vault, held(), held(digits=pan(1)))
    with rows(tmp_path) as connection:
        connection.execute(f"UPDATE cvc SET {change} WHERE iduser = {kept[0].token.iduser}")
    with pytest.raises(RecordDamaged) as damaged:
        take(vault, kept[0].token)
    assert damaged.value.__context__ is None


def test_p17_p21_a_code_is_bound_to_product_and_mode() -> None:
    sealer = Sealer({7: Secret(bytes(range(32)))}, 7)
    row = cvcs.seal(sealer, Secret(MARK), "seaside", 7, test=True, at="a", until="b")
    assert cvcs.unseal(sealer, row, "seaside", test=True).reveal() == MARK
    for product, test in (("city", True), ("seaside", False)):
        with pytest.raises(RecordDamaged):
            cvcs.unseal(sealer, row, product, test=test)


def test_p16_p21_a_held_code_stands_in_no_file_and_no_text(tmp_path: Path, clock: Clock) -> None:
    with opened(tmp_path, clock=clock) as vault:
        sent = held()
        (kept,) = keep(vault, sent, entries=[entry()], answer=lambda kept: answer())
        assert_not_in_clear(tmp_path)
        found = take(vault, kept.token)
        assert shown(found) == MARK
        assert found is not None
        assert_not_in_clear(tmp_path)
        asyncio.run(vault.return_cvc(found))
        assert_not_in_clear(tmp_path)
        kept_answer = get(vault)
        for text in (sent, found, kept, kept_answer, vault.entries()):
            assert MARK not in repr(text)
        vault.cvcs.purge(END)
        assert_not_in_clear(tmp_path)
    assert_not_in_clear(tmp_path)


@pytest.mark.parametrize("cvc", ["", "000", "0123", "１２３", "12\ud800", "x" * 40])
def test_p21_whatever_code_comes_comes_back_and_is_in_no_exception(vault: Vault, cvc: str) -> None:
    (kept,) = keep(vault, held(cvc))
    assert shown(take(vault, kept.token)) == cvc


# --- killed ---------------------------------------------------------------------------------------

KILLED = """
import asyncio, os, pathlib, signal, sys
from tests.vault.makers import keep, opened, NOON, Clock, open_vault
from tests.vault.test_vault_cvc import held, take
directory, at = pathlib.Path(sys.argv[1]), sys.argv[2]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
vault = open_vault(directory, step=step, clock=Clock())
(kept,) = keep(vault, held())
print(kept.token.alias, flush=True)
found = take(vault, kept.token)
print('given', flush=True)
asyncio.run(vault.return_cvc(found))
"""


@pytest.mark.parametrize(
    "at, there, intents",
    [
        ("keep:links", 0, 0),
        ("keep:written", 0, 0),
        ("keep:committed", 1, 0),
        ("take:begun", 1, 0),
        ("take:recorded", 1, 0),
        ("take:deleted", 1, 0),
        ("take:written", 1, 0),
        ("take:committed", 0, 1),
        ("take:answer", 0, 1),
        ("put_back:begun", 0, 1),
        ("put_back:written", 0, 1),
        ("put_back:committed", 1, 1),
        ("put_back:answer", 1, 1),
    ],
)
def test_p21_killed_at_each_step_a_code_is_there_until_its_intent_is(
    tmp_path, clock, at, there, intents
) -> None:
    done = run(KILLED, tmp_path, at)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert_not_in_clear(tmp_path)
    with opened(tmp_path, clock=clock) as vault:
        assert count(tmp_path) == there
        assert len(vault.entries()) == intents
        if there:
            (kept,) = keep(vault, new())
            assert not kept.created
            assert shown(take(vault, kept.token)) == MARK
