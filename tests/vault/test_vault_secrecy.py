"""Nothing in clear, nothing to the wrong one, nothing that was altered."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import re
import stat
import weakref
from pathlib import Path

import pytest

from gateway.cards.token import Token
from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.vault.envelope import Sealer
from gateway.vault.model import NewCard, Wanted
from gateway.vault.records import tokenuser_parts
from gateway.vault.service import Vault
from tests.children import run
from tests.vault.makers import (
    booking,
    entry,
    find,
    keep,
    many,
    new,
    open_vault,
    opened,
    pan,
    rows,
)
from tests.vault.outside import REFUSED

# --- who gets a card ------------------------------------------------------------------------------


def test_p06_only_the_right_product_mode_and_tokenuser_get_a_card(vault: Vault) -> None:
    (kept,) = keep(vault, new())
    token = kept.token
    other = ("A" if token.tokenuser[0] != "A" else "B") + token.tokenuser[1:]
    assert find(vault, token) is not None
    assert find(vault, token, "city", "seaside") is not None
    assert find(vault, token, "city") is None
    assert asyncio.run(vault.find([Wanted(token, frozenset())])) == [None]
    assert find(vault, Token(token.iduser, token.tokenuser, test=False)) is None
    for wrong in (other, token.tokenuser.swapcase(), token.tokenuser[:-1], "", "é\ud800"):
        assert find(vault, Token(token.iduser, wrong, test=True)) is None
    for iduser in (token.iduser ^ 1, 0, -1, 2**31, 2**70):
        assert find(vault, Token(iduser, token.tokenuser, test=True)) is None


def test_p06_a_pair_does_not_say_its_mode_and_the_answer_does(vault: Vault) -> None:
    (kept,) = keep(vault, new())
    unsure = Token(kept.token.iduser, kept.token.tokenuser, test=False)
    for product, expected in [("seaside", kept.token), ("city", None)]:
        wanted = [Wanted(unsure, frozenset({product}), any_mode=True)]
        (found,) = asyncio.run(vault.find(wanted))
        assert (found.token if found else None) == expected


def test_p06_one_token_does_not_open_anothers_card(vault: Vault) -> None:
    one, other = keep(vault, new(), new(pan(1), product="city"))
    mixed = Token(other.token.iduser, one.token.tokenuser, test=True)
    assert find(vault, mixed, "seaside", "city") is None
    wanted = [
        Wanted(mixed, frozenset({"seaside", "city"})),
        Wanted(other.token, frozenset({"seaside"})),
        Wanted(one.token, frozenset({"seaside"})),
    ]
    first, second, third = asyncio.run(vault.find(wanted))
    assert (first, second) == (None, None)
    assert third is not None


def test_p17_rows_that_were_altered_do_not_open(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        one, other = keep(vault, new(), new(pan(1), at=booking("RES-2")))
        for statement, seen in [
            ("UPDATE card SET product = 'city' WHERE id = 1", "city"),
            ("UPDATE card SET test = 0 WHERE id = 1", "seaside"),
            ("UPDATE card SET sealed = (SELECT sealed FROM card WHERE id = 2) WHERE id = 1", ""),
            ("UPDATE link SET sealed = (SELECT sealed FROM link WHERE id = 2) WHERE id = 1", ""),
            ("UPDATE card SET sealed = substr(sealed, 1, 90) WHERE id = 1", ""),
            ("UPDATE card SET sealed = ? WHERE id = 1", ""),
        ]:
            with rows(tmp_path) as connection:
                connection.execute("BEGIN")
                saved = connection.execute("SELECT product, test, sealed FROM card").fetchall()
                held = connection.execute("SELECT sealed FROM link").fetchall()
                connection.execute(statement, (b"",) if "?" in statement else ())
                connection.execute("COMMIT")
                token = Token(one.token.iduser, one.token.tokenuser, "test = 0" not in statement)
                with pytest.raises(RecordDamaged) as refused:
                    find(vault, token, seen or "seaside")
                assert refused.value.__context__ is None
                for id, values in enumerate(saved, 1):
                    connection.execute(
                        "UPDATE card SET product = ?, test = ?, sealed = ? WHERE id = ?",
                        (*values, id),
                    )
                for id, values in enumerate(held, 1):
                    connection.execute("UPDATE link SET sealed = ? WHERE id = ?", (*values, id))
        assert find(vault, one.token) is not None
        assert find(vault, other.token) is not None


@pytest.mark.parametrize("change", ["product = 'city'", "test = 0", "iduser = 77"])
def test_p17_a_card_is_bound_without_its_link(tmp_path: Path, change: str) -> None:
    """Its link is bound to the same, and would hide that the card itself is not."""
    with opened(tmp_path) as vault:
        one, other = keep(vault, new(), new(pan(1), at=booking("RES-2")))
        token = one.token
        with rows(tmp_path) as connection:
            connection.execute(f"UPDATE link SET iduser = {other.token.iduser}")
            assert find(vault, token) is not None
            if change.startswith("iduser"):  # with the hash that fits: only the seal can tell
                hashing = vault._keyring.tokenuser
                token = Token(77, token.tokenuser, test=True)
                fitting = hashing.digest(*tokenuser_parts(77, token.tokenuser))
                connection.execute("UPDATE card SET tokenuser_hash = ? WHERE id = 1", (fitting,))
            connection.execute(f"UPDATE card SET {change} WHERE id = 1")
        token = Token(token.iduser, token.tokenuser, test=change != "test = 0")
        with pytest.raises(RecordDamaged):
            find(vault, token, "city" if "city" in change else "seaside")


def test_p17_swapped_look_ups_do_not_give_one_card_the_others_token(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new(), new(pan(1)))
        with rows(tmp_path) as connection:
            (one,), (other,) = connection.execute("SELECT look_up FROM card ORDER BY id")
            for id, value in [(1, one[:4] + b"-"), (2, one), (1, other)]:
                connection.execute("UPDATE card SET look_up = ? WHERE id = ?", (value, id))
        with pytest.raises(RecordDamaged):
            keep(vault, new())


def test_p18_a_damaged_card_is_not_kept_over(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
        with rows(tmp_path) as connection:
            connection.execute("UPDATE card SET sealed = ?", (bytes(120),))
        with pytest.raises(RecordDamaged):
            keep(vault, new())
        with pytest.raises(RecordDamaged):
            keep(vault, new(), *many(20))
        assert vault.count_by_product() == {"seaside": 1}


# --- nothing in clear -----------------------------------------------------------------------------


def spellings(text: str) -> list[bytes]:
    raw = text.encode()
    found = [raw, raw[::-1], raw.hex().encode(), raw.hex().upper().encode()]
    found += [text.encode("utf-16-le"), text.encode("utf-16-be"), base64.b85encode(raw)]
    for before in range(3):  # base64, at each of the three alignments
        coded = base64.b64encode(b"\0" * before + raw)
        found.append(coded[4 if before else 0 : -4])
    if text.isdigit():
        found.append(bytes.fromhex(text if len(text) % 2 == 0 else "0" + text))  # BCD
        if len(text) > 12:
            number = int(text)
            found += [number.to_bytes(8, "big"), number.to_bytes(8, "little")]
            found += [" ".join(re.findall(".{4}", text)).encode(), f"{number:x}".encode()]
    return [spelling for spelling in found if len(spelling) > 6 or spelling == raw]


CANARY_PAN, CANARY_CVC, CANARY_HOLDER = "4917484589897107", "830917264", "Zebedee Quixotry"
CANARY_BOOKING = "RES-CANARY-77123"


def assert_nothing_in_clear(directory: Path, tokenuser: str) -> None:
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert any(path.name.endswith(".db") for path in files)
    for path in files:
        content = path.read_bytes()
        for secret in (CANARY_PAN, CANARY_CVC, CANARY_HOLDER, CANARY_BOOKING, tokenuser):
            for spelling in spellings(secret):
                assert spelling not in content, (path.name, spelling)
        assert CANARY_PAN[:6].encode() not in content
        assert CANARY_PAN[-10:].encode() not in content


def canary() -> NewCard:
    return new(CANARY_PAN, holder=CANARY_HOLDER, cvc=CANARY_CVC, at=booking(CANARY_BOOKING))


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p16_p21_no_card_stands_in_any_file(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    (kept,) = keep(vault, canary(), entries=[entry()])
    keep(vault, new(CANARY_PAN, holder=CANARY_HOLDER + "!", at=booking(CANARY_BOOKING)))
    assert find(vault, kept.token, entries=[entry()]) is not None
    assert (tmp_path / "state" / "vault.db-wal").stat().st_size > 0
    assert_nothing_in_clear(tmp_path, kept.token.tokenuser)
    vault.close()
    assert_nothing_in_clear(tmp_path, kept.token.tokenuser)


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p16_p21_no_card_stands_in_any_file_after_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, pathlib\n"
        "from tests.vault.test_vault_secrecy import canary\n"
        "from tests.vault.makers import entry, keep, open_vault\n"
        "def step(name):\n"
        "    if name == 'keep:committed': os.kill(os.getpid(), signal.SIGKILL)\n"
        "keep(open_vault(pathlib.Path(sys.argv[1]), step=step), canary(), entries=[entry()])\n"
    )
    done = run(script, tmp_path)
    assert done.returncode == -9
    assert (tmp_path / "state" / "vault.db-wal").stat().st_size > 0
    assert_nothing_in_clear(tmp_path, "x" * 13)
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, canary())
        assert not kept.created
        assert_nothing_in_clear(tmp_path, kept.token.tokenuser)


def test_p21_the_schema_has_one_place_for_a_security_code_of_its_own(tmp_path: Path) -> None:
    with opened(tmp_path), rows(tmp_path) as connection:
        columns = {
            f"{table}.{column}"
            for table in connection.tables()
            for column in connection.columns(table)
        }
    assert not [
        c
        for c in columns
        if re.search("cvc|cvv|cid|csc|series|security|pan|bin|last", c)
        and c not in {"refusal.last", "api_key.last_used"}
        and not c.startswith("cvc.")
    ]
    assert {c for c in columns if c.startswith("cvc.")} == {
        f"cvc.{column}" for column in ("iduser", "at", "until", "sealed")
    }
    assert columns >= {"card.sealed", "card.look_up", "link.sealed", "audit.iduser"}


def test_p21_what_is_sealed_holds_no_security_code(tmp_path: Path, monkeypatch) -> None:
    """Sealed is not dropped: every plaintext that ever goes into a record is looked at."""
    sealed: list[bytes] = []
    seal = Sealer._seal

    def watched(self: Sealer, plaintext: bytes, where: bytes, nonce: bytes) -> bytes:
        sealed.append(plaintext)
        return seal(self, plaintext, where, nonce)

    monkeypatch.setattr(Sealer, "_seal", watched)
    with opened(tmp_path) as vault:
        keep(vault, canary())
        keep(vault, new(CANARY_PAN, cvc=CANARY_CVC, at=booking("RES-2")))
    holding = [plaintext for plaintext in sealed if CANARY_PAN.encode() in plaintext]
    assert len(holding) == 1
    assert any(CANARY_HOLDER.encode() in plaintext for plaintext in sealed)
    assert not [plaintext for plaintext in sealed if CANARY_CVC.encode() in plaintext]


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p22_files_are_for_their_owner_only(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        keep(vault, new())
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in [tmp_path / "state", *(tmp_path / "state").iterdir()]
        }
    assert modes.pop("state") == 0o700
    assert set(modes) == {"vault.db", "vault.db-wal", "vault.db-shm"}
    assert set(modes.values()) == {0o600}


# --- P36 ------------------------------------------------------------------------------------------


def test_p36_entries_are_durable_before_a_card_is_read(tmp_path: Path, monkeypatch) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        seen = []
        original = vault._store.found

        def found(idusers):
            with rows(tmp_path) as connection:
                seen.extend(connection.execute("SELECT exchange FROM audit").fetchall())
            return original(idusers)

        monkeypatch.setattr(vault._store, "found", found)
        assert find(vault, kept.token, entries=[entry("exchange-9")]) is not None
        assert seen == [("exchange-9",)]


def test_p36_without_its_entry_no_card_is_read(tmp_path: Path, monkeypatch) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        read = []
        monkeypatch.setattr(vault._store, "found", read.append)
        with rows(tmp_path) as connection:
            connection.execute("DROP TABLE audit")
        with pytest.raises(VaultUnavailable):
            find(vault, kept.token, entries=[entry()])
        assert read == []


def test_p36_entries_can_not_be_changed_or_removed(tmp_path: Path) -> None:
    with opened(tmp_path) as vault, rows(tmp_path) as connection:
        asyncio.run(vault.record([entry(iduser=7, booking="b", detail="d")]))
        for statement in ("UPDATE audit SET outcome = 'done'", "DELETE FROM audit"):
            with pytest.raises(REFUSED, match="append only"):
                connection.execute(statement)
        assert [row.entry for row in vault.entries()] == [entry(iduser=7, booking="b", detail="d")]


@pytest.mark.parametrize("cards", [1, 300])
def test_p16_what_stopped_a_message_is_let_go_of_with_its_cards(vault, cards):
    """Few are kept on the thread that writes, many beside it. The collector may take ten minutes."""

    class Failed(Exception):
        def __init__(self):
            seen.append(weakref.ref(self))

    def fail(_kept):
        raise Failed

    async def go():
        with contextlib.suppress(Failed):
            await vault.keep(many(cards), [], fail)
        for _ in range(2):  # the threads are done with what was before
            await vault.keep(many(cards), [])

    seen = []
    gc.disable()
    try:
        asyncio.run(go())
        assert [one() for one in seen] == [None]
    finally:
        gc.enable()
