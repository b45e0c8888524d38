"""The sealed form of an answer: whole, in its own place, nothing of it in clear."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.secret import Secret
from gateway.vault.answer import AnswerState, FailedCard, seal, unseal
from gateway.vault.envelope import Sealer
from tests.vault.makers import (
    answer,
    chain,
    get,
    get_refused,
    keep,
    listed,
    mark,
    open_vault,
    opened,
    quarantine,
    rows,
)

SEALER = Sealer({7: Secret(bytes(range(32)))}, 7)


# --- what is stored -------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.integers(0, 65535), st.binary(max_size=40), st.binary(max_size=40), st.sampled_from([1, 900]),
    st.one_of(st.none(), st.just("code")), texts, st.lists(texts, max_size=3),
)  # fmt: skip
def test_an_answer_comes_back_as_it_was(status, headers, body, length, code, text, several) -> None:
    sent = answer(
        text, status=status, headers=headers, body=body * length, hotels=tuple(several),
        products=tuple(several), echo=text, poll=body, route=text, client=text,
        failed=status, failures=tuple(FailedCard(status, length, one) for one in several),
    )  # fmt: skip
    record = seal(SEALER, sent, code)
    assert unseal(SEALER, record) == sent
    assert record.size == len(record.sealed)


@pytest.mark.parametrize(
    "length, code, compressed",
    [(16_383, None, False), (16_384, None, True), (10**6, None, True), (10**6, "code", False)],
)
def test_a_long_answer_is_compressed_unless_clear_cards_may_be_in_it(length, code, compressed):
    """The length of a compressed text tells something of what repeats in it."""
    record = seal(SEALER, answer(body=bytes(length)), code)
    assert (record.size < length) == compressed
    assert unseal(SEALER, record).body == bytes(length)


COLUMNS = {
    "client": "other", "exchange": "exchange-9", "code": "x", "route": "x", "poll": b"\0",
    "at": "2026-03-01T12:00:00.000001+00:00", "expires": "2998-01-01T00:00:00.000000+00:00",
    "failed": 1, "failures": '[[1, 1, "vault"]]', "products": '["city"]', "hotels": '["10108"]', "echo": None,
}  # fmt: skip


@pytest.mark.parametrize("column", ["failed", "failures"])
def test_p17_nobody_hides_that_a_card_failed(tmp_path: Path, column: str) -> None:
    with opened(tmp_path) as vault:
        sent = answer(failed=1, failures=(FailedCard(1, 2, "hotel_unknown"),))
        keep(vault, answer=lambda kept: sent)
        assert get(vault) == sent
        with rows(tmp_path) as connection:
            empty = {"failed": "0", "failures": "'[]'"}[column]
            connection.execute(f"UPDATE answer SET {column} = {empty}")
        with pytest.raises(RecordDamaged):
            get(vault)


@pytest.mark.parametrize("column", COLUMNS)
def test_p17_an_answer_whose_row_was_altered_does_not_open(tmp_path: Path, column: str) -> None:
    with opened(tmp_path) as vault:
        keep(vault, answer=lambda kept: answer())
        with rows(tmp_path) as connection:
            value = COLUMNS[column]
            connection.execute(f"UPDATE answer SET {column} = ?", (value,))
        exchange = "exchange-9" if column == "exchange" else "exchange-1"
        with pytest.raises(RecordDamaged) as damaged:
            get(vault, exchange, client="other" if column == "client" else "pms")
        assert damaged.value.__context__ is None


def test_p17_p18_bodies_that_were_moved_or_damaged_do_not_open(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        for n in (1, 2):
            keep(vault, answer=lambda kept, n=n: answer(f"exchange-{n}", body=bytes(20_000)))
        for change in (
            "(SELECT sealed FROM answer_body WHERE id = 2)",
            "substr(sealed, 1, 60)",
            "substr(sealed, 2)",
            "?",
        ):
            with rows(tmp_path) as connection:
                values = (b"",) if change == "?" else ()
                statement = f"UPDATE answer_body SET sealed = {change} WHERE id = 1"
                connection.execute(statement, values)
            with pytest.raises(RecordDamaged):
                get(vault)
        assert get(vault, "exchange-2") is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"\0\0\0", b"\1abc", b"\2\0\1\0\0\0\0", b"\0\0\1\0\0\0\2x", b"\1" + zlib.compress(b"")],
)  # fmt: skip
def test_p18_a_sealed_answer_that_is_none_is_damaged(content: bytes) -> None:
    from gateway.vault.answer import _place

    record = seal(SEALER, answer())
    forged = record._replace(sealed=SEALER.seal(content, _place(record)))
    with pytest.raises(RecordDamaged) as damaged:
        unseal(SEALER, forged)
    assert damaged.value.__context__ is None


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_p16_no_card_of_a_kept_answer_stands_in_any_file_or_text(tmp_path: Path) -> None:
    from tests.vault.test_vault_secrecy import CANARY_BOOKING, CANARY_PAN, assert_nothing_in_clear

    body = f"<a n='{CANARY_PAN}' b='{CANARY_BOOKING}'/>".encode()
    vault = open_vault(tmp_path)
    clear = answer(body=body, headers=body)
    for n, length in enumerate((1, 2000)):
        sent = replace(clear, exchange=f"exchange-{n}", body=body * length)
        keep(vault, answer=lambda kept, sent=sent: sent)
        quarantine(vault, replace(sent, exchange=f"refused-{n}"))
    assert CANARY_PAN not in repr(clear)
    assert CANARY_PAN not in repr(listed(vault))
    assert_nothing_in_clear(tmp_path, "x" * 13)
    mark(vault, AnswerState.DELIVERED, "exchange-1")
    assert get(vault, "exchange-1").body == body * 2000
    assert get_refused(vault, "refused-1").body == body * 2000
    vault.close()
    assert_nothing_in_clear(tmp_path, "x" * 13)
    with pytest.raises(VaultUnavailable) as closed:
        keep(vault, answer=lambda kept: clear)
    assert CANARY_PAN not in chain(closed.value)
