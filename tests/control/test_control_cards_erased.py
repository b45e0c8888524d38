"""`/v1/cards` and `/v1/charges` of cards whose time was over: told to their owner, given back still."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import parse_alias
from gateway.vault.retention import Purged
from gateway.vault.terms import Retention, Terms
from tests.control import charge_calls
from tests.control.card_calls import BOOKED, CANARY, HOLDER, MONTH, booked, site
from tests.control.serving import refused

DAY = timedelta(days=1)
RULE = Retention({}, Terms(30 * DAY, 90 * DAY, 540 * DAY, 1095 * DAY))


def purge(site):
    site.clock.now += 100 * DAY
    by = Entry(site.clock.now, "", Action.PURGE, Outcome.DONE)
    return site.vault.retention.purge(RULE, site.clock.now, by)


@pytest.fixture
def cards(tmp_path):
    with site(tmp_path) as running:
        yield running


@pytest.fixture
def token(cards):
    made = cards.token(booked(departure="2026-04-01"))
    assert purge(cards) == Purged(1, 1)
    return made


def test_its_owner_sees_what_is_left(cards, token):
    answered = cards.get(f"/{token}")
    assert answered.status_code == 200
    read = parse_alias(token)
    assert answered.json() == {
        "token": token,
        "iduser": read.iduser,
        "tokenuser": read.tokenuser,
        "product": "seaside",
        "test": True,
        "mask": "453957******1486",
        "brand": "visa",
        "erased_at": answered.json()["erased_at"],
        "bookings": [
            {
                "system": "siteminder",
                "hotel": "10107",
                "id": "RES-1",
                "departure": "2026-04-01",
                "virtual": None,
            }
        ],
        "charges": [],
    }
    for kept in (CANARY, HOLDER):
        assert kept not in answered.text
    assert cards.audit()[-2:] == [
        ("show", "intent", "", ""), ("show", "refused", "", "card_erased"),
    ]  # fmt: skip


def test_p06_to_all_others_it_is_unknown_and_a_guess(cards, token):
    other = cards.control.key("cards", products=("hilltop",))
    assert refused(cards.get(f"/{token}", other), 404, "token_unknown")
    read = parse_alias(token)
    changed = "A" if read.tokenuser[0] != "A" else "B"
    wrong = f"tok_test_{read.iduser}_{changed}{read.tokenuser[1:]}"
    for _ in range(19):
        assert refused(cards.get(f"/{wrong}"), 404, "token_unknown")
    assert refused(cards.get(f"/{token}"), 429, "tokens_guessed")


def test_naming_it_is_no_guess(cards, token):
    for _ in range(25):
        assert cards.get(f"/{token}").status_code == 200


def test_it_is_not_changed_nor_among_its_bookings_cards(cards, token):
    assert refused(cards.call("PATCH", f"/{token}", json=MONTH), 410, "card_erased")
    assert cards.get(f"?{BOOKED}").json() == {"cards": [], "next": None}


@pytest.mark.parametrize("path", ["", f"/bookings?{BOOKED}"])
def test_what_is_left_is_forgotten_on_request(cards, token, path):
    assert cards.call("DELETE", f"/{token}{path}").status_code == 204
    assert refused(cards.get(f"/{token}"), 404, "token_unknown")
    assert (cards.count("stub"), cards.count("stub_booking")) == (0, 0)


def test_a_booking_that_it_never_had_is_unknown_still(cards, token):
    other = BOOKED.replace("RES-1", "RES-9")
    refused(cards.call("DELETE", f"/{token}/bookings?{other}"), 404, "booking_unknown")
    assert cards.count("stub") == 1


def test_the_audit_names_the_link_that_was_forgotten_or_the_whole_card(cards):
    """Whoever restores an old backup repeats it from there."""
    token = cards.token(booked())
    cards.token(booked("RES-2"))
    for booking in ("RES-1", "RES-2"):
        path = f"/{token}/bookings?{BOOKED.replace('RES-1', booking)}"
        assert cards.call("DELETE", path).status_code == 204
    entries = [recorded.entry for recorded in cards.vault.entries()]
    forgotten = [entry for entry in entries if entry.action is Action.FORGET]
    assert [len(entry.subject) for entry in forgotten] == [72, 0]


# --- charges --------------------------------------------------------------------------------------


def test_a_charge_of_it_is_refused_and_an_old_one_given_back(tmp_path):
    with charge_calls.site(tmp_path) as charges:
        token = charges.token()
        old = charges.charge(token)
        assert purge(charges) == Purged(1, 1)
        again = charges.post(said=charges.said(token))
        assert refused(again, 422, "card_erased")
        charges.processor.say("refund", "refunded")
        back = charges.post(f"/{old['id']}/refund", {"amount": 400})
        assert (back.status_code, back.json()["refunded"]) == (200, 400), back.text
        read = parse_alias(token)
        wanted = charge_calls.Wanted(read, frozenset({"seaside"}))
        left = asyncio.run(charges.vault.stubs.show(wanted, "pms"))
        assert [one.charge for one in left.references] == [old["id"]]
        assert asyncio.run(charges.vault.stubs.show(wanted, "spa")).references == ()
