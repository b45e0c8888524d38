"""The page that a guest has to pass: its URL and its link, as the charge that needs it is written."""

from __future__ import annotations

import json

import pytest

from gateway.errors import VaultUnavailable
from gateway.processors.model import Challenge, Ended, Operation, Result
from gateway.secret import Secret
from gateway.vault.link import LinkKind, LinkState
from tests.charges.scripted import Scripted
from tests.charges.world import world as make
from tests.vault.makers import NOON, rows

PASS = Challenge("redirect", "https://bank.example/pass", {}, None)
CHALLENGED = Result(Ended.CHALLENGED, "P-1", challenge=PASS)
FACE = {"name": "Hotel Seaside", "language": "de", "origins": ["https://pms.example"]}
SEASIDE = {"merchant_code": "seaside01", "terminal": 1, "mode": "test", "pages": FACE}


class Killed(Exception):
    """The process is gone."""


@pytest.fixture
def world(tmp_path):
    with make(tmp_path, Scripted(debit=CHALLENGED, look="challenged"), seaside=SEASIDE) as made:
        yield made


def secret_of(url):
    return url.rpartition("/")[2]


def link(world, url):
    return world.run(world.vault.links.by_secret(Secret(secret_of(url))))


def test_p35_a_challenged_charge_has_a_page_and_its_client_alone_is_told(world):
    charge = world.charge(world.token(), return_url="https://pms.example/back", language="it",
                          purpose="Your stay")  # fmt: skip
    shown = charge["challenge"]
    assert shown["url"].startswith("https://localhost:8444/s/")
    assert shown["expires_at"] == charge["challenge_expires_at"] == "2026-03-02T12:00:00Z"
    found = link(world, shown["url"])
    assert (found.row.id, found.row.kind) == (charge["id"], LinkKind.CHALLENGE)
    assert (found.row.client, found.row.product, found.row.language) == ("pms", "seaside", "it")
    assert found.row.expires.isoformat() == "2026-03-02T12:00:00+00:00"
    said = json.loads(found.held.reveal())["about"]
    assert (said["purpose"], said["amount"]) == ("Your stay", {"value": 1000, "currency": "EUR"})
    (order,) = [order for name, order in world.processor.asked if name == "debit"]
    assert order.return_url == f"{shown['url']}/back"
    assert secret_of(shown["url"]).encode() not in world.files()
    (told,) = world.run(world.vault.notices.claim("pms", NOON, NOON))  # the first of the subject
    assert json.loads(told.body.reveal())["data"]["challenge"] is None
    world.run(world.vault.notices.delivered(told.row, NOON))
    (told,) = world.run(world.vault.notices.claim("pms", NOON, NOON))
    assert told.row.kind == "charge.challenged"
    assert json.loads(told.body.reveal())["data"]["challenge"] == {
        "url": shown["url"], "expires_at": "2026-03-02T12:00:00+00:00",
    }  # fmt: skip
    assert ("link_create", "done", "") in world.audit()


def test_a_charge_that_needs_nothing_of_the_guest_has_no_page(world):
    world.processor.say("debit", "succeeded")
    charge = world.charge(world.token(), return_url="https://pms.example/back")
    assert charge["challenge"] is None
    (order,) = [order for name, order in world.processor.asked if name == "debit"]
    assert link(world, order.return_url.removesuffix("/back")) is None


def test_a_product_without_pages_sends_the_guest_where_the_client_says(tmp_path):
    with make(tmp_path, Scripted(debit=CHALLENGED)) as world:
        charge = world.charge(world.token(), return_url="https://pms.example/back")
        assert (charge["state"], charge["challenge"]) == ("challenged", None)
        assert world.processor.asked[0][1].return_url == "https://pms.example/back"
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT count(*) FROM page_link").fetchone() == (0,)


@pytest.mark.parametrize(
    ("became", "state"),
    [("succeeded", LinkState.USED), ("declined", LinkState.USED), ("cancelled", LinkState.REVOKED)],
)
def test_p35_the_link_is_over_with_the_challenge(world, became, state):
    charge = world.charge(world.token())
    url = charge["challenge"]["url"]
    world.processor.say("look", became)
    after = world.look(charge["id"])
    assert (after["state"], after["challenge"]) == (became, None)
    assert link(world, url).row.state is state


def test_a_silent_guests_link_is_over_by_its_time_and_a_late_payment_does_not_mind(world):
    charge = world.charge(world.token())
    url = charge["challenge"]["url"]
    world.settle(hours=24)
    assert world.state(charge["id"]) == "expired"
    assert link(world, url).row.state_at(world.clock.now) is LinkState.EXPIRED
    world.processor.say("look", "succeeded")
    world.settle(hours=2)
    assert world.state(charge["id"]) == "succeeded"
    assert link(world, url).row.state_at(world.clock.now) is LinkState.EXPIRED


def test_a_cancelling_in_doubt_keeps_the_page_for_when_it_was_not_done(world):
    charge = world.charge(world.token())
    url = charge["challenge"]["url"]
    world.processor.say("cancel", "unknown")
    asked = world.ask(charge["id"], "cancel")
    assert (asked["state"], asked["challenge"]) == ("unknown", None)
    assert link(world, url).row.state is LinkState.OPEN
    world.settle(minutes=40)
    after = world.get(charge["id"])
    assert (after["state"], after["challenge"]) == ("challenged", charge["challenge"])
    world.processor.say("cancel", "cancelled")
    assert world.ask(charge["id"], "cancel")["state"] == "cancelled"
    assert link(world, url).row.state is LinkState.REVOKED


@pytest.mark.parametrize("at", ["charge:row", "charge:link", "notice:rows", "charge_outcome:done"])
def test_p24_the_link_and_the_challenged_charge_are_written_together(tmp_path, at):
    reached = []

    def step(name):
        if world and world[0].processor.sent("debit") and name == at:
            reached.append(name)
            raise Killed

    world = []
    processor = Scripted(debit=CHALLENGED)
    with make(tmp_path, processor, step, seaside=SEASIDE) as made:
        world.append(made)
        with pytest.raises((Killed, VaultUnavailable)):
            made.charge(made.token())
        assert reached
        id = processor.asked[0][1].id
        assert made.state(id) == "pending+"
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT count(*) FROM page_link").fetchone() == (0,)
        world.clear()
        processor.say("look", CHALLENGED)
        made.settle(minutes=6)
        assert made.state(id) == "challenged"
        assert made.get(id)["challenge"]["url"]
        assert Operation.DEBIT.value in {name for name, _ in processor.asked}
        assert len(processor.sent()) == 1


def test_what_an_older_version_wrote_is_read(world):
    from gateway.charges import content

    old = Secret(json.dumps({"tokenuser": "x", "extra": {}}).encode())
    assert content.read(old) == content.Content("x")
