"""Whose collections are, what is refused, and what of them stands in the vault."""

from __future__ import annotations

import pytest

from gateway.errors import (
    CollectionUnknown,
    OperationNotSupported,
    PagesOff,
    ProcessorNotConfigured,
    RecordDamaged,
    ReferenceTaken,
    RequestInvalid,
    TokenUnknown,
)
from gateway.processors.model import Operation
from gateway.vault.collection import CollectionState as S
from tests.collections.test_service import declined
from tests.collections.world import CARD, GUESTS, who
from tests.vault.makers import rows


def test_p06_p28_another_clients_or_products_collection_does_not_exist(world):
    id = world.collect()["id"]
    for by in (who("spa"), who(products={"hilltop"})):
        with pytest.raises(CollectionUnknown):
            world.look_at(id, by)
        with pytest.raises(CollectionUnknown):
            world.stop(id, by)
    with pytest.raises(TokenUnknown):
        world.collect(by=who(products={"hilltop"}))
    assert world.look_at(id, who("ops", sees_all=True))["id"] == id


def test_the_list(world):
    first, second = (world.collect(at=at, reference=at)["id"] for at in ("RES-1", "RES-2"))
    assert world.mine() == [second, first]
    assert world.mine(limit=1) == [second]
    assert world.mine(reference="RES-1") == [first]
    assert world.mine(booking=world.form_of(world.token(), at="RES-2").booking) == [second]
    world.go_on()
    assert world.mine(states=[S.WAITING]) == []
    assert len(world.mine(states=[S.SUCCEEDED, S.FAILED])) == 2


def test_what_is_refused_at_once(world):
    token = world.token()
    world.collect(token, reference="R")
    world.charge(token, reference="OTHER")
    for reference in ("R", "OTHER"):
        with pytest.raises(ReferenceTaken):
            world.collect(token, reference=reference)
    elsewhere = {"return_url": "https://elsewhere.example/"}
    for guest in ({}, {"link_hours": None, "recapture_hours": 24}):
        with pytest.raises(RequestInvalid):
            world.collect(token, **elsewhere, **guest)
    assert world.collect(token, **elsewhere, link_hours=None)["state"] == "waiting"
    world.processors.products.add("hilltop")
    other = world.token(GUESTS, product="hilltop")
    with pytest.raises(PagesOff):
        world.collect(other)
    assert world.collect(other, link_hours=None)["state"] == "waiting"
    world.processor.operations = frozenset({Operation.REFUND})
    with pytest.raises(OperationNotSupported):
        world.collect(token)
    world.processors.products.clear()
    with pytest.raises(ProcessorNotConfigured):
        world.collect(token)
    refused = [detail for action, outcome, detail in world.audit() if outcome == "refused"]
    assert refused == [
        "reference_taken", "reference_taken", "request_invalid", "request_invalid", "pages_off",
        "operation_not_supported", "processor_not_configured",
    ]  # fmt: skip


def test_a_request_that_counts_once_begins_one(world):
    token = world.token()
    first = world.collect(token, key="k", reference="R")
    assert world.collect(token, key="k", reference="R")["id"] == first["id"]
    assert len(world.mine()) == 1


def test_p17_a_collection_whose_sum_was_altered_does_not_open(world):
    id = world.collect()["id"]
    with rows(world.directory) as connection:
        connection.execute("UPDATE collection SET amount = 999999")
    with pytest.raises(RecordDamaged):
        world.look_at(id)
    world.go_on()
    assert world.processor.sent() == []


def test_p17_a_collection_that_was_given_another_guests_link_charges_nothing(world):
    mine, other = (declined(world, at=at)["id"] for at in ("RES-1", "RES-2"))
    link = world.guest_types(other).row.id
    with rows(world.directory) as connection:
        connection.execute(
            "UPDATE collection SET link = ?, due = created WHERE id = ?", (link, mine)
        )
    world.processor.say("debit", "succeeded")
    world.run(world.collecting.turn())
    assert world.look_at(mine)["state"] == "payment_link"
    assert world.look_at(other)["state"] == "succeeded"
    assert len(world.processor.sent()) == 3


def test_p16_an_id_that_is_a_cards_number_is_written_nowhere(world):
    with pytest.raises(CollectionUnknown):
        world.stop(CARD)
    assert CARD.encode() not in world.files()


def test_p16_no_file_has_the_guests_booking_or_a_card(world):
    made = declined(world, at="RES-SECRET", purpose="a private text")
    world.guest_types(made["id"])
    world.go_on()
    written = world.files()
    for text in ("RES-SECRET", "private text", CARD, GUESTS):
        assert text.encode() not in written


def test_history_is_not_rewritten(world):
    world.collect()
    with rows(world.directory) as connection, pytest.raises(Exception, match="not rewritten"):
        connection.execute("UPDATE collection_event SET actor = 'x'")
    with rows(world.directory) as connection, pytest.raises(Exception, match="not rewritten"):
        connection.execute("DELETE FROM collection_event")
