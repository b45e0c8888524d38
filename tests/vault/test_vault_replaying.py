"""What is done again after a restore, table by table: nothing comes back that was taken away."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.audit import Action, Outcome
from gateway.cards.token import parse_old
from gateway.errors import PageLinkOver
from gateway.secret import Secret
from gateway.vault import restoring
from gateway.vault.charge_changes import Filter
from gateway.vault.import_keys import ImportKey
from gateway.vault.link import LinkState
from gateway.vault.old_tokens import OldCard
from gateway.vault.replaying import Replayed
from gateway.vault.viewer import State
from gateway.viewers.checking import Typed
from tests.charges.world import PRODUCTS
from tests.collections.world import collecting
from tests.vault import test_vault_links as links
from tests.vault.backing import back_up, restore, restored, sink
from tests.vault.makers import booking, entry, find, keep, new, opened, pan, rows
from tests.vault.outside import outside
from tests.vault.restoring import forget, purging
from tests.vault.test_vault_cards import ASKED, LATER, alias_of, once, want
from tests.vault.test_vault_erasure import GUEST, HIS, OTHERS, charge_of, erase, everything
from tests.vault.test_vault_retention import DUE, RULE, stub
from tests.vault.test_vault_secrecy import spellings
from tests.viewers.people import CODE, OTHER, People, as_bytes, asked, id_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target" / "vault.db"


def again(vault, directory, target, **more):
    """What is done again on the backup, from the audit of `vault`, which is open."""
    lost = restoring.from_database(vault._database)
    return restore(directory, target, lost=lost, **more)


def test_p16_of_a_guest_who_was_erased_since_no_byte_comes_back(tmp_path, target) -> None:
    with collecting(tmp_path) as world:
        token, stays = everything(world, HIS, 1), everything(world, OTHERS, 2)
        back_up(world.vault, tmp_path)
        gone = erase(world, GUEST)
        found = again(world.vault, tmp_path, target)
        assert {name: count for name, count in gone.counts.items() if count} == found.again
        assert found.left == {}
    with restored(tmp_path, target) as vault:
        assert find(vault, token) is None
        assert find(vault, stays).card.holder.reveal() == f"Holder of {OTHERS}"
        assert not any(vault.erasure.find(GUEST).counts.values())
    content = b"".join(one.read_bytes() for one in target.parent.iterdir())
    assert not any(one in content for one in spellings(HIS))


def test_a_charge_of_an_erased_guest_is_given_back_all_the_same(tmp_path, target) -> None:
    with collecting(tmp_path) as world:
        token = everything(world, HIS, 1)
        back_up(world.vault, tmp_path)
        erase(world, GUEST)
        again(world.vault, tmp_path, target)
        expected = charge_of(world, token).row
    with restored(tmp_path, target) as vault:
        (one,) = [
            one
            for _, one in asyncio.run(vault.charges.listed(Filter(PRODUCTS)))
            if one.row.id == expected.id
        ]
        assert (one.row.reference, one.row.captured) == (expected.reference, expected.captured)
        assert HIS.encode() not in one.held.reveal()


def test_only_the_link_goes_where_another_booking_holds_the_card(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        (kept,) = keep(vault, new(at=booking("A", departure=None)))
        keep(vault, new(at=booking("B")))
        back_up(vault, tmp_path)
        assert vault.retention.purge(RULE, DUE, purging()).links == 1
    found = restore(tmp_path, target)
    assert found.again == {"links": 1}
    with restored(tmp_path, target) as vault:
        assert find(vault, kept.token).booking.booking_id == "A"
        assert [one.booking_id for one in _cards(vault, kept.token).bookings] == ["A"]


def _cards(vault, token):
    return asyncio.run(vault.cards.show(want(token), ASKED))


def test_a_card_that_was_purged_since_leaves_its_stub(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        (kept,) = keep(vault, new(at=booking("A")))
        back_up(vault, tmp_path)
        vault.retention.purge(RULE, DUE, purging())
        expected = stub(vault, kept.token)
    restore(tmp_path, target)
    with restored(tmp_path, target) as vault:
        left = stub(vault, kept.token)
        assert (left.mask, [one.booking_id for one in left.bookings]) == (expected.mask, ["A"])


def test_a_card_whose_time_ended_since_goes_with_the_next_purge(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        (kept,) = keep(vault, new(at=booking("A")))
        back_up(vault, tmp_path)
    restore(tmp_path, target)
    with restored(tmp_path, target) as vault:
        assert vault.retention.overdue(RULE, DUE)["seaside"].links == 1
        vault.retention.purge(RULE, DUE, purging())
        assert find(vault, kept.token) is None
        assert vault.audit.check().findings == []


def test_p35_viewers_who_left_or_have_another_code_see_nothing(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        made = People(vault, lambda: NOW)
        for number in range(5):
            made.person(number)
        back_up(vault, tmp_path)
        disabling = asked(action=Action.VIEWER_DISABLE)
        asyncio.run(vault.viewers.disable(id_of(0), disabling, as_bytes))
        locking = asked(action=Action.VIEWER_LOCK)
        asyncio.run(vault.viewers.lock(id_of(1), id_of(3), locking, as_bytes))
        asyncio.run(vault.viewers.lock(id_of(2), id_of(3), locking, as_bytes))
        _passed(
            made,
            3,
            Action.VIEWER_UNLOCK,
            lambda c, by: vault.viewer_codes.unlock(c, id_of(2), by),
            2,
        )
        _passed(made, 4, Action.VIEWER_CHANGE, lambda *_: None, None, chosen=OTHER)
        made.codes.close()
    found = restore(tmp_path, target)
    assert found.again["viewers"] == 5
    with restored(tmp_path, target) as vault:
        made = People(vault, lambda: NOW)
        states = [made.get(id_of(number)).state for number in range(5)]
        made.codes.close()
    assert states == [State.DISABLED, State.LOCKED, State.ACTIVE, State.ACTIVE, State.INVITED]


def _passed(made, number, action, act, about, chosen=None):
    """A right code, for what `act` does; as the pages write it into the audit."""
    subject = "" if about is None else id_of(about)
    said = entry("page", Outcome.DONE, subject=subject)
    typed, new_code = Typed(Secret(CODE), ""), None if chosen is None else Secret(chosen)
    asyncio.run(
        made.checking.check(
            id_of(number),
            typed,
            replace(said, action=action),
            lambda *_: None,
            act,
            chosen=new_code,
        )
    )


def test_credentials_and_import_keys_that_were_erased_stay_so(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        for processor in ("stripe", "adyen", "other"):
            _set(vault, processor, "first")
        for name in ("gone", "stays"):
            key = ImportKey(name, "PEM", Secret(b"private"), NOW)
            vault.import_keys.add(key, "command line")
        back_up(vault, tmp_path)
        erasing = replace(
            ASKED, action=Action.CREDENTIALS_ERASE, detail="stripe", product="seaside"
        )
        asyncio.run(vault.credentials.erase("seaside", "stripe", erasing, once("erase")))
        _set(vault, "adyen", "second")
        vault.import_keys.erase("gone", NOW, "command line")
    found = restore(tmp_path, target)
    assert found.again == {"credentials": 2, "import_keys": 1}
    assert found.missing == {"credentials": ["seaside/adyen"]}
    with restored(tmp_path, target) as vault:
        left = [
            asyncio.run(vault.credentials.read("seaside", one))
            for one in ("stripe", "adyen", "other")
        ]
        assert [bool(one) for one in left] == [False, False, True]
        assert [one.id for one in vault.import_keys.all()] == ["stays"]


def _set(vault, processor, value):
    said = replace(ASKED, action=Action.CREDENTIALS, detail=processor, product="seaside")
    asyncio.run(
        vault.credentials.put(
            "seaside", processor, {"secret_key": Secret(value)},
            entry=said, once=once(processor + value), answer=lambda made: b"",
        )
    )  # fmt: skip


def test_p35_a_link_that_was_used_or_withdrawn_opens_nothing(tmp_path, target) -> None:
    with collecting(tmp_path) as world:
        vault = world.vault
        for id in ("used", "revoked", "shown", "open"):
            links.keep(vault, links.link(id=id), Secret(id.ljust(32, "s")), once(id))
        back_up(vault, tmp_path)
        using = replace(ASKED, action=Action.LINK_USE, exchange="used")
        world.run(vault.links.used(using, lambda c: vault.links.use(c, "used", Secret(b"{}"))))
        revoking = replace(ASKED, action=Action.LINK_REVOKE, exchange="revoked")
        world.run(vault.links.revoke("revoked", links.MINE, revoking, once("revoke")))
        shown = replace(ASKED, action=Action.REVEAL, exchange="shown")
        world.run(vault.record([shown]))
        found = again(vault, tmp_path, target)
        assert found.again == {"page_links": 3}
        clock = world.clock
    with restored(tmp_path, target, clock=clock) as vault:
        states = [
            asyncio.run(vault.links.by_secret(Secret(id.ljust(32, "s")))).row.state
            for id in ("used", "revoked", "shown", "open")
        ]
        assert states == [LinkState.REVOKED] * 3 + [LinkState.OPEN]
        with pytest.raises(PageLinkOver):
            asyncio.run(
                vault.links.used(using, lambda c: vault.links.use(c, "used", Secret(b"{}")))
            )


@pytest.mark.parametrize("known", [True, False])
def test_no_sum_is_collected_twice(tmp_path, target, known) -> None:
    """What went on since is stopped; where nothing is known, all are."""
    with collecting(tmp_path) as world:
        first = world.collect(world.token(), link_hours=None)["id"]
        back_up(world.vault, tmp_path)
        world.go_on()
        assert world.state_of(first) == "succeeded"
        if known:
            found = again(world.vault, tmp_path, target)
        else:
            found = restore(tmp_path, target, lost=None, reason="x")
        assert found.again == {"stopped": 1}
        assert ("charges" in found.missing) == known
    with restored(tmp_path, target) as vault:
        one, history = asyncio.run(vault.collections.open(first))
        assert (one.row.state.value, one.row.due) == ("stopped", None)
        assert (history[-1].code, history[-1].actor) == ("restored", "gateway")


def test_charges_since_are_named_by_what_the_processor_knows_them_by(tmp_path, target) -> None:
    with collecting(tmp_path) as world:
        token = world.token()
        before = world.charge(token, reference="before", key="k1")["id"]
        back_up(world.vault, tmp_path)
        world.charge(token, reference="since", key="k2")
        found = again(world.vault, tmp_path, target)
        assert found.missing == {"charges": ["since"]}
        assert before


def test_an_expiry_that_changed_since_is_named(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        (kept,) = keep(vault, new())
        back_up(vault, tmp_path)
        changing = replace(ASKED, action=Action.CHANGE)
        asyncio.run(
            vault.cards.change_expiry(want(kept.token), LATER, changing, once("c"), alias_of)
        )
    assert restore(tmp_path, target).missing == {"expiries": [str(kept.token.iduser)]}


def test_cards_that_were_imported_since_are_named(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        back_up(vault, tmp_path)
        card = OldCard(parse_old("old-1"), new())
        by = replace(entry("run-1", Outcome.INTENT), action=Action.IMPORT)
        (made,) = vault.old_tokens.put([card], "pci-booking", by)
    assert restore(tmp_path, target).missing == {"cards": [str(made.token.iduser)]}


def test_what_is_lost_of_a_large_import_is_named_in_no_time() -> None:
    """Each once, and compared with no other: of a hundred thousand that would take minutes."""
    found, began = Replayed(), time.monotonic()
    for _ in range(2):
        for iduser in range(100_000):
            found.misses("cards", str(iduser))
    assert time.monotonic() - began < 15
    assert found.missing == {"cards": [str(iduser) for iduser in range(100_000)]}


# --- keys of the vault ------------------------------------------------------------------------------


def test_p23_keys_that_waited_at_the_backup_are_used_after_it(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        (kept, goes) = keep(vault, new(pan(1)), new(pan(2), at=booking("RES-2")))
        assert vault.rotation.add("alice")
        back_up(vault, tmp_path)
        assert vault.rotation.activate("alice").behind == ()
        forget(vault, goes.token)
    restore(tmp_path, target)
    with restored(tmp_path, target, sinks=[sink(tmp_path)]) as vault:
        assert find(vault, kept.token) is not None
        assert find(vault, goes.token) is None
        (same, fresh) = keep(vault, new(pan(1)), new(pan(3)), entries=[entry("x")] * 2)
        assert (same.token, fresh.created) == (kept.token, True)
        assert vault.audit.check().findings == []


def test_no_number_of_a_key_is_given_twice(tmp_path, target) -> None:
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        keep(vault, new())
        back_up(vault, tmp_path)
        assert vault.rotation.add("alice")
        with rows(tmp_path) as connection:
            (lost,) = connection.execute("SELECT max(id) FROM keyring").fetchone()
    restore(tmp_path, target)
    with restored(tmp_path, target) as vault:
        assert vault.rotation.add("bob")
    with outside(target) as connection:
        pending = "SELECT min(id) FROM keyring WHERE state = 'pending'"
        assert connection.execute(pending).fetchone()[0] > lost
