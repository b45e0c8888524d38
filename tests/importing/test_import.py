"""A whole file goes into a vault: what becomes of each line, and what stands in the audit."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal

import pytest

from gateway.access.products import Product
from gateway.audit import Action, Outcome
from gateway.cards.token import parse_old
from gateway.importing.refusal import FileRefused, Why
from gateway.importing.rows import Code
from gateway.importing.service import PORTION
from gateway.vault.old_tokens import Accepted
from tests.children import run
from tests.importing.files import HEADER, PANS, encrypt, imported, importing, key, number, row
from tests.vault.makers import find, opened, rows

SEASIDE = Product("seaside", test=True)
LIVE = Product("seaside", test=False)


def ours(vault, text, provider="pci-booking"):
    who = Accepted("seaside", True, provider)
    return asyncio.run(vault.old_tokens.ours([parse_old(text)], [who]))[0]


def audit(vault):
    return [one.entry for one in vault.entries() if one.entry.action is Action.IMPORT]


def test_each_card_is_found_by_its_old_token(tmp_path):
    file = encrypt(tmp_path, HEADER + "".join(map(row, range(3))))
    with opened(tmp_path) as vault:
        looked, told = imported(vault, SEASIDE, file)
        assert looked.records == 3
        assert [(one.line, one.code, one.created) for one in told] == [
            (2, None, True), (3, None, True), (4, None, True),
        ]  # fmt: skip
        for n, one in enumerate(told):
            assert ours(vault, f"old-{n}") == one.token
            found = find(vault, one.token)
            assert found.card.pan.reveal() == number(n)
            assert found.card.holder.reveal() == "Ana Example"
            assert (found.booking.system, found.booking.booking_id) == ("pci-booking", f"RES-{n}")
            assert str(found.booking.departure) == "2026-04-01"


def test_json_and_a_token_of_two_parts(tmp_path):
    said = {"pan": PANS[0], "expiry_month": 8, "expiry_year": "29", "token": 4001, "tokenUser": "x"}
    file = encrypt(tmp_path, json.dumps(said) + "\n")
    with opened(tmp_path) as vault:
        (one,) = imported(vault, SEASIDE, file, "paycomet")[1]
        assert one.token == ours(vault, "4001:x", "paycomet")
        assert find(vault, one.token).booking is None


def test_p36_the_intent_is_there_first_and_each_card_with_its_commit(tmp_path):
    file = encrypt(tmp_path, HEADER + row(1) + row(2))
    with opened(tmp_path) as vault:
        looked, told = imported(vault, SEASIDE, file)
        entries = audit(vault)
        assert [(one.outcome, one.iduser) for one in entries] == [
            (Outcome.INTENT, None), (Outcome.DONE, told[0].token.iduser),
            (Outcome.DONE, told[1].token.iduser), (Outcome.DONE, None),
        ]  # fmt: skip
        assert {(one.subject, one.product) for one in entries} == {(looked.sha256, "seaside")}
        imported(vault, SEASIDE, file)
        assert [one.iduser for one in audit(vault)[4:]] == [None, None]


REFUSED = {
    "number": (row(1, pan="41111111"), Code.NUMBER_INVALID),
    "letters": (row(1, pan="4111x11111111111"), Code.NUMBER_INVALID),
    "a mask": (row(1, pan="411111******1111"), Code.NUMBER_INVALID),
    "zeros": (row(1, pan="0" * 16), Code.NUMBER_INVALID),
    "month": (row(1, expiry="2029-13"), Code.EXPIRY_INVALID),
    "no expiry": (row(1, expiry=""), Code.EXPIRY_INVALID),
    "which part is the year?": (row(1, expiry="1211"), Code.EXPIRY_INVALID),
    "no token": (row(1, token=" "), Code.TOKEN_INVALID),
    "a token with a space": (row(1, token="a b"), Code.TOKEN_INVALID),
    "a token of ours": (row(1, token="tok_7_Example000001"), Code.TOKEN_INVALID),
    "the number as token": (row(1, token=number(1)), Code.TOKEN_HOLDS_NUMBER),
    "the number in the token": (row(1, token=f"t-{number(1)[:4]}-{number(1)[4:]}"), Code.TOKEN_HOLDS_NUMBER),
    "a card as holder": (f"{PANS[0]},2029-08,t,{PANS[1]},,\n", Code.HOLDER_INVALID),
    "a card as booking": (f"{PANS[0]},2029-08,t,,{PANS[1]},\n", Code.BOOKING_INVALID),
    "departure": (f"{PANS[0]},2029-08,t,,R,20260401\n", Code.DEPARTURE_INVALID),
    "columns": ("a,b\n", Code.ROW_MALFORMED),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_is_no_card_is_refused_and_the_others_go_on(tmp_path, name):
    text, code = REFUSED[name]
    file = encrypt(tmp_path, HEADER + row(5) + text + row(6))
    with opened(tmp_path) as vault:
        told = imported(vault, SEASIDE, file)[1]
        assert [(one.line, one.code, one.token is None) for one in told] == [
            (2, None, False), (3, code, True), (4, None, False),
        ]  # fmt: skip
        assert vault.count_by_product() == {"seaside": 2}


def test_a_wrong_check_digit_is_told_and_the_card_is_there(tmp_path):
    file = encrypt(tmp_path, HEADER + row(1, pan="4929000000000007"))
    with opened(tmp_path) as vault:
        (one,) = imported(vault, SEASIDE, file)[1]
        assert (one.code, one.token) == (Code.LUHN, ours(vault, "old-1"))


def test_a_live_product_takes_no_test_number(tmp_path):
    file = encrypt(tmp_path, HEADER + row(1, pan="4111111111111111") + row(2))
    with opened(tmp_path) as vault:
        told = imported(vault, LIVE, file)[1]
        assert [one.code for one in told] == [Code.TEST_NUMBER, None]
        assert not told[1].token.test


def test_a_changed_file_gives_no_token_another_card(tmp_path):
    first = encrypt(tmp_path, HEADER + row(1))
    with opened(tmp_path) as vault:
        (before,) = imported(vault, SEASIDE, first)[1]
        changed = encrypt(tmp_path, HEADER + row(1, pan=number(2)) + row(3))
        told = imported(vault, SEASIDE, changed)[1]
        assert [one.code for one in told] == [Code.TOKEN_OF_ANOTHER_CARD, None]
        assert ours(vault, "old-1") == before.token
        assert vault.count_by_product() == {"seaside": 2}


@pytest.mark.parametrize("last", ["pan,expiry,token,cvc", "json"])
def test_p21_security_codes_are_refused_before_anything_is_imported(tmp_path, last):
    lines = [
        json.dumps({"pan": number(n), "expiry": "2029-08", "token": f"t{n}"}) for n in range(999)
    ]
    content = "\n".join([*lines, '{"pan": "1", "cvc": "123"}'])
    if last != "json":
        content = f"{last}\n{PANS[0]},2029-08,t,123\n"
    file = encrypt(tmp_path, content)
    with opened(tmp_path) as vault:
        with pytest.raises(FileRefused) as refused:
            imported(vault, SEASIDE, file)
        assert refused.value.why is Why.SECURITY_CODE
        assert (vault.count_by_product(), audit(vault)) == ({}, [])


def test_p18_a_file_that_was_cut_is_refused_before_anything_is_imported(tmp_path):
    file = encrypt(tmp_path, HEADER + "".join(map(row, range(2000))))
    file.write_bytes(file.read_bytes()[:-20])
    with opened(tmp_path) as vault:
        with pytest.raises(FileRefused):
            imported(vault, SEASIDE, file)
        assert vault.count_by_product() == {}


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path):
    file = encrypt(tmp_path, HEADER + "".join(map(row, range(9))))
    other = tmp_path / "other"
    other.mkdir()
    others = encrypt(other, HEADER + "".join(map(row, range(8))))
    with opened(tmp_path) as vault:
        one = importing(vault, SEASIDE)
        with file.open("rb") as first, others.open("rb") as second:
            looked = one.look(first, lambda _: None)
            with pytest.raises(FileRefused) as refused:
                list(one.run(second, looked, lambda _: None))
        assert refused.value.why is Why.CHANGED
        assert [one.outcome for one in audit(vault)][-1] is not Outcome.INTENT


def test_p16_nothing_decrypted_is_on_the_disk(tmp_path):
    file = encrypt(tmp_path, HEADER + row(1, token="a-token-of-theirs") + "broken\n")
    with opened(tmp_path) as vault:
        imported(vault, SEASIDE, file)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert number(1).encode() not in content, path
            assert b"a-token-of-theirs" not in content, path
            assert b"Ana Example" not in content, path


# --- killed ---------------------------------------------------------------------------------------

COUNT = 3 * PORTION - 50
KILLED = """
import os, pathlib, signal, sys
from tests.importing.files import imported
from tests.importing.test_import import SEASIDE
from tests.vault.makers import opened
directory, at, nth = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
reached = []
def step(name):
    reached.append(name)
    if reached.count(at) == nth:
        os.kill(os.getpid(), signal.SIGKILL)
with opened(directory, step=step) as vault:
    imported(vault, SEASIDE, directory / 'cards.cms')
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return encrypt(tmp_path_factory.mktemp("file"), HEADER + "".join(map(row, range(COUNT))))


@pytest.mark.parametrize(
    ("at", "nth", "durable"),
    [
        ("import:begun", 1, 0), ("import:begun", 2, PORTION), ("import:rows", 2, PORTION),
        ("import:written", 2, PORTION), ("import:committed", 2, 2 * PORTION),
        ("import:answer", 3, COUNT),
    ],
)  # fmt: skip
def test_p24_killed_and_run_again_nothing_is_twice_and_nothing_is_missing(
    tmp_path, file, at, nth, durable
):
    shutil.copy(file, tmp_path / "cards.cms")
    with opened(tmp_path) as vault:
        vault.import_keys.add(key(), "test")
    ended = run(KILLED, tmp_path, at, nth)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with opened(tmp_path) as vault:
        assert vault.count_by_product().get("seaside", 0) == durable
        told = imported(vault, SEASIDE, tmp_path / "cards.cms")[1]
        assert [one.created for one in told] == [n >= durable for n in range(COUNT)]
        assert [one.line for one in told] == list(range(2, COUNT + 2))
        assert vault.count_by_product() == {"seaside": COUNT}
        about = [one.iduser for one in audit(vault) if one.iduser is not None]
        assert len(set(about)) == len(about) == COUNT
        assert vault.audit.check().findings == []
    with rows(tmp_path) as connection:
        for table in ("card", "link", "old_token"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (COUNT,)
