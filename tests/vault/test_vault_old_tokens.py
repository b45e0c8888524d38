"""Another vault's tokens: kept as hashes, found for their product alone, gone with their card."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import parse_old, present, present_pair
from gateway.errors import RecordDamaged
from gateway.vault.old_tokens import Accepted, OldCard
from tests.vault.makers import NOON, booking, keep, new, opened, pan, rows

SEASIDE = Accepted("seaside", True, "pci-booking")
ENTRY = Entry(NOON, "run-1", Action.IMPORT, Outcome.INTENT, origin="command line")
LUHN = "4242424242424242"  # some vaults' tokens have the form of a card's number


def old(text="old-1", **more):
    token = parse_old(text)
    return OldCard(token, new(**more))


def put(vault, *cards, provider="pci-booking"):
    return vault.old_tokens.put(cards, provider, ENTRY)


def ours(vault, text, *accepted):
    (found,) = asyncio.run(vault.old_tokens.ours([parse_old(text)], accepted or [SEASIDE]))
    return found


@pytest.mark.parametrize("text", ["old-1", LUHN, "4012345:tokenUser0001", "!~", "x" * 256])
def test_an_old_token_leads_to_the_card_that_it_came_with(vault, text):
    (made,) = put(vault, old(text))
    (kept,) = keep(vault, new())
    assert made.created
    assert made.token == kept.token == ours(vault, text)


def test_p06_it_leads_nowhere_for_another_product_mode_or_provider(vault):
    put(vault, old())
    assert ours(vault, "old-1") is not None
    for field, value in (("product", "hilltop"), ("test", False), ("provider", "paycomet")):
        assert ours(vault, "old-1", replace(SEASIDE, **{field: value})) is None
    assert ours(vault, "old-2") is None


def test_which_of_two_products_is_meant_must_be_said(vault):
    other = Accepted("hilltop", True, "pci-booking")
    put(vault, old())
    put(vault, old(product="hilltop"))
    assert ours(vault, "old-1", SEASIDE, other) is None
    assert ours(vault, "old-1", SEASIDE) != ours(vault, "old-1", other)


def test_what_is_put_again_is_there_already(vault):
    cards = [old(f"old-{n}", digits=pan(n)) for n in range(5)]
    first, again = put(vault, *cards), put(vault, *cards)
    assert [one.created for one in first + again] == [True] * 5 + [False] * 5
    assert [one.token for one in first] == [one.token for one in again]
    done = [one.entry for one in vault.entries() if one.entry.action is Action.IMPORT]
    assert [entry.iduser for entry in done] == [one.token.iduser for one in first]
    assert {(entry.outcome, entry.product) for entry in done} == {(Outcome.DONE, "seaside")}


def test_a_token_is_never_another_cards(vault):
    (first,) = put(vault, old())
    in_one = put(vault, old("old-2", digits=pan(2)), old("old-2", digits=pan(3)))
    assert [one.token is None for one in in_one] == [False, True]
    (other,) = put(vault, old(digits=pan(4)))
    assert (other.token, other.created) == (None, False)
    assert ours(vault, "old-1") == first.token
    assert vault.count_by_product() == {"seaside": 2}  # nothing is kept of what is refused


def test_one_card_may_have_had_two_tokens_and_two_bookings(vault):
    at = replace(booking("RES-2"))
    first, second, third = put(vault, old("a"), old("b"), replace(old("a"), new=new(at=at)))
    assert first.token == second.token == third.token
    assert [one.created for one in (first, second, third)] == [True, True, False]
    assert ours(vault, "a") == ours(vault, "b") == first.token


def test_it_goes_with_its_card(tmp_path):
    with opened(tmp_path) as vault:
        (made,) = put(vault, old())
        with rows(tmp_path) as connection:
            connection.with_cascades()
            connection.execute("DELETE FROM link WHERE iduser = ?", (made.token.iduser,))
            assert connection.execute("SELECT count(*) FROM card").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM old_token").fetchone() == (0,)
        assert ours(vault, "old-1") is None


@pytest.mark.sqlite_alone(
    "reads SQLite's own files; test_vault_postgres_server.py looks into PostgreSQL's"
)
def test_p16_the_database_does_not_hold_the_token(tmp_path):
    with opened(tmp_path) as vault:
        put(vault, old("an-old-token-that-is-long"))
        assert "an-old" not in repr(parse_old("an-old-token-that-is-long"))
    for file in (tmp_path / "state").iterdir():
        assert b"an-old-token" not in file.read_bytes()


SWAPPED = {
    "the card": "UPDATE old_token SET iduser = (SELECT max(iduser) FROM old_token)",
    "the token": "UPDATE old_token SET bound = (SELECT bound FROM old_token ORDER BY bound LIMIT 1)",
}


@pytest.mark.parametrize("change", SWAPPED)
def test_p17_a_row_that_was_changed_by_hand_leads_to_no_card(tmp_path, change):
    with opened(tmp_path) as vault:
        put(vault, old("a", digits=pan(1)), old("b", digits=pan(2)))
        with rows(tmp_path) as connection:
            connection.execute(SWAPPED[change])
        damaged = 0
        for text in "ab":
            try:
                ours(vault, text)
            except RecordDamaged:
                damaged += 1
        assert damaged == 1


def test_what_may_be_an_old_token():
    assert present("  tok_7_Example000001 ").old is None
    assert present("tok_7_Example000001").ours is not None
    assert present(f" {LUHN} ").old.text == LUHN
    assert present_pair(" 7", "Example000001").old.text == "7:Example000001"
    assert present_pair("7", "Example000001").ours is not None
    for text in ("", " ", "a b", "\u00e9", "x" * 257, "a\0"):
        assert present(text).old is None
    assert present_pair("", "b").old is None
    assert present_pair("a", "").old is None
