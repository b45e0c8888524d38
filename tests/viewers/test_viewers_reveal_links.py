"""`/v1/reveal-links`: whose cards and viewers they are for, and what they refuse."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import parse_old
from gateway.vault.model import Wanted
from gateway.vault.old_tokens import OldCard
from tests.control.serving import refused
from tests.pages.serving import SETTINGS
from tests.vault.makers import new
from tests.viewers.house import CANARY, house
from tests.viewers.people import CODE


@pytest.fixture
def home(tmp_path):
    with house(tmp_path) as running:
        yield running


def test_p06_p28_a_card_or_viewer_of_another_product_is_unknown(home):
    viewer, token = home.active(), home.token()
    far, theirs = home.active("Far", product="hilltop"), home.token("hilltop")
    hilltop = home.control.key("reveal", products=("hilltop",))
    for asked_token, asked_viewer, key in (
        (theirs, viewer, None), ("tok_x", viewer, None), (CANARY, viewer, None),
        (token, far, None), (token, far, hilltop),
    ):  # fmt: skip
        answered = home.ask(asked_token, asked_viewer, key)
        if asked_token == CANARY:  # not even as a token
            assert refused(answered, 400, "request_invalid")
        else:
            assert refused(answered, 422, "token_unknown")
        assert CANARY not in answered.text
    for id in (viewer, "vwr_" + "a" * 24, "x"):
        assert refused(home.ask(theirs, id, hilltop), 404, "viewer_unknown")
    made = home.ask(token, viewer).json()
    spa = home.control.key("reveal", client="spa", products=())
    for key in (hilltop, spa):
        for method in ("GET", "DELETE"):
            answered = home.call(method, f"/reveal-links/{made['id']}", key)
            assert refused(answered, 404, "page_link_unknown")
    other = home.control.key("cards", "proxy", "admin", products=())
    for method, path in (("POST", ""), ("GET", "/x"), ("DELETE", "/x")):
        answered = home.call(method, f"/reveal-links{path}", other, json={})
        assert refused(answered, 403, "scope_missing")


def test_p28_a_client_that_tries_too_many_tokens_is_blocked(home):
    viewer = home.active()
    for _ in range(20):
        assert refused(home.ask("tok_test_1_nonsense", viewer), 422, "token_unknown")
    assert refused(home.ask(home.token(), viewer), 429, "tokens_guessed")
    assert home.metrics.refused.labels("tokens_guessed")._value.get() == 1


def test_a_request_that_is_repeated_makes_one_link(home):
    viewer, token = home.active(), home.token()
    first, again = (home.ask(token, viewer, once="k") for _ in range(2))
    assert (first.status_code, again.content) == (201, first.content)
    assert refused(home.ask(token, viewer, once="k", language="de"), 422, "idempotency_key_reused")


def test_what_was_asked_by_an_old_token_is_answered_the_same_when_its_card_is_gone(
    tmp_path, monkeypatch
):
    accepts = SETTINGS["products"]["seaside"] | {"accepts_tokens_of": ["pci-booking"]}
    monkeypatch.setitem(SETTINGS["products"], "seaside", accepts)
    with house(tmp_path) as home:
        card = OldCard(parse_old("old-1"), new(CANARY))
        by = Entry(home.clock(), "run-1", Action.IMPORT, Outcome.INTENT)
        (made,) = home.vault.old_tokens.put([card], "pci-booking", by)
        viewer = home.active()
        first = home.ask("old-1", viewer, once="k")
        assert first.status_code == 201
        wanted = Wanted(made.token, frozenset({"seaside"}))
        asyncio.run(home.vault.cards.forget(wanted, replace(by, action=Action.FORGET), None))
        assert home.ask("old-1", viewer, once="k").content == first.content
        assert refused(home.ask("old-1", viewer, once="n"), 422, "token_unknown")


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"purpose": f"card {CANARY}"}, ("purpose", "card_number")),
        ({"language": "english"}, ("language", "not_a_language")),
        ({"booking": {"id": "1"}}, ("booking.system", "missing")),
        ({"booking": "1"}, ("booking", "not_an_object")),
        ({"code": CODE}, ("", "unknown_field")),
    ],
)
def test_what_is_wrong_is_told_with_its_place(home, more, wrong):
    answered = home.ask("tok_x", "vwr_x", **more)
    assert refused(answered, 400, "request_invalid")
    assert wrong in {(one["name"], one["problem"]) for one in answered.json()["errors"]}
