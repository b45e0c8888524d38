"""Charges and collections name a card by another vault's token, where its product accepts them."""

from __future__ import annotations

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import parse_old
from gateway.vault.old_tokens import OldCard
from tests.control import charge_calls, collection_calls
from tests.control.card_calls import PRODUCTS
from tests.vault.makers import NOON, new

ENTRY = Entry(NOON, "run-1", Action.IMPORT, Outcome.INTENT)


@pytest.fixture(autouse=True)
def accepting(monkeypatch):
    accepts = PRODUCTS["seaside"] | {"accepts_tokens_of": ["pci-booking"]}
    monkeypatch.setitem(PRODUCTS, "seaside", accepts)


def put(site, text, product="seaside"):
    card = OldCard(parse_old(text), new(charge_calls.CARD, product=product))
    (made,) = site.vault.old_tokens.put([card], "pci-booking", ENTRY)
    return made.token.alias


@pytest.mark.parametrize("text", ["old-1", "4012345:TokenUser", "4242424242424242"])
def test_a_card_is_charged_by_its_old_token(tmp_path, text):
    with charge_calls.site(tmp_path) as site:
        alias = put(site, text)
        made = site.charge(text)
        assert made["token"] == alias
        assert made["state"] == "succeeded"
        assert text not in repr([one.entry for one in site.vault.entries()])


def test_p06_not_where_its_product_does_not_accept_it(tmp_path):
    with charge_calls.site(tmp_path) as site:
        put(site, "old-1", product="hilltop")
        refused = site.post(said=site.said("old-1"))
        assert (refused.status_code, refused.json()["code"]) == (422, "token_unknown")
        assert site.processor.sent() == []


def test_unknown_ones_are_counted_as_guesses(tmp_path):
    """Tokens in the form of card numbers are few: nobody may try them all."""
    with charge_calls.site(tmp_path) as site:
        codes = [site.post(said=site.said(f"424242{n:06}4242")).json()["code"] for n in range(21)]
        assert codes == ["token_unknown"] * 20 + ["tokens_guessed"]


def test_what_was_asked_once_is_answered_the_same(tmp_path):
    with charge_calls.site(tmp_path) as site:
        put(site, "old-1")
        said = site.said("old-1")
        first, again = (site.post(said=said, once="k1") for _ in range(2))
        assert (first.status_code, first.content) == (201, again.content)
        assert site.count_of("charge") == 1


def test_a_sum_is_collected_by_its_old_token(tmp_path):
    with collection_calls.site(tmp_path) as site:
        alias = put(site, "old-1")
        assert site.collect("old-1")["token"] == alias
