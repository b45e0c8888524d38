"""The pair, the alias, and what is no token of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cards.scan import find_cards
from gateway.cards.token import IDUSER_MAX, Token, parse_alias, parse_pair
from gateway.vault.draw import draw


@given(st.booleans())
def test_p26_tokens_as_they_are_drawn(test):
    (token,) = draw([test])
    assert 1 <= token.iduser <= IDUSER_MAX
    assert parse_alias(token.alias) == token
    assert parse_pair(str(token.iduser), f" {token.tokenuser}", test=test) == token
    assert find_cards(token.alias.encode()) == []
    assert token.tokenuser not in repr(token)


@pytest.mark.parametrize("iduser", [1, IDUSER_MAX])
@pytest.mark.parametrize("sign", "0z")
def test_the_ends_of_the_range(iduser, sign):
    token = Token(iduser, sign * 13, test=False)
    assert parse_alias(token.alias) == token
    assert parse_pair(str(iduser), sign * 13, test=False) == token


@pytest.mark.parametrize(
    "text",
    ["", "tok_0_AAAAAAAAAAAAA", "tok_01_AAAAAAAAAAAAA", f"tok_{IDUSER_MAX + 1}_AAAAAAAAAAAAA",
     "tok_1_AAAAAAAAAAAA", "tok_1_AAAAAAAAAAAAAA", "tok_live_1_AAAAAAAAAAAAA",
     "xtok_1_AAAAAAAAAAAAA", "TOK_1_AAAAAAAAAAAAA", "tok_1_AAAAAAAAAAAA\u00e9", "4111111111111111"],
)  # fmt: skip
def test_not_an_alias(text):
    assert parse_alias(text) is None


@pytest.mark.parametrize(
    ("iduser", "tokenuser"),
    [("", "A" * 13), ("0", "A" * 13), ("x", "A" * 13), ("1", "A" * 12), ("1", ""),
     (str(IDUSER_MAX + 1), "A" * 13)],
)  # fmt: skip
def test_not_a_pair(iduser, tokenuser):
    assert parse_pair(iduser, tokenuser, test=False) is None
