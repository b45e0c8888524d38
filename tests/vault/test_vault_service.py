"""What is kept comes back: cards, links, entries; and how a vault ends."""

from __future__ import annotations

import asyncio
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import Outcome
from gateway.cards.card import Booking, Card, Virtual
from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.secret import Secret
from gateway.vault import records, service
from gateway.vault.model import NewCard, Wanted
from gateway.vault.rows import LinkRow
from gateway.vault.service import Vault
from tests.vault.makers import (
    AUGUST,
    PAN,
    Clock,
    booking,
    card,
    entry,
    find,
    keep,
    many,
    new,
    open_vault,
    opened,
    pan,
    rows,
)

# --- keep and find --------------------------------------------------------------------------------


def test_a_card_comes_back_as_it_was_but_for_its_cvc(vault: Vault) -> None:
    virtual = Virtual(date(2026, 3, 30), date(2026, 4, 2), "120.00 EUR")
    sent = new(at=booking(virtual=virtual))
    (kept,) = keep(vault, sent)
    found = find(vault, kept.token)
    assert kept.created
    assert found is not None
    assert (found.token, found.product) == (kept.token, "seaside")
    assert found.card.pan.reveal() == PAN
    assert found.card.expiry == AUGUST
    assert found.card.holder is not None
    assert found.card.holder.reveal() == "Ana Example"
    assert found.card.cvc is None
    assert found.booking == sent.booking


@pytest.mark.parametrize(
    "at",
    [
        None,
        Booking("channex"),
        Booking("channex", hotel="", booking_id=""),
        Booking("channex", virtual=Virtual()),
        Booking("channex", "h", "b", None, Virtual(active_until=date(2026, 1, 1))),
        Booking("channex", "höt\x01el", "ключ\0", date(2026, 1, 1), Virtual(balance="€ 1")),
    ],
)
def test_a_booking_comes_back_as_it_was(vault: Vault, at: Booking | None) -> None:
    bare = Card(Secret(PAN), None)
    (kept,) = keep(vault, NewCard("seaside", True, bare, at))
    found = find(vault, kept.token)
    assert found is not None
    assert (found.booking, found.card.expiry, found.card.holder) == (at, None, None)


def test_the_same_card_and_product_give_the_same_token(vault: Vault) -> None:
    first, second = keep(vault, new())[0], keep(vault, new(at=booking("RES-2")))[0]
    assert (first.created, second.created) == (True, False)
    assert first.token == second.token
    assert vault.count_by_product() == {"seaside": 1}


@pytest.mark.parametrize(
    "other",
    [
        new(product="city"),
        new(test=False),
        new(expiry=None),
        new(pan(1)),
        new(PAN + "1"),
    ],
)
def test_another_card_product_mode_or_expiry_gives_another_token(vault: Vault, other) -> None:
    first, second = keep(vault, new(), other)
    assert first.token.iduser != second.token.iduser
    assert first.token.tokenuser != second.token.tokenuser
    assert second.created


def test_p25_a_card_twice_in_one_message_has_one_token(vault: Vault) -> None:
    cards = [new(), new(pan(1)), new(at=booking("RES-2")), new(), new(holder="Other Name")]
    kept = keep(vault, *cards, entries=[entry() for _ in cards])
    assert [one.created for one in kept] == [True, True, False, False, False]
    assert len({one.token for one in kept}) == 2
    assert [row.entry.iduser for row in vault.entries()] == [one.token.iduser for one in kept]
    found = find(vault, kept[0].token)
    assert found is not None
    assert found.card.holder is not None
    assert found.card.holder.reveal() == "Ana Example"  # of RES-2, the link that was made last


def test_nothing_to_keep_is_fine(vault: Vault) -> None:
    assert keep(vault) == []
    asyncio.run(vault.record([]))
    assert asyncio.run(vault.find([])) == []
    assert keep(vault, entries=[entry(outcome=Outcome.REFUSED)]) == []
    assert [row.entry for row in vault.entries()] == [entry(outcome=Outcome.REFUSED)]


def test_entries_name_their_cards(vault: Vault) -> None:
    said = [entry(f"exchange-{place}", detail="x") for place in range(4)]
    kept = keep(vault, new(), new(pan(1)), new(pan(2)), entries=said)
    recorded = vault.entries()
    assert [row.entry.iduser for row in recorded] == [*(k.token.iduser for k in kept), None]
    assert [row.entry.exchange for row in recorded] == [one.exchange for one in said]
    assert [row.id for row in vault.entries(after=1, limit=2)] == [2, 3]
    with pytest.raises(ValueError):
        keep(vault, new(), new(pan(1)), entries=said[:1])


def test_a_large_message_is_kept_like_a_small_one(vault: Vault) -> None:
    cards = many(700)
    kept = keep(vault, *cards, entries=[entry() for _ in cards])
    again = keep(vault, *reversed(cards))
    assert [one.token for one in again] == [one.token for one in reversed(kept)]
    wanted = [Wanted(one.token, frozenset({"seaside"})) for one in kept]
    found = asyncio.run(vault.find(wanted))
    assert [f.card.pan.reveal() for f in found if f] == [c.card.pan.reveal() for c in cards]
    assert vault.count_by_product() == {"seaside": 700}
    assert len(vault.entries()) == 700


# --- links ----------------------------------------------------------------------------------------


def links(directory: Path) -> list[tuple]:
    with rows(directory) as connection:
        return connection.execute("SELECT departure, seen, sealed FROM link ORDER BY id").fetchall()


def test_a_link_is_written_again_only_when_something_is_new(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, new())
        (first,) = links(tmp_path)
        clock.now += timedelta(minutes=59)
        keep(vault, new())
        assert links(tmp_path) == [first]
        clock.now += timedelta(minutes=1)
        keep(vault, new())
        (second,) = links(tmp_path)
        assert second[1] > first[1]
        assert second[2] == first[2]
        keep(vault, new(at=booking(departure=date(2026, 5, 1))))
        (third,) = links(tmp_path)
        assert third[0] == "2026-05-01"


def test_what_a_message_does_not_say_stays(vault: Vault) -> None:
    virtual = Virtual(date(2026, 3, 30), None, "120.00 EUR")
    (kept,) = keep(vault, new(at=booking(virtual=virtual)))
    keep(vault, new(holder=None, at=booking(departure=None, virtual=Virtual(balance="60.00 EUR"))))
    found = find(vault, kept.token)
    assert found is not None
    assert found.card.holder is not None
    assert found.card.holder.reveal() == "Ana Example"
    assert found.booking == booking(virtual=Virtual(date(2026, 3, 30), None, "60.00 EUR"))


@pytest.mark.parametrize("others", [0, 240])  # decided on the writer's thread, and beside it
def test_p25_a_card_is_found_with_those_of_its_bookings_that_a_message_names(
    tmp_path: Path, others: int
) -> None:
    message = [new(at=booking(f"RES-{number}")) for number in (1, 2, 1)]
    with opened(tmp_path) as vault:
        (first,) = keep(vault, new(at=booking("RES-1")))
        keep(vault, new(at=booking("RES-9")))
        kept = keep(vault, *message, *many(others))
    assert [one.token for one in kept[:3]] == [first.token] * 3
    assert [one.created for one in kept] == [False] * 3 + [True] * others
    with rows(tmp_path) as connection:
        asked = "SELECT count(*) FROM link WHERE iduser = ?"
        assert connection.execute(asked, (first.token.iduser,)).fetchone() == (3,)
        assert connection.execute("SELECT count(*) FROM link").fetchone() == (3 + others,)


def test_forgetting_one_booking_leaves_the_other_and_the_pan_goes_with_the_last(tmp_path) -> None:
    with opened(tmp_path) as vault:
        kept = keep(vault, new(), new(at=booking("RES-2")), new(pan(1)))
        with rows(tmp_path) as connection:
            connection.with_cascades()
            connection.execute("DELETE FROM link WHERE id = 1")
            assert find(vault, kept[0].token) is not None
            assert vault.count_by_product() == {"seaside": 2}
            connection.execute("DELETE FROM link WHERE id = 2")
            assert find(vault, kept[0].token) is None
            assert vault.count_by_product() == {"seaside": 1}
            assert find(vault, kept[2].token) is not None
            connection.execute("DELETE FROM card")
            assert connection.execute("SELECT count(*) FROM link").fetchone() == (0,)
        assert vault.count_by_product() == {}


def test_a_card_without_any_link_is_still_a_card(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        with rows(tmp_path) as connection:
            connection.unguard("link")
            connection.execute("DELETE FROM link")
        found = find(vault, kept.token)
        assert found is not None
        assert (found.booking, found.card.holder) == (None, None)


@given(st.text(max_size=100), st.text(max_size=30), st.text(max_size=30))
def test_a_links_record_reads_back(holder: str, booking_id: str, balance: str) -> None:
    at = Booking("s", "h", booking_id, date(2026, 1, 2), Virtual(None, date(2027, 1, 2), balance))
    written = records.write_link(records.content_of(card(holder=holder), at))
    content = records.read_link(written)
    row = LinkRow(1, b"", "s", "h", b"", records.departure_of(at), "")
    assert len(written) % 64 == 0
    assert content["holder"] == holder
    assert records.booking_of(row, content) == at


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"1 2", b"4 1-x t", b"1 2 3 4"])
def test_p18_a_record_that_opens_but_was_not_ours_is_damaged(text: bytes) -> None:
    for read in (records.read_card, records.read_link):
        with pytest.raises(RecordDamaged) as refused:
            read(text)
        assert refused.value.__context__ is None


# --- service --------------------------------------------------------------------------------------


def test_check_writes_and_a_hung_disk_is_not_waited_for(tmp_path: Path, monkeypatch) -> None:
    with opened(tmp_path) as vault:
        vault.check()
        with rows(tmp_path) as connection, connection.holding():
            monkeypatch.setattr(service, "_PROBE_SECONDS", 0.05)
            with pytest.raises(VaultUnavailable) as refused:
                vault.check()
            assert refused.value.__context__ is None
        vault.check()


def test_after_close_everything_is_refused_and_close_may_be_repeated(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    (kept,) = keep(vault, new())
    vault.close()
    vault.close()
    for call in (
        lambda: keep(vault, new(pan(1))),
        lambda: keep(vault, *many(20)),
        lambda: find(vault, kept.token),
        lambda: asyncio.run(vault.record([entry()])),
        vault.check,
        vault.count_by_product,
        vault.keys.all,
    ):
        with pytest.raises(VaultUnavailable) as refused:
            call()
        assert refused.value.__context__ is None


def test_p40_close_finishes_what_was_begun(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    futures = [vault._store.record([entry(f"exchange-{n}")]) for n in range(100)]
    vault.close()
    assert all(future.done() for future in futures)
    with opened(tmp_path) as again:
        assert len(again.entries()) == 100


def test_who_has_gone_is_not_served(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        with rows(tmp_path) as connection, connection.holding():
            first = vault._store.record([entry("first")])
            deadline = time.monotonic() + 10
            while not first.running() and time.monotonic() < deadline:
                time.sleep(0.001)
            gone = vault._store.record([entry("gone")])
            assert gone.cancel()
        first.result(10)
        vault.check()
        assert [row.entry.exchange for row in vault.entries()] == ["first"]


def test_many_cards_on_asyncio_and_uvloop(vault: Vault) -> None:
    import uvloop

    cards = many(3000)

    async def main(sent) -> int:
        return len(await vault.keep(sent, []))

    assert asyncio.run(main(cards[:1500])) == 1500
    assert uvloop.run(main(cards[1500:])) == 1500
