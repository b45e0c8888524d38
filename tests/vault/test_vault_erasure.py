"""The erasure of a guest: what names it goes from every table, what a refund needs stays."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking
from gateway.charges import content as charges
from gateway.collections import content as collections
from gateway.pages.about import About
from gateway.pages.links import hold
from gateway.secret import Secret
from gateway.vault.answer import AnswerState
from gateway.vault.charge_changes import Filter
from gateway.vault.erasure import Reduced
from gateway.vault.guest import Guest
from gateway.vault.notice import NewNotice
from gateway.vault.recapture import RecaptureState
from tests.charges.test_page import CHALLENGED
from tests.charges.world import CARD, PRODUCTS
from tests.collections.world import collecting
from tests.vault import makers
from tests.vault import test_vault_links as links
from tests.vault import test_vault_notices as notices
from tests.vault import test_vault_recaptures as recaptures
from tests.vault.makers import NOON, booking, find, keep, new, pan, rows
from tests.vault.test_vault_retention import purge
from tests.vault.test_vault_secrecy import spellings

HIS, OTHERS = "RES-CANARY-1", "RES-OTHER-2"
GUEST = Guest(booking=Booking("siteminder", "10107", HIS))
ALL = {"cards", "charges", "collections", "page_links", "notices", "answers"}
REDUCED = Reduced(charges.without_guest, collections.without_guest)
BY = Entry(NOON, "", Action.ERASE, Outcome.DONE, origin="command line")


@pytest.fixture
def world(tmp_path):
    with collecting(tmp_path) as running:
        yield running


def erase(world, guest=GUEST):
    found = world.vault.erasure.find(guest)
    world.vault.erasure.erase(guest, found, REDUCED, BY)
    return found


def entries(world):
    said = [recorded.entry for recorded in world.vault.entries()]
    return [(one.iduser, bool(one.subject)) for one in said if one.action is Action.ERASE]


def told(world, at, subject):
    body = {"booking": {"system": "siteminder", "hotel": "10107", "id": at}}
    notices.put(world.vault, NewNotice("pms", "charge.succeeded", subject, body, "seaside"))
    while claimed := notices.claim(world.vault):
        for one in claimed:
            world.run(world.vault.notices.delivered(one.row, NOON))


def page(world, at, id):
    about = About(booking=Booking("siteminder", "10107", at))
    made = replace(links.link(id=id), held=hold(about, {}))
    links.keep(world.vault, made, Secret(id.ljust(32, "s")), None)


def answered(world, at, id, state=AnswerState.DELIVERED):
    body = f"<a>{at}</a>".encode()
    makers.keep(world.vault, answer=lambda _: makers.answer(id, body=body))
    if state is not AnswerState.UNDELIVERED:
        makers.mark(world.vault, state, id)


def everything(world, at, place):
    """One of each for a booking; the card's token."""
    token = keep(world.vault, new(pan(place), at=booking(at), holder=f"Holder of {at}"))[0].token
    extra = {"email": f"{at}@example.com"}
    world.charge(token, at=at, extra=extra, purpose=f"Room of {at}")
    collected = world.collect(token, at=at, purpose=f"Room of {at}", link_hours=None)["id"]
    world.stop(collected)
    world.go_on()
    told(world, at, f"subject-{place}")
    page(world, at, f"page-{place}")
    answered(world, at, f"exchange-{place}")
    return token


def charge_of(world, token):
    found = world.run(world.charges.listed(Filter(PRODUCTS)))
    return next(one for _, one in found if one.row.iduser == token.iduser)


def test_all_of_a_booking_goes_and_nothing_of_anothers(world):
    token, stays = everything(world, HIS, 1), everything(world, OTHERS, 2)
    found = erase(world)
    assert {name for name, count in found.counts.items() if count} == ALL
    assert found.left == ()
    assert find(world.vault, token) is None
    assert find(world.vault, stays).card.holder.reveal() == f"Holder of {OTHERS}"
    assert entries(world) == [(token.iduser, False), (None, True)]
    assert not any(world.vault.erasure.find(GUEST).counts.values())
    others = world.vault.erasure.find(Guest(booking=Booking("siteminder", "10107", OTHERS)))
    assert others.counts == found.counts


def test_what_is_left_of_a_charge_names_no_guest_and_is_given_back(world):
    token = everything(world, HIS, 1)
    held = charge_of(world, token).held.reveal()
    assert HIS.encode() in held
    erase(world)
    one = charge_of(world, token)
    assert HIS.encode() not in one.held.reveal()
    assert json.loads(one.held.reveal()) == {"tokenuser": token.tokenuser, "extra": {}}
    assert one.row.booking == b""
    assert (one.row.amount, one.row.captured) == (1000, 1000)
    world.processor.say("refund", "refunded")
    assert world.ask(one.row.id, "refund", 400)["refunded"] == 400


def test_of_a_card_that_another_booking_holds_the_link_goes_alone(world):
    token = keep(world.vault, new(at=booking(HIS)), new(at=booking(OTHERS)))[0].token
    found = erase(world)
    assert (found.links, found.cards) == ((token.iduser,), ())
    assert find(world.vault, token).booking.booking_id == OTHERS
    assert entries(world) == [(token.iduser, True), (None, True)]


def test_stubs_go_too(world):
    token = keep(world.vault, new(at=booking(HIS)))[0].token
    purge(world.vault)
    assert erase(world).stubs == (token.iduser,)
    with rows(world.directory) as connection:
        for table in ("stub", "stub_booking"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert entries(world) == [(token.iduser, False), (None, True)]


def test_a_card_is_erased_by_its_whole_token_alone(world):
    token = everything(world, HIS, 1)
    other = ("A" if token.tokenuser[0] != "A" else "B") + token.tokenuser[1:]
    wrong = type(token)(token.iduser, other, test=True)
    assert not any(world.vault.erasure.find(Guest(token=wrong)).counts.values())
    found = erase(world, Guest(token=token))
    assert found.cards == (token.iduser,)
    assert len(found.collections) == 1
    assert find(world.vault, token) is None


def test_what_is_on_its_way_stays_and_is_counted(world):
    token = keep(world.vault, new(CARD, at=booking(HIS)))[0].token
    world.processor.say("debit", CHALLENGED)
    charged = world.charge(token, at=HIS)["id"]
    world.collect(token, at=HIS, not_before=NOON.replace(year=2027))
    answered(world, HIS, "exchange-9", AnswerState.UNDELIVERED)
    found = erase(world)
    assert dict(found.left).items() >= {"charge": 1, "collection": 1, "answer": 1}.items()
    (one,) = [one for _, one in world.run(world.charges.listed(Filter(PRODUCTS)))]
    assert (one.row.id, HIS.encode() in one.held.reveal()) == (charged, True)
    assert makers.get(world.vault, "exchange-9") is not None


def test_a_charge_that_is_asked_again_meanwhile_keeps_what_it_needs(world):
    token = everything(world, HIS, 1)
    found = world.vault.erasure.find(GUEST)
    with rows(world.directory) as connection:
        connection.execute("UPDATE charge SET operation = 'refund'")
    world.vault.erasure.erase(GUEST, found, REDUCED, BY)
    assert HIS.encode() in charge_of(world, token).held.reveal()


def test_a_replaced_card_of_the_channel_goes(world):
    recaptures.put(world.vault, recaptures.one(state=RecaptureState.COMPLETED))
    one = recaptures.one()
    guest = Guest(booking=Booking(one.row.system, None, one.row.itinerary))
    assert len(erase(world, guest).recaptures) == 1
    assert erase(world, guest).recaptures == ()


def test_a_number_within_another_is_not_the_bookings(world):
    answered(world, f"{HIS}0", "exchange-1")
    answered(world, f"x{HIS}", "exchange-2")
    assert world.vault.erasure.find(GUEST).answers == ()


def test_an_erasure_of_nothing_but_a_charge_is_in_the_audit_too(world):
    token = keep(world.vault, new(at=booking(HIS)))[0].token
    world.charge(token, at=HIS)
    wanted = makers.Wanted(token, PRODUCTS)
    asyncio.run(world.vault.cards.forget(wanted, BY, None))
    assert erase(world).counts["charges"] == 1
    assert entries(world)[-1] == (None, True)


@pytest.mark.sqlite_alone("it looks into SQLite's files")
def test_p16_of_an_erased_guest_no_byte_is_left(world):
    everything(world, HIS, 1)
    with rows(world.directory) as connection:
        before = {
            value
            for table in ("card", "link", "charge", "collection", "page_link", "answer_body")
            for (value,) in connection.execute(f"SELECT sealed FROM {table}")
        }
    erase(world)
    assert world.vault.retention.scrub()
    content = world.files()
    assert not [one for one in before if one[-32:] in content]
    assert not [one for one in spellings(HIS) if one in content]
