"""Carry-forward in the vault: what a booking without its card gets again, and who gets nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.audit import Action, Outcome
from gateway.cards.hint import hint_of
from gateway.errors import VaultUnavailable
from gateway.vault.entries import stamp
from gateway.vault.model import Carry
from gateway.vault.rows import ABREAST_MAX
from tests.vault.makers import (
    AUGUST,
    Clock,
    booking,
    card,
    entry,
    find,
    keep,
    new,
    opened,
    pan,
    rows,
)
from tests.vault.test_vault_retention import BY, DUE, RULE

HOUR = timedelta(hours=1)
OTHER = pan(7)
ENDS = "4929000000000006"[-4:]


def ask(vault, *asked, cards=(), entries=()):
    return asyncio.run(vault.keep_message(cards, asked, entries))


def carry(at=None, *masks, product="seaside", test=True, exchange="exchange-2"):
    about = replace(entry(exchange), action=Action.CARRY)
    hints = tuple(hint_of(mask) for mask in masks)
    return Carry(product, test, at or booking(), hints, about)


def got(vault, *asked, **more):
    return [[one.token for one in found] for found in ask(vault, *asked, **more).carried]


def links(directory):
    with rows(directory) as connection:
        return connection.execute("SELECT departure, seen FROM link ORDER BY id").fetchall()


def test_a_booking_gets_the_token_that_it_had(vault):
    token = keep(vault, new())[0].token
    (((one,),)) = ask(vault, carry()).carried
    assert one.token == token
    assert one.card.pan.reveal() == card().pan.reveal()
    assert one.card.expiry == AUGUST
    assert one.card.cvc is None
    assert vault.count_by_product() == {"seaside": 1}


@pytest.mark.parametrize(
    "asked",
    [
        carry(booking("RES-2")),
        carry(replace(booking(), hotel="20207")),
        carry(replace(booking(), hotel=None)),
        carry(replace(booking(), system="channex")),
        carry(product="city"),
        carry(test=False),
    ],
    ids=["booking", "hotel", "no hotel", "system", "product", "mode"],
)
def test_p06_another_s_booking_finds_nothing(vault, asked):
    keep(vault, new())
    assert got(vault, asked) == [[]]
    assert [one.entry.action for one in vault.entries()] == []


def test_two_hotels_with_one_booking_number_get_each_its_own(vault):
    there = replace(booking(), hotel="20207")
    mine, theirs = keep(vault, new(), new(OTHER, at=there))
    assert got(vault, carry(), carry(there)) == [[mine.token], [theirs.token]]


def test_two_products_with_one_booking_number_get_each_its_own(vault):
    mine, theirs = keep(vault, new(), new(product="city"))
    assert got(vault, carry(), carry(product="city")) == [[mine.token], [theirs.token]]


def test_p36_each_token_that_goes_out_is_audited_with_it(vault):
    token = keep(vault, new(), entries=[entry(product="seaside")])[0].token
    ask(vault, carry(), carry(booking("RES-9")))
    told = vault.entries()[-1].entry
    assert len(vault.entries()) == 2
    assert (told.action, told.outcome, told.exchange) == (Action.CARRY, Outcome.DONE, "exchange-2")
    assert (told.product, told.iduser) == ("seaside", token.iduser)


def test_p36_without_its_entry_no_token_goes_out(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
        with rows(tmp_path) as connection:
            connection.refuse_entries()
        with pytest.raises(VaultUnavailable):
            ask(vault, carry())


def test_the_cards_of_one_message_go_out_in_their_order(vault):
    cards = [new(pan(number)) for number in (5, 3, 4)]
    tokens = [one.token for one in keep(vault, *cards)]
    assert got(vault, carry()) == [tokens]


def test_a_card_that_was_replaced_does_not_come_back(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, new())
        clock.now += timedelta(minutes=5)
        token = keep(vault, new(OTHER))[0].token
        assert got(vault, carry()) == [[token]]


def test_a_card_that_came_beside_the_known_one_does_not_push_it_out(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        first = keep(vault, new())[0].token
        clock.now += timedelta(minutes=5)
        second = keep(vault, new(), new(OTHER))[1].token
        assert got(vault, carry()) == [[first, second]]
        clock.now += HOUR
        keep(vault, new())
        assert got(vault, carry()) == [[first]]


A, C = new(), new(OTHER)


@pytest.mark.parametrize(
    ("came", "last"),
    [
        ([(0, [A]), (5, [C]), (10, [A])], [A]),
        ([(-10, [A]), (5, [C]), (20, [A, C])], [A, C]),
        ([(0, [A, C]), (5, [A])], [A]),
        ([(0, [A]), (5, [C]), (10, [A, C]), (15, [C])], [C]),
        ([(0, [A, C]), (5, [new(at=booking(departure=None)), C])], [A, C]),
    ],
    ids=["back again", "together again", "one less", "one after the other", "as they were"],
)
def test_p06_within_the_hour_the_last_message_s_cards_go_out(tmp_path, came, last):
    clock = Clock()
    clock.now = clock.now.replace(minute=0) + HOUR
    start = clock.now
    with opened(tmp_path, clock=clock) as vault:
        tokens = {}
        for minute, cards in came:
            clock.now = start + timedelta(minutes=minute)
            kept = keep(vault, *cards)
            tokens.update(
                {c.card.pan.reveal(): one.token for c, one in zip(cards, kept, strict=True)}
            )
        clock.now += timedelta(minutes=5)
        assert got(vault, carry()) == [[tokens[one.card.pan.reveal()] for one in last]]


def test_of_very_many_cards_of_one_booking_the_last_go_out(tmp_path):
    clock = Clock()
    clock.now = clock.now.replace(minute=0)
    cards = [new(pan(n)) for n in range(ABREAST_MAX + 2)]
    with opened(tmp_path, clock=clock) as vault:
        tokens = [one.token for one in keep(vault, *cards)]
        for count in (ABREAST_MAX + 1, ABREAST_MAX, ABREAST_MAX - 1):
            clock.now += timedelta(minutes=5)
            keep(vault, *cards[:count])
            assert got(vault, carry()) == [tokens[:count]]


def test_cards_that_came_together_stay_together_where_one_of_them_changes(tmp_path):
    clock = Clock()
    clock.now = clock.now.replace(minute=0)
    with opened(tmp_path, clock=clock) as vault:
        both = [one.token for one in keep(vault, A, C)]
        clock.now += timedelta(minutes=5)
        renamed = new(holder="Another Holder")
        keep(vault, renamed, C)
        assert got(vault, carry()) == [both]


def test_a_poll_within_the_hour_writes_no_link(tmp_path):
    clock = Clock()
    clock.now = clock.now.replace(minute=0)
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, A, C, replace(new(pan(3)), booking=None))
        before = links(tmp_path)
        clock.now += timedelta(minutes=5)
        keep(vault, A, C, replace(new(pan(3)), booking=None))
        assert links(tmp_path) == before


@pytest.mark.parametrize(
    ("came", "last"),
    [
        ([(60, [A], None), (120, [C], 0)], [A]),
        ([(0, [A], None), (120, [C], 60)], [C]),
        ([(0, [C], None), (60, [A], None), (120, [C], 30)], [A]),
        ([(0, [A], None), (60, [C], None), (120, [A], 0)], [C]),
        ([(0, [A, C], None), (60, [C], None), (120, [A, C], 30)], [C]),
        ([(0, [A, C], None), (120, [A, new(pan(3))], 60)], [A, new(pan(3))]),
        ([(0, [A], None), (10, [C], 5)], [C]),
        ([(5, [A], None), (10, [C], 0)], [A]),
    ],
    ids=["older", "newer", "known and older", "replaced since", "one of two since", "one of two stays", "in the hour",
         "before it in the hour"],
)  # fmt: skip
def test_p06_a_message_that_is_read_late_is_as_old_as_it_is(tmp_path, came, last):
    """One that was refused and is replayed: at which minute, which cards, and when they came."""
    clock = Clock()
    start = clock.now = clock.now.replace(minute=0)
    with opened(tmp_path, clock=clock) as vault:
        tokens = {}
        for minute, cards, at in came:
            clock.now = start + timedelta(minutes=minute)
            then = None if at is None else start + timedelta(minutes=at)
            kept = keep(vault, *(replace(one, came=then) for one in cards))
            tokens |= {c.card.pan.reveal(): one.token for c, one in zip(cards, kept, strict=True)}
        clock.now += timedelta(minutes=5)
        assert got(vault, carry()) == [[tokens[one.card.pan.reveal()] for one in last]]


def test_what_a_message_that_is_read_late_says_of_its_booking_is_old(tmp_path):
    """Nor does one without its card move the departure, or make a card seen that is newer."""
    clock = Clock()
    start = clock.now
    early, late = date(2031, 1, 1), date(2031, 2, 2)
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, new(at=booking(departure=early)))
        clock.now += 3 * HOUR
        keep(vault, new(at=booking(departure=late)))
        before = links(tmp_path)
        clock.now += 3 * HOUR
        keep(vault, replace(new(at=booking(departure=early)), came=start + HOUR))
        asked = replace(carry(booking(departure=early)), came=start + HOUR)
        (((one,),)) = ask(vault, asked).carried
        assert one.card.pan.reveal() == card().pan.reveal()
        assert links(tmp_path) == before
        got(vault, replace(asked, came=start + 5 * HOUR))
        ((departure, seen),) = links(tmp_path)
        assert departure == early.isoformat()
        assert before[0][1] < seen < stamp(clock.now)


def test_the_message_s_own_card_is_the_last(vault):
    keep(vault, new())
    brought = new(OTHER)
    plan = ask(vault, carry(), cards=[brought], entries=[entry(product="seaside")])
    assert [[one.token for one in plan.carried[0]]] == [[plan.kept[0].token]]


def test_a_changed_departure_counts_from_now_on(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        later = booking(departure=date(2026, 6, 1))
        assert got(vault, carry(later)) == [[token]]
        assert links(tmp_path)[0][0] == "2026-06-01"
        assert vault.retention.purge(RULE, DUE, BY).links == 0
        at = datetime(2026, 7, 1, tzinfo=UTC)
        assert vault.retention.purge(RULE, at, BY).cards == 1
        assert got(vault, carry(later)) == [[]]


def test_a_departure_that_is_not_said_stays(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
        before = links(tmp_path)
        ask(vault, carry(booking(departure=None)))
        assert links(tmp_path) == before


def test_the_departure_is_every_card_s_of_the_booking(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, new())
        clock.now += HOUR
        keep(vault, new(OTHER))
        ask(vault, carry(booking(departure=date(2026, 6, 1))))
        assert [departure for departure, _ in links(tmp_path)] == ["2026-06-01"] * 2


def test_a_card_whose_token_goes_out_was_seen(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, new(at=booking(departure=None)))
        (first,) = links(tmp_path)
        clock.now += HOUR
        ask(vault, carry(booking(departure=None), "**** 9999"))
        assert links(tmp_path) == [first]
        ask(vault, carry(booking(departure=None)))
        ((_, seen),) = links(tmp_path)
        assert seen > first[1]


def test_one_booking_twice_in_a_message_is_one_change(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        days = [date(2026, 6, 1), date(2026, 6, 2)]
        asked = [carry(booking(departure=day)) for day in days]
        assert got(vault, *asked) == [[token], [token]]
        assert links(tmp_path)[0][0] == "2026-06-02"


@pytest.mark.parametrize(
    ("masks", "goes_out"),
    [
        ((), True),
        (("",), True),
        (("****",), True),
        ((f"****{ENDS}",), True),
        ((f"4929XXXXXXXX{ENDS}",), True),
        ((f"4929-XXXX-XXXX-{ENDS}",), True),
        (("****9999",), False),
        ((f"5555XXXXXXXX{ENDS}",), False),
        (("4929**0000**",), False),
        ((f"Visa {ENDS}",), True),
        (("****9999", f"****{ENDS}"), True),
    ],
)
def test_a_mask_of_another_card_gets_nothing(vault, masks, goes_out):
    token = keep(vault, new())[0].token
    assert got(vault, carry(None, *masks)) == [[token] if goes_out else []]


def test_a_mask_that_fits_two_cards_gets_neither(vault):
    keep(vault, new(), new(expiry=None))
    assert got(vault, carry(None, f"****{ENDS}")) == [[]]
    assert len(got(vault, carry())[0]) == 2


def test_a_mask_with_another_expiry_is_another_card(vault):
    token = keep(vault, new())[0].token
    same = replace(carry(), hints=(hint_of(f"****{ENDS}", AUGUST),))
    renewed = replace(AUGUST, year=AUGUST.year + 4)
    other = replace(carry(), hints=(hint_of(f"****{ENDS}", renewed),))
    assert got(vault, same, other) == [[token], []]


def test_a_card_that_is_forgotten_does_not_come_back(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
        with rows(tmp_path) as connection:
            connection.execute("DELETE FROM card")
        assert got(vault, carry()) == [[]]


def test_p18_a_row_that_was_given_another_booking_is_not_handed_out(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new(), new(OTHER, at=booking("RES-2")))
        with rows(tmp_path) as connection:
            mine, theirs = connection.execute("SELECT booking_hash FROM link ORDER BY id")
            connection.unguard("link")
            connection.execute("DELETE FROM link WHERE booking_hash = ?", mine)
            connection.execute("UPDATE link SET booking_hash = ?", mine)
        assert got(vault, carry()) == [[]]
        told = vault.entries()[-1].entry
        assert (told.action, told.outcome, told.detail) == (Action.CARRY, Outcome.FAILED, "vault")
        assert theirs != mine


def test_thirty_two_at_once_get_one_token(vault):
    token = keep(vault, new())[0].token

    async def all_of_them():
        asked = [vault.keep_message((), [carry(exchange=f"e-{n}")]) for n in range(32)]
        return await asyncio.gather(*asked)

    plans = asyncio.run(all_of_them())
    assert [[one.token for one in plan.carried[0]] for plan in plans] == [[token]] * 32
    assert len(vault.entries()) == 32
    assert find(vault, token) is not None


def test_as_many_bookings_as_a_big_pull_has(tmp_path):
    with opened(tmp_path) as vault:
        ids = [f"RES-{n}" for n in range(200)]
        kept = keep(vault, *(new(pan(n), at=booking(ids[n])) for n in range(200)))
        later = date(2026, 5, 1)
        found = got(vault, *(carry(booking(one, departure=later)) for one in reversed(ids)))
        assert found == [[one.token] for one in reversed(kept)]
        assert {departure for departure, _ in links(tmp_path)} == {"2026-05-01"}
