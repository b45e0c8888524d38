"""Another card goes to Rapid: once, audited, and only where it may."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.access.products import Product
from gateway.cards.card import Card, Virtual
from gateway.cards.expiry import Expiry
from gateway.errors import (
    CardIncomplete,
    CardNotKept,
    ChangeRefused,
    ContactRequired,
    CvcUnavailable,
    LinkExpired,
    LinkUnknown,
    LiveHostForbidden,
    RecaptureClosed,
    RecaptureInProgress,
    RecaptureUnknown,
    TokenUnknown,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUntrusted,
    VirtualCardExcluded,
)
from gateway.recapture import rounds
from gateway.recapture.form import CardForm
from gateway.secret import Secret
from gateway.vault.model import Wanted
from gateway.vault.recapture import RecaptureState
from tests.recapture.world import CONTACT, LINK, PAN, WHO, booking
from tests.recapture.world import world as make


@pytest.fixture
def ready(world):
    """With one recapture whose link is known."""
    world.heard()
    world.turn()
    world.id = world.one().id
    return world


def sent(world):
    return [json.loads(call.body.reveal()) for call in world.partner.made("PUT")]


def test_p36_the_card_goes_to_the_link_and_the_audit_has_intent_and_outcome(ready):
    token = ready.keep()
    row, answered = ready.complete(ready.id, token)
    assert (row.state, row.has_link, answered) == (RecaptureState.COMPLETED, False, token)
    (call,) = ready.partner.made("PUT")
    assert (str(call.authority), call.path) == ("https://test.ean.com", LINK)
    (body,) = sent(ready)
    reference = body.pop("change_reference_id")
    assert 3 <= len(reference) <= 28
    assert body == {
        "payments": [
            {
                "type": "customer_card",
                "number": PAN,
                "security_code": "737",
                "expiration_month": "08",
                "expiration_year": "2030",
                "billing_contact": CONTACT,
            }
        ]
    }
    assert ready.audit() == [("intent", ""), ("done", "")]
    with pytest.raises(RecaptureClosed):
        ready.complete(ready.id, token)


def test_p36_no_card_is_opened_when_the_intent_can_not_be_written(ready, monkeypatch):
    order = []
    find, call = ready.vault.find, ready.partner.call

    async def found(wanted, entries=()):
        order.append([entry.outcome.value for entry in entries])
        return await find(wanted, entries)

    async def called(one):
        order.append(one.method)
        return await call(one)

    monkeypatch.setattr(ready.vault, "find", found)
    monkeypatch.setattr(ready.partner, "call", called)
    ready.complete(ready.id, ready.keep())
    assert order == [["intent"], "PUT"]


def test_the_contact_that_was_sent_goes_before_the_bookings(ready):
    other = CONTACT | {"given_name": "Grace"}
    ready.complete(ready.id, ready.keep(), contact=json.dumps(other))
    assert sent(ready)[0]["payments"][0]["billing_contact"] == other


def test_a_held_code_is_used_and_held_again_if_nothing_was_sent(ready):
    until = ready.now + timedelta(minutes=15)
    token = ready.keep(cvc=Secret("919"), cvc_until=until)
    ready.partner.change = (False, UpstreamUntrusted())
    with pytest.raises(UpstreamUntrusted):
        ready.complete(ready.id, token, code=None)
    assert ready.audit()[-1] == ("failed", "upstream_untrusted")
    ready.partner.change = 204
    ready.complete(ready.id, token, code=None)
    assert sent(ready)[-1]["payments"][0]["security_code"] == "919"


@pytest.mark.parametrize(
    ("card", "how", "error", "outcome"),
    [
        ({}, {"code": None}, CvcUnavailable, "failed"),
        ({"expiry": None}, {}, CardIncomplete, "failed"),
        ({"virtual": Virtual()}, {}, VirtualCardExcluded, "failed"),
        ({}, {"who": replace(WHO, products=frozenset({"city"}))}, TokenUnknown, "refused"),
        ({}, {"who": replace(WHO, products=frozenset())}, TokenUnknown, "refused"),
    ],
)
def test_p06_what_may_not_go_there_does_not_and_the_recapture_stays_open(
    ready, card, how, error, outcome
):
    token = ready.keep(**card)
    with pytest.raises(error):
        ready.complete(ready.id, token, **how)
    assert sent(ready) == []
    assert ready.audit() == [("intent", ""), (outcome, error.code)]
    assert ready.one().state is RecaptureState.PENDING
    ready.complete(ready.id, ready.keep("4111111111111111"))


def test_a_test_card_reaches_no_live_system(tmp_path, monkeypatch):
    with make(tmp_path, monkeypatch, mode="live") as live:
        row = live.heard()
        with pytest.raises(LiveHostForbidden):
            live.complete(row.id, live.keep())
        assert sent(live) == []


def test_two_at_once_send_one_card(ready):
    token, form = ready.keep(), CardForm
    one = form(token, False, None, Secret("737"), None)

    async def both():
        calls = [ready.completed(ready.id, WHO, one) for _ in range(2)]
        return await asyncio.gather(*calls, return_exceptions=True)

    async def slow():
        await asyncio.sleep(0.05)
        return 204

    ready.partner.change = slow
    outcomes = ready.run(both())
    assert len(sent(ready)) == 1
    assert sum(isinstance(one, RecaptureInProgress) for one in outcomes) == 1


def test_who_sends_and_is_killed_blocks_it_for_ten_minutes(ready):
    class Killed(BaseException):
        pass

    ready.partner.change = (True, Killed())
    with pytest.raises(Killed):
        ready.complete(ready.id, ready.keep())
    assert ready.one().state is RecaptureState.SENDING
    assert ready.audit() == [("intent", "")]  # to be taken for unknown
    ready.partner.change = 204
    with pytest.raises(RecaptureInProgress):
        ready.complete(ready.id, ready.keep())
    ready.now += timedelta(minutes=10)
    ready.complete(ready.id, ready.keep())


@pytest.mark.parametrize("answer", [(True, UpstreamTimeout()), 500, 503, 302])
def test_no_answer_is_unknown_and_may_be_tried_again(ready, answer):
    ready.partner.change = answer
    with pytest.raises((UpstreamTimeout, UpstreamInvalid)):
        ready.complete(ready.id, ready.keep())
    assert ready.one().state is RecaptureState.UNKNOWN
    assert ready.audit()[-1][0] == "unknown"
    ready.partner.change = 204
    ready.complete(ready.id, ready.keep())
    references = [body["change_reference_id"] for body in sent(ready)]
    assert len(set(references)) == 2


def test_what_rapid_refuses_is_told_in_its_words_and_stays_open(ready):
    ready.partner.change = "400 payments.expiration_month.invalid"
    with pytest.raises(ChangeRefused) as refused:
        ready.complete(ready.id, ready.keep())
    assert refused.value.types == ("payments.expiration_month.invalid",)
    assert ready.one().state is RecaptureState.PENDING
    assert ready.audit()[-1] == ("done", "change_refused")
    ready.partner.change = f"400 {PAN}"
    with pytest.raises(ChangeRefused) as refused:
        ready.complete(ready.id, ready.keep())
    assert refused.value.types == ()


def test_a_link_that_rapid_calls_over_is_over_until_another_is_seen(ready):
    ready.partner.change = "400 link.invalid"
    with pytest.raises(LinkExpired):
        ready.complete(ready.id, ready.keep())
    assert [row.id for row in ready.listed("expired")] == [ready.id]
    ready.partner.change = 204
    with pytest.raises(LinkExpired):
        ready.complete(ready.id, ready.keep())
    ready.seen(booking(LINK + "Other"))
    ready.complete(ready.id, ready.keep())
    assert [call.path for call in ready.partner.made("PUT")] == [LINK, LINK + "Other"]


def test_a_link_that_is_over_by_its_clock_gets_no_card(ready):
    ready.hours(24)
    with pytest.raises(LinkExpired):
        ready.complete(ready.id, ready.keep())
    assert sent(ready) == []
    assert ready.audit() == []


def test_the_link_is_looked_for_when_it_is_not_there_yet(world):
    world.partner.retrieved = booking(None)
    row = world.heard()
    with pytest.raises(LinkUnknown):
        world.complete(row.id, world.keep())
    world.partner.retrieved = (False, UpstreamTimeout())
    with pytest.raises(RecaptureUnknown):
        world.complete("nobody", world.keep())
    world.partner.retrieved = booking()
    world.complete(row.id, world.keep())


def test_a_booking_without_a_contact_wants_one(world):
    world.seen(booking(billing_contact=None))
    with pytest.raises(ContactRequired):
        world.complete(world.one().id, world.keep())
    world.complete(world.one().id, world.keep(), contact=json.dumps(CONTACT))


def test_p06_another_clients_recapture_takes_no_card(ready):
    with pytest.raises(RecaptureUnknown):
        ready.complete(ready.id, ready.keep(), who=replace(WHO, client="other"))
    assert sent(ready) == []


def test_p06_a_recapture_is_claimed_by_its_own_client_alone(ready):
    """As the vault has it while the card is about to go: whatever was looked at before may be another's."""
    one, now = ready.run(ready.vault.recaptures.open(ready.id)), ready.now
    for client in ("other", ""):
        with pytest.raises(RecaptureUnknown):
            rounds.claimed(one, client, now)
    assert rounds.claimed(one, WHO.client, now).row.state is RecaptureState.SENDING


def test_p21_a_typed_card_is_kept_without_its_code(ready):
    card = Card(Secret(PAN), Expiry(2030, 8), Secret("Ada"), Secret("919"))
    form = CardForm(None, False, card, card.cvc, None)
    who = replace(WHO, product=Product("seaside", test=True))
    row, token = ready.run(ready.completed(ready.id, who, form))
    assert row.state is RecaptureState.COMPLETED
    assert sent(ready)[0]["payments"][0]["security_code"] == "919"
    assert ready.keep() == token
    (held,) = ready.run(ready.vault.find([Wanted(token, WHO.products, with_cvc=True)]))
    assert held.cvc is None
    live = replace(WHO, product=Product("grand", test=False))
    ready.heard("event-2", 1)
    with pytest.raises(CardNotKept):
        ready.run(ready.completed(ready.listed("pending")[0].id, live, form))
