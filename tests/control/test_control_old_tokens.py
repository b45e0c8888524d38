"""Charges and collections name a card by another vault's token, where its product accepts them."""

from __future__ import annotations

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import parse_old
from gateway.vault.old_tokens import OldCard
from tests.control import card_calls, charge_calls, collection_calls
from tests.control.card_calls import PRODUCTS
from tests.control.serving import refused
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


# --- what was asked once, and its card is forgotten since -----------------------------------------
# The old token goes with its card; what was done by it was done, and is answered the same.


@pytest.mark.parametrize("calls", [charge_calls, collection_calls])
def test_p24_what_was_done_by_an_old_token_is_answered_the_same_when_its_card_is_gone(
    tmp_path, calls
):
    with calls.site(tmp_path) as site:
        alias = put(site, "old-1")
        said = site.said("old-1")
        first = site.post(said=said, once="k1")
        assert first.status_code == 201
        site.forget(alias)
        done = len(site.processor.sent())
        again = site.post(said=said, once="k1")
        assert (again.status_code, again.content) == (201, first.content)
        assert site.audit()[-1][1:] == ("done", "repeated")
        for once in (None, "k2"):  # nobody asked that before
            assert refused(site.post(said=said, once=once), 422, "token_unknown")
        other = site.post(said=said | {"amount": 5}, once="k1")
        assert refused(other, 422, "idempotency_key_reused")
        assert len(site.processor.sent()) == done


def test_repeating_what_was_done_is_no_guess(tmp_path):
    with charge_calls.site(tmp_path) as site:
        alias = put(site, "old-1")
        said = site.said("old-1")
        first = site.post(said=said, once="k1")
        site.forget(alias)
        assert {site.post(said=said, once="k1").content for _ in range(30)} == {first.content}
        codes = [site.post(said=said).json()["code"] for _ in range(21)]
        assert codes == ["token_unknown"] * 20 + ["tokens_guessed"]


def test_a_card_that_was_forgotten_by_its_old_token_is_forgotten_once(tmp_path):
    with card_calls.site(tmp_path) as site:
        put(site, "old-1")
        for path in ("/old-1", "/old-1"):
            assert site.call("DELETE", path, once="k1").status_code == 204
        assert refused(site.call("DELETE", "/old-1", once="k2"), 404, "token_unknown")
        assert refused(site.call("DELETE", "/old-1"), 404, "token_unknown")
        assert refused(site.get("/old-1"), 404, "token_unknown")


def test_a_new_expiry_that_was_said_by_an_old_token_is_answered_the_same(tmp_path):
    with card_calls.site(tmp_path) as site:
        put(site, "old-1")
        said = {"json": card_calls.MONTH, "once": "k1"}
        first = site.call("PATCH", "/old-1", **said)
        assert first.status_code == 200
        assert site.call("DELETE", "/old-1").status_code == 204
        assert site.call("PATCH", "/old-1", **said).content == first.content
