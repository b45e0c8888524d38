"""Virtual cards: between their dates, in their currency, up to their balance; networks' ids."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.cards.card import Virtual
from gateway.errors import (
    BalanceInOtherCurrency,
    BalanceTooLow,
    CardNoLongerActive,
    CardNotYetActive,
)
from gateway.processors.model import Ended, Result
from tests.charges.world import CARD
from tests.charges.world import world as make
from tests.vault.makers import rows

DAYS = Virtual(date(2026, 3, 10), date(2026, 3, 12))
MADRID, HONOLULU, AUCKLAND = "Europe/Madrid", "Pacific/Honolulu", "Pacific/Auckland"


def product(zone):
    said = {"merchant_code": "a", "terminal": 1, "mode": "test"}
    return {"seaside": said | ({"time_zone": zone} if zone else {})}


@pytest.mark.parametrize(
    "zone, at, refusal",
    [
        (MADRID, "2026-03-09T22:59", CardNotYetActive),
        (MADRID, "2026-03-09T23:00", None),
        (MADRID, "2026-03-12T22:59", None),
        (MADRID, "2026-03-12T23:00", CardNoLongerActive),
        (HONOLULU, "2026-03-10T09:59", CardNotYetActive),
        (HONOLULU, "2026-03-10T10:00", None),
        (HONOLULU, "2026-03-13T09:59", None),
        (HONOLULU, "2026-03-13T10:00", CardNoLongerActive),
        (AUCKLAND, "2026-03-09T10:59", CardNotYetActive),
        (AUCKLAND, "2026-03-09T11:00", None),
        (AUCKLAND, "2026-03-12T11:00", CardNoLongerActive),
        # Nobody said where it is: from the first place where the day begins to the last where it ends.
        (None, "2026-03-09T09:59", CardNotYetActive),
        (None, "2026-03-09T10:00", None),
        (None, "2026-03-13T11:59", None),
        (None, "2026-03-13T12:00", CardNoLongerActive),
    ],
)
def test_a_day_begins_when_it_begins_at_the_hotel(tmp_path, zone, at, refusal):
    with make(tmp_path, **product(zone)) as world:
        token = world.token(virtual=DAYS)
        world.clock.now = datetime.fromisoformat(at).replace(tzinfo=UTC)
        if refusal is None:
            assert world.charge(token, at="RES-1")["state"] == "succeeded"
            return
        with pytest.raises(refusal):
            world.charge(token, at="RES-1")
        assert world.processor.asked == []
        assert world.audit() == [("charge", "refused", refusal.code)]


@pytest.mark.parametrize(
    "balance, currency, amount, asked, refusal",
    [
        ("10.00", "EUR", 1000, "EUR", None),
        ("10.00", "EUR", 1001, "EUR", BalanceTooLow),
        ("10", None, 1001, "EUR", BalanceTooLow),
        ("10,5", None, 1051, "EUR", BalanceTooLow),
        ("10.00 EUR", None, 1000, "EUR", None),
        ("EUR 10.00", None, 1000, "USD", BalanceInOtherCurrency),
        ("10.00", "EUR", 500, "GBP", BalanceInOtherCurrency),
        (None, "EUR", 500, "GBP", BalanceInOtherCurrency),
        ("1000", "JPY", 1000, "JPY", None),
        ("1000", "JPY", 1001, "JPY", BalanceTooLow),
        ("1.500", "KWD", 1500, "KWD", None),
        ("1.500", "KWD", 1501, "KWD", BalanceTooLow),
        ("0.00", "EUR", 1, "EUR", BalanceTooLow),
        ("-10.00", "EUR", 1, "EUR", BalanceTooLow),
        ("1,234.50", "EUR", 123450, "EUR", None),
        ("1,234.50", "EUR", 123451, "EUR", BalanceTooLow),
        ("EUR 1.234.567,8", None, 123456780, "EUR", None),
        ("EUR 1.234.567,8", None, 123456781, "EUR", BalanceTooLow),
        ("1,234", "EUR", 10**9, "EUR", None),  # which of the two nobody knows
        ("about ten", None, 10**9, "EUR", None),  # nobody can read it
        (None, None, 10**9, "EUR", None),
    ],
)
def test_up_to_its_balance(world, balance, currency, amount, asked, refusal):
    token = world.token(virtual=Virtual(balance=balance, currency=currency))
    if refusal is None:
        assert world.charge(token, amount, asked, at="RES-1")["state"] == "succeeded"
        return
    for at in ("RES-1", None, "RES-9"):  # a booking that it does not have frees it of nothing
        with pytest.raises(refusal):
            world.charge(token, amount, asked, at=at)
    assert world.processor.asked == []


def test_what_was_charged_or_may_have_been_is_taken_off(world):
    token = world.token(virtual=Virtual(balance="10.00", currency="EUR"))
    world.processor.say("debit", "declined")
    world.charge(token, 1000)
    world.processor.say("debit", "succeeded")
    first = world.charge(token, 400)
    world.processor.say("debit", "unknown")
    doubt = world.charge(token, 300)
    with pytest.raises(BalanceTooLow):
        world.charge(token, 301)
    world.processor.say("authorize", "authorized")
    world.charge(token, 300, capture_now=False)
    with pytest.raises(BalanceTooLow):
        world.charge(token, 1)
    world.processor.say("refund", "refunded")
    world.ask(first["id"], "refund", 100)
    world.processor.say("look", "declined")
    world.look(doubt["id"])
    with pytest.raises(BalanceTooLow):
        world.charge(token, 401)
    assert world.charge(token, 400)["state"] == "unknown"


def test_a_balance_whose_currency_nobody_said_has_that_of_the_first_charge(world):
    token = world.token(virtual=Virtual(balance="10.00"))
    world.charge(token, 100, "USD")
    with pytest.raises(BalanceInOtherCurrency):
        world.charge(token, 100, "EUR")
    with pytest.raises(BalanceTooLow):
        world.charge(token, 901, "USD")
    world.charge(token, 900, "USD")


def test_a_channel_that_says_what_is_left_has_taken_off_what_was_charged(world):
    full, less = (Virtual(balance=text, currency="EUR") for text in ("10.00", "6.00"))
    token = world.token(virtual=full)
    world.charge(token, 400)
    world.later(hours=2)
    world.token(virtual=full)  # polled again: it says the same
    with pytest.raises(BalanceTooLow):
        world.charge(token, 601)
    world.later(hours=2)
    world.token(virtual=less)
    with pytest.raises(BalanceTooLow):
        world.charge(token, 601)
    world.later(hours=2)
    assert world.charge(token, 600)["state"] == "succeeded"
    with pytest.raises(BalanceTooLow):
        world.charge(token, 1)


def test_of_several_bookings_the_named_one_counts(world):
    token = world.token(virtual=DAYS, at="RES-1")
    world.token(virtual=None, at="RES-2")
    assert world.charge(token, at="RES-2")["state"] == "succeeded"
    for at in ("RES-1", None):
        with pytest.raises(CardNotYetActive):
            world.charge(token, at=at)


def test_the_same_card_of_another_product_is_another(world):
    token = world.token(virtual=Virtual(balance="10.00", currency="EUR"))
    world.charge(token, 1000)
    world.processors.products.add("hilltop")
    other = world.token(virtual=Virtual(balance="10.00", currency="EUR"), product="hilltop")
    assert world.charge(other, 1000)["product"] == "hilltop"


# --- what the networks gave -----------------------------------------------------------------------


def passed(network):
    return Result(Ended.SUCCEEDED, "P", network_transaction_id=network)


def test_a_merchants_charge_names_the_cards_newest_that_the_guest_made(world):
    token, other = world.token(), world.token("4929000000000014")
    world.processor.say("debit", passed("N-1"), passed("N-2"), Result(Ended.DECLINED))
    world.charge(token)
    second = world.charge(token)
    world.charge(token)  # declined: it gave none
    world.processor.say("debit", passed("N-3"))
    assert second["network_transaction_id"] == "N-2"
    no_show = world.charge(token, initiator="no_show", exemption="mit")
    world.charge(token, initiator="deposit", network_transaction_id="MINE")
    world.charge(other, initiator="no_show")
    world.charge(token, initiator="no_show")  # what a merchant's charge was given is none of those
    world.charge(token)
    orders = [order for _, order in world.processor.asked]
    named = [order.network_transaction_id for order in orders]
    assert named == [None] * 3 + ["N-2", "MINE", None, "N-2", None]
    assert (orders[3].initiator, orders[3].exemption) == ("no_show", "mit")
    assert no_show["initiator"] == "no_show"


def test_p16_no_file_has_the_networks_id_or_a_card(world):
    world.processor.say("debit", passed("NETWORK-ID-1"))
    world.charge(world.token(), initiator="guest")
    for text in ("NETWORK-ID-1", CARD):
        assert text.encode() not in world.files()


def test_what_a_link_says_of_a_balance_has_its_time_only_once(world):
    token = world.token(virtual=Virtual(balance="10.00"))
    sealed = []
    for _ in range(2):
        with rows(world.directory) as connection:
            sealed.append(connection.execute("SELECT sealed FROM link").fetchall())
        world.clock.now += timedelta(minutes=1)
        world.token(virtual=Virtual(balance="10.00"))
    assert sealed[0] == sealed[1]  # polling again rewrites nothing
    assert token
