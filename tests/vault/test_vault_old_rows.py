"""What a vault of an older version holds besides cards is read, and goes on, after the upgrade."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import CodeWrong
from gateway.secret import Secret
from gateway.vault.charge_changes import Filter
from gateway.vault.idempotency import Once
from gateway.vault.link import LinkState
from gateway.vault.recapture import RecaptureState
from gateway.vault.route_hours import Flush, RouteHour, hour_of
from tests.charges.world import PRODUCTS
from tests.collections.world import collecting
from tests.vault.makers import NOON, Clock, listed, new, opened
from tests.vault.old_vaults import VERSIONS
from tests.vault.test_vault_cards import ASKED
from tests.vault.test_vault_links import HELD, found
from tests.vault.test_vault_notices import claim
from tests.vault.test_vault_recaptures import LINK, open_one
from tests.viewers.people import WRONG, People, id_of

pytestmark = pytest.mark.sqlite_alone("vaults from before there was PostgreSQL")


def since(version):
    """Those versions that kept it."""
    found = [old for old in VERSIONS if old.version >= version]
    return pytest.mark.parametrize("old", found, ids=repr)


@since(5)
def test_a_recapture_and_an_answers_failed_cards(tmp_path, old):
    old.restore(tmp_path)
    with opened(tmp_path) as vault:
        one = open_one(vault)
        assert one.row.state is RecaptureState.PENDING
        assert one.held.reveal().decode() == LINK
        assert {row.exchange: row.failed for row in listed(vault)} == {
            "exchange-1": 1,
            "exchange-2": 0,
        }


@since(6)
def test_p24_a_request_that_was_answered_is_answered_the_same(tmp_path, old):
    old.restore(tmp_path)
    once = Once("pms", Secret("key"), Secret(b"request"), frozenset({"seaside"}))
    with opened(tmp_path, clock=Clock()) as vault:
        adding = vault.cards.add(new(), ASKED, once, lambda _: b"made anew")
        assert asyncio.run(adding) == b"answered"


@since(7)
def test_a_notice_that_waited_is_sent(tmp_path, old):
    old.restore(tmp_path)
    with opened(tmp_path, clock=Clock(), told=("pms",)) as vault:
        (told,) = [one for one in claim(vault) if one.row.subject == "charge-a"]
        assert b"Ada of room 7" in told.body.reveal()


@since(8)
def test_a_products_credentials(tmp_path, old):
    old.restore(tmp_path)
    with opened(tmp_path) as vault:
        known = asyncio.run(vault.credentials.read("seaside", "stripe"))
        assert known["secret_key"].reveal() == "sk_test_of_the_tests"


@since(9)
def test_an_authorized_charge_is_captured(tmp_path, old):
    old.restore(tmp_path)
    with collecting(tmp_path) as world:
        (id,) = [
            one.row.id
            for _, one in world.run(world.charges.listed(Filter(PRODUCTS)))
            if one.row.reference == "R"
        ]
        before = world.get(id)
        assert [event["state"] for event in before["history"]] == ["pending", "authorized"]
        after = world.ask(id, "capture")
        assert (after["state"], after["captured"]) == ("succeeded", 1000)


@since(10)
def test_a_link_to_a_page(tmp_path, old):
    old.restore(tmp_path)
    with opened(tmp_path, clock=Clock()) as vault:
        link = found(vault, Secret("s" * 32))
        assert (link.row.state, link.held.reveal()) == (LinkState.OPEN, HELD.reveal())


@since(11)
def test_a_viewers_code(tmp_path, old):
    old.restore(tmp_path)
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        people = People(vault, clock)
        assert people.check(id_of(0)) == id_of(0)
        with pytest.raises(CodeWrong):
            people.check(id_of(0), WRONG)
        people.codes.close()


@since(12)
def test_a_collection_goes_on(tmp_path, old):
    old.restore(tmp_path)
    with collecting(tmp_path) as world:
        (id,) = world.mine()
        assert world.state_of(id) == "payment_link"
        assert world.link_of(id).row.state is LinkState.OPEN
        world.guest_types(id)
        assert world.state_of(id) == "succeeded"
        assert [one for one in world.references() if one.startswith("C")] == ["C", "C-2"]


@since(13)
def test_what_was_taken_and_given_back(tmp_path, old):
    old.restore(tmp_path)
    with collecting(tmp_path) as world:
        charges = [one.row for _, one in world.run(world.charges.listed(Filter(PRODUCTS)))]
        (row,) = [one for one in charges if one.reference == "R-13"]
        assert (row.captured, row.refunded, row.stated) == (1000, 300, None)
        assert [event["stated"] for event in world.get(row.id)["history"]] == [None] * 4
        world.processor.say("refund", "refunded")
        after = world.ask(row.id, "refund")
        assert (after["state"], after["refunded"]) == ("refunded", 1000)


@since(20)
def test_a_routes_history(tmp_path, old):
    old.restore(tmp_path)
    kept = RouteHour("siteminder/pull", hour_of(NOON), "response", 5, 9, 7, 8, 1, 2, 1, 1)
    with opened(tmp_path) as vault:
        assert vault.route_hours.since(0) == [kept]
        for _ in range(2):
            vault.route_hours.add([kept], Flush("a", 1))
        assert [one.messages for one in vault.route_hours.since(0)] == [10]
