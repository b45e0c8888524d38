"""The audit's chain: many rows at once have the hashes that each has by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.secret import Secret
from gateway.vault.chain import Chain, Value
from gateway.vault.hashes import KeyedHash

CHAIN = Chain(KeyedHash({7: Secret(b"k" * 32)}, 7))
SHARED = (
    "2026-11-23T09:00:00.000000+00:00",
    "ab12",
    "tokenize",
    "done",
    "pms",
    "cgk_1",
    "::1",
    "r",
    "p",
)
REST = ("", "", "")

Row = tuple[Value, ...]

texts = st.text(max_size=6)
numbers = st.integers(-(2**63), 2**63 - 1)


def rows(count: int) -> list[Row]:
    """As a message with so many cards leaves them."""
    return [(*SHARED, 1000 + n, *REST, 50 + n, 3, 20 + n) for n in range(count)]


def one_by_one(before: bytes, many: list[Row]) -> list[bytes]:
    """The hashes, each row encoded alone, as whoever checks the chain does."""
    hashes = []
    for row in many:
        (before,) = CHAIN.entries(before, [row])
        hashes.append(before)
    return hashes


@given(
    st.tuples(*[texts] * 9),
    st.tuples(*[texts] * 3),
    st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=20),
)
def test_p36_rows_that_differ_in_numbers_have_the_hashes_that_each_has(
    before: tuple[str, ...], after: tuple[str, ...], each: list[tuple[int, int, int, int]]
) -> None:
    many: list[Row] = [
        (*before, iduser, *after, id, writer, seq) for iduser, id, writer, seq in each
    ]
    assert CHAIN.entries(b"", many) == one_by_one(b"", many)


OTHERS: list[tuple[str, int, Any]] = [
    ("another time", 0, "2026-11-23T09:00:01.000000+00:00"),
    ("another outcome", 3, "failed"),
    ("another product", 8, "beach"),
    ("no card", 9, None),
    ("a card that is a text", 9, "1004"),
    ("a card that is true", 9, True),
    ("another booking", 10, "B-1"),
    ("a detail", 11, "card_malformed"),
    ("a subject", 12, "\n"),
    ("no id", 13, None),
    ("no writer", 14, None),
    ("no number", 15, None),
]


@pytest.mark.parametrize("at", [0, 11, 23])
@pytest.mark.parametrize(
    "column, value", [one[1:] for one in OTHERS], ids=[one[0] for one in OTHERS]
)
def test_p36_one_that_differs_has_its_own_hash_among_many(
    at: int, column: int, value: Value
) -> None:
    many = rows(24)
    many[at] = (*many[at][:column], value, *many[at][column + 1 :])
    hashes = CHAIN.entries(b"start", many)
    assert hashes == one_by_one(b"start", many)
    assert len(set(hashes)) == 24
    assert hashes[at:] != CHAIN.entries(b"start", rows(24))[at:]


@pytest.mark.parametrize("count", range(20))
def test_p36_any_number_of_rows_is_hashed_alike(count: int) -> None:
    assert CHAIN.entries(b"", rows(count)) == one_by_one(b"", rows(count))
