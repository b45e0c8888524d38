"""P23: new keys are known everywhere before they are used, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit import COMMAND_LINE, Action
from gateway.errors import CardExists, RecordDamaged, VaultUnavailable
from gateway.secret import Secret
from gateway.vault import key_rows
from gateway.vault.kek.file import KekFile
from gateway.vault.kek_move import move
from gateway.vault.key_rows import KeyEvent
from gateway.vault.keyring import Purpose, State
from gateway.vault.keyring_watch import SILENT
from gateway.vault.model import Wanted
from gateway.vault.records import card_place
from gateway.vault.sealed_tables import CHECKED, ROTATED, STAY, USES
from tests.vault.makers import (
    AUGUST,
    NOON,
    Clock,
    answer,
    find,
    find_all,
    get,
    get_refused,
    keep,
    many,
    new,
    open_vault,
    opened,
    pan,
    place,
    quarantine,
    rows,
)
from tests.vault.old_vaults import VERSIONS
from tests.vault.outside import REFUSED
from tests.vault.rotating import BY, opened_all, renew, rotate, under, used
from tests.vault.test_vault_cards import ASKED, LATER, add, alias_of, once, want
from tests.vault.test_vault_foreign import foreign

DAY = timedelta(days=2)


# --- a token stays what it is ---------------------------------------------------------------------


def test_p25_a_card_keeps_its_token_during_and_after_a_rotation(tmp_path):
    with opened(tmp_path) as vault:
        before = keep(vault, *many(30))
        tokens = [one.token for one in before]
        steps = [
            lambda: vault.rotation.add(BY),
            lambda: vault.rotation.activate(BY),
            lambda: vault.rewrap.run(BY),
            lambda: vault.rotation.retire(BY),
        ]
        for step in steps:
            step()
            again = keep(vault, *many(30))
            assert [one.token for one in again] == tokens
            assert not any(one.created for one in again)
            assert all(find_all(vault, tokens))
        assert vault.count_by_product() == {"seaside": 30}


def test_p23_whoever_slept_all_the_time_goes_on_under_the_new_keys(tmp_path):
    with opened(tmp_path) as awake, opened(tmp_path) as asleep:
        kept = keep(asleep, new())[0]
        before = used(tmp_path)
        assert renew(awake) == {Purpose.AUDIT}
        assert keep(asleep, new())[0] == kept._replace(created=False)
        assert find(asleep, kept.token).card.pan.reveal() == new().card.pan.reveal()
        keep(asleep, new(pan(1)), *many(240))
        now = used(tmp_path)
        assert {one for one in Purpose if now[one] != before[one]} == set(ROTATED)
        assert under(tmp_path, "card") == {now[Purpose.DATA]}
        assert under(tmp_path, "card", "look_up") == {now[Purpose.LOOK_UP]}
        assert under(tmp_path, "link") == {now[Purpose.DATA]}


def test_p23_whoever_slept_reads_first_and_finds(tmp_path):
    """A look reads no row of the keyring before it, as a write does."""
    with opened(tmp_path) as awake, opened(tmp_path) as asleep:
        kept = keep(awake, new(), answer=lambda _: answer())[0]
        quarantine(awake, answer("refused"))
        renew(awake)
        assert find(asleep, kept.token) is not None
    with opened(tmp_path) as awake, opened(tmp_path) as asleep:
        renew(awake)
        assert get(asleep).body == get_refused(asleep, "refused").body == b"<a/>"


def test_p23_what_was_planned_before_the_keys_changed_is_planned_again(tmp_path):
    """A large message is sealed beside the writer, and committed later."""
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        calls = []

        def slow(_):
            if not calls:
                renew(other)
            calls.append(1)
            return answer()

        cards = many(240)
        kept = keep(vault, *cards, answer=slow)
        assert len(calls) == 2
        assert under(tmp_path, "card") == {used(tmp_path)[Purpose.DATA]}
        assert under(tmp_path, "answer_body") == {used(tmp_path)[Purpose.SPOOL]}
        assert keep(other, *cards) == [one._replace(created=False) for one in kept]


def test_p23_a_refused_answer_that_was_sealed_before_is_sealed_again(tmp_path, monkeypatch):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        run = vault._aside.run

        async def slow(work):
            made = await run(work)
            if vault.rotation.history()[-1].event is not KeyEvent.RETIRED:
                renew(other)
            return made

        monkeypatch.setattr(vault._aside, "run", slow)
        quarantine(vault, answer())
        assert under(tmp_path, "answer_body") == {used(tmp_path)[Purpose.QUARANTINE]}
        assert get_refused(other) is not None


def test_p25_an_expiry_does_not_become_that_of_a_card_filed_under_an_old_key(tmp_path):
    with opened(tmp_path, clock=Clock()) as vault:
        keep(vault, replace(new(), card=replace(new().card, expiry=LATER)))
        kept = keep(vault, new())[0]
        rotate(vault)
        with pytest.raises(CardExists):
            asyncio.run(vault.cards.change_expiry(want(kept.token), LATER, ASKED, None, alias_of))


def test_p24_a_request_is_answered_the_same_under_another_key(tmp_path):
    with opened(tmp_path, clock=(clock := Clock())) as vault:
        first = add(vault, with_=once("add"))
        rotate(vault)
        assert add(vault, with_=once("add")) == first
        assert Purpose.IDEMPOTENCY in {key.purpose for key in vault.rotation.retire(BY).needed}
        clock.now += DAY
        vault.idempotency.purge(clock.now)
        assert Purpose.IDEMPOTENCY in {key.purpose for key in vault.rotation.retire(BY).keys}


def test_p25_a_processors_token_is_kept_for_a_card_filed_under_an_old_key(tmp_path):
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
        found = find(vault, kept.token)
        rotate(vault)
        issued = Secret(b"issued")
        kept_for = vault.foreign.keep(kept.token.iduser, "seaside", "paycomet", issued, found)
        assert asyncio.run(kept_for).reveal() == b"issued"
        assert foreign(vault, kept.token.iduser) is not None


@pytest.mark.pooled
def test_p25_many_at_once_give_one_token_while_keys_come_and_go(tmp_path):
    cards = many(60)
    tokens, stop, failed = [], threading.Event(), []

    def poll(vault, share):
        while not stop.is_set():
            try:
                tokens.append([one.token for one in keep(vault, *share)])
            except Exception as error:  # whatever it is, the test shows it
                failed.append(repr(error))
                return

    vaults = [open_vault(tmp_path, busy_seconds=60) for _ in range(4)]
    shares = [cards[:12], cards[:12], cards, cards]
    threads = [
        threading.Thread(target=poll, args=pair) for pair in zip(vaults[:4], shares, strict=True)
    ]
    with opened(tmp_path, busy_seconds=60) as rotating:
        for thread in threads:
            thread.start()
        for _ in range(3):
            renew(rotating)
        stop.set()
        for thread in threads:
            thread.join()
        assert failed == []
        assert {tuple(one[:12]) for one in tokens} == {tuple(tokens[0][:12])}
        assert rotating.count_by_product() == {"seaside": 60}
        assert rotating.audit.check().findings == []
    for vault in vaults:
        vault.close()


# --- known before used ----------------------------------------------------------------------------


@pytest.mark.pooled
def test_p23_no_key_is_used_before_all_who_serve_have_it(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as one, opened(tmp_path, clock=clock) as other:
        for vault in (one, other):
            vault.watch.beat(clock.now)
        added = one.rotation.add(BY)
        assert {key.state for key in added} == {State.PENDING}
        one.watch.refresh()
        one.watch.beat(clock.now)
        assert one.rotation.activate(BY).behind == (other.watch.process,)
        assert one.rotation.behind() == [other.watch.process]
        assert len(one.rotation.waiting()) == len(ROTATED)
        other.watch.refresh()
        other.watch.beat(clock.now)
        assert len(one.rotation.activate(BY).keys) == len(ROTATED)


def test_p23_whoever_is_silent_is_not_waited_for(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as one, opened(tmp_path, clock=clock) as dead:
        dead.watch.beat(clock.now)
        one.rotation.add(BY)
        clock.now += SILENT
        assert one.rotation.activate(BY).behind == (dead.watch.process,)
        clock.now += timedelta(seconds=1)
        assert one.rotation.activate(BY).keys


def test_p23_a_second_rotation_goes_on_with_the_keys_that_wait(tmp_path):
    with opened(tmp_path) as vault:
        first = vault.rotation.add(BY)
        assert vault.rotation.add(BY) == first
        assert vault.rotation.activate(BY).keys == tuple(first)
        assert vault.rotation.activate(BY).keys == ()


def test_p23_a_key_that_the_kek_at_hand_does_not_open_is_not_said_to_be_known(tmp_path):
    """The KEK was moved after this process had started, to one that it was not told of."""
    clock, following = Clock(), KekFile(tmp_path / "next")
    with opened(tmp_path, clock=clock) as old:
        kept = keep(old, new())[0]
        move(place(tmp_path), KekFile(tmp_path / "kek"), following, NOON)
        new_one = open_vault(tmp_path, clock=clock, next_kek=following)
        new_one.rotation.add(BY)
        assert (
            keep(old, new())[0].token == kept.token
        )  # it goes on: nothing is used that it has not
        with pytest.raises(VaultUnavailable):
            old.watch.refresh()
        old.watch.beat(clock.now)
        assert new_one.rotation.activate(BY).behind == (old.watch.process,)
        clock.now += 2 * SILENT
        assert new_one.rotation.activate(BY).keys
        # What it would write nobody could open: it writes nothing, and says so.
        with pytest.raises(VaultUnavailable):
            keep(old, new(pan(1)))
        fresh = keep(new_one, new(pan(2)))[0]
        with pytest.raises(VaultUnavailable):
            find(old, fresh.token)
        new_one.close()
    with opened(tmp_path, next_kek=following) as vault:
        assert find(vault, fresh.token) is not None


def test_p23_whoever_was_told_of_the_next_kek_fetches_it(tmp_path):
    following = KekFile(tmp_path / "next")
    with opened(tmp_path, next_kek=following) as old:
        kept = keep(old, new())[0]
        move(place(tmp_path), KekFile(tmp_path / "kek"), following, NOON)
        with opened(tmp_path, next_kek=following) as other:
            renew(other)
        with pytest.raises(VaultUnavailable):
            keep(old, new())
        old.watch.refresh()
        assert keep(old, new())[0].token == kept.token


def test_p22_no_key_is_added_under_a_kek_that_was_moved_away(tmp_path, monkeypatch):
    following = KekFile(tmp_path / "next")
    with opened(tmp_path) as vault:
        refresh = vault.watch.refresh

        def then_moved():
            refresh()
            move(place(tmp_path), KekFile(tmp_path / "kek"), following, NOON)

        monkeypatch.setattr(vault.watch, "refresh", then_moved)
        with pytest.raises(RecordDamaged):
            vault.rotation.add(BY)
    with opened(tmp_path, next_kek=following) as vault:
        assert vault.rotation.waiting() == []


def test_p25_a_gateway_that_knows_nothing_of_it_files_no_card_twice(tmp_path, monkeypatch):
    """Of version 15, say, and running since before: it reads no keyring again."""
    with opened(tmp_path) as vault, opened(tmp_path) as old:
        kept = keep(vault, new())[0]
        monkeypatch.setattr(old.watch, "check", lambda _: None)
        renew(vault)
        for cards in ([new()], [new(pan(1))], many(40)):
            with pytest.raises(VaultUnavailable):
                keep(old, *cards)
        assert vault.count_by_product() == {"seaside": 1}
        assert keep(vault, new())[0].token == kept.token


def test_p23_what_was_rolled_back_is_not_taken_for_what_came_after(tmp_path):
    names = set()
    with opened(tmp_path) as vault:
        for _ in range(3):
            rotate(vault)
            names.add(vault._database.read(key_rows.version))
        assert len(names) == 3
        assert all(len(name) == 32 for name in names)


# --- every record, under the keys in use -----------------------------------------------------------


@pytest.mark.sqlite_alone("a vault from before there was PostgreSQL")
def test_p24_every_sealed_row_of_an_old_vault_is_sealed_anew_and_says_the_same(tmp_path):
    VERSIONS[-1].restore(tmp_path)
    with opened(tmp_path) as vault:
        before = opened_all(vault)
        rotate(vault)
        counted = vault.rewrap.left()
        done = vault.rewrap.run(BY)
        assert done.damaged == []
        assert done.rows == counted == {name: len(all) for name, all in before.items() if all}
        assert vault.rewrap.left() == {}
        assert opened_all(vault) == before
        vault.idempotency.purge(datetime(3000, 1, 1, tzinfo=UTC))
        vault.cvcs.purge(datetime(3000, 1, 1, tzinfo=UTC))
        assert {key.purpose for key in vault.rotation.retire(BY).needed} == CHECKED
    with opened(tmp_path) as vault:
        assert opened_all(vault) == before
    for purpose, columns in USES.items():
        for column in columns:
            names = under(tmp_path, column.table, column.name)
            assert names <= {used(tmp_path)[purpose], used(tmp_path)[Purpose.SPOOL],
                             used(tmp_path)[Purpose.QUARANTINE]}  # fmt: skip


@pytest.mark.sqlite_alone("a vault from before there was PostgreSQL")
def test_every_table_is_in_the_old_vault_that_this_is_shown_with(tmp_path):
    VERSIONS[-1].restore(tmp_path)
    with opened(tmp_path) as vault:
        assert {name for name, all in opened_all(vault).items() if not all} <= {
            "viewer", "stub", "stub_booking", "import_key", "digit_token",
        }  # fmt: skip


def test_p23_every_column_that_names_a_key_is_looked_at_before_one_goes(tmp_path):
    with opened(tmp_path):
        pass
    with rows(tmp_path) as connection:
        sealed = connection.blobs()
    named = {(column.table, column.name) for columns in USES.values() for column in columns}
    # Hashes of bookings, of other vaults' tokens and of the audit stay; the others are no names of our keys.
    others = {
        ("keyring", "wrapped"), ("audit", "hash"), ("audit_anchor", "hash"), ("api_key", "hash"),
        ("link", "booking_hash"), ("charge", "booking"), ("charge_consumed", "booking"),
        ("collection", "booking"), ("answer", "poll"), ("page_link", "secret"),
        ("stub_booking", "booking_hash"), ("old_token", "hash"), ("old_token", "bound"),
    }  # fmt: skip
    assert sealed - {("audit_head", "hash")} == named | others  # a note of the audit
    assert set(USES) | CHECKED | STAY == set(Purpose)
    assert not (set(USES) & (CHECKED | STAY))


@pytest.mark.pooled
def test_p24_a_row_that_is_changed_meanwhile_is_as_it_was_changed(tmp_path, monkeypatch):
    with opened(tmp_path) as vault, opened(tmp_path) as gateway:
        kept = keep(vault, new())[0]
        rotate(vault)
        write = vault.rewrap._write
        changed = []

        def slow(table, *more):
            if table.name == "link" and not changed:
                changed.append(keep(gateway, new(holder="Ada Changed"))[0])
            return write(table, *more)

        monkeypatch.setattr(vault.rewrap, "_write", slow)
        done = vault.rewrap.run(BY)
        assert changed[0].token == kept.token
        assert done.rows == {"card": 1, "link": 0}
        assert vault.rewrap.left() == {}
        assert find(vault, kept.token).card.holder.reveal() == "Ada Changed"


@pytest.mark.pooled
def test_p23_keys_that_change_in_the_middle_are_the_ones_in_the_end(tmp_path, monkeypatch):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        keep(vault, *many(30))
        rotate(vault)
        portion = vault.rewrap._portion
        calls = []

        def slow(*more):
            found = portion(*more)
            calls.append(1)
            if len(calls) == 1:
                rotate(other)
            return found

        monkeypatch.setattr(vault.rewrap, "_portion", slow)
        vault.rewrap.run(BY)
        assert vault.rewrap.left() == {}
        assert under(tmp_path, "card") == {used(tmp_path)[Purpose.DATA]}


def test_p18_a_record_that_does_not_open_is_named_and_its_key_stays(tmp_path):
    with opened(tmp_path) as vault:
        good, bad = keep(vault, new(), new(pan(1)))
        with rows(tmp_path) as connection:
            (sealed,) = connection.execute(
                "SELECT sealed FROM card WHERE iduser = ?", (bad.token.iduser,)
            ).fetchone()
            flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
            connection.execute("UPDATE card SET sealed = ? WHERE sealed = ?", (flipped, sealed))
        rotate(vault)
        done = vault.rewrap.run(BY)
        assert [(one.table, one.key) for one in done.damaged] == [("card", "2")]
        needed = {key.purpose for key in vault.rotation.retire(BY).needed}
        assert needed == {Purpose.DATA, Purpose.LOOK_UP, Purpose.TOKENUSER, Purpose.AUDIT}
        assert find(vault, good.token) is not None
        with pytest.raises(RecordDamaged):
            find(vault, bad.token)


def test_p24_a_card_that_stands_twice_holds_nobody_up(tmp_path):
    """No gateway files one twice; whoever can write the database can."""
    with opened(tmp_path) as vault:
        keep(vault, new(), new(pan(1)), new(pan(2)))
        rotate(vault)
        vault.watch.refresh()
        twin = vault.watch.keyring.look_up.digest(
            b"seaside", b"test", pan(1).encode(), str(AUGUST).encode()
        )
        with rows(tmp_path) as connection:
            connection.execute("UPDATE card SET look_up = ? WHERE id = 3", (twin,))
        done = vault.rewrap.run(BY)
        assert [(one.table, one.key) for one in done.damaged] == [("card", "2")]
        assert vault.rewrap.left() == {"card": 1}


# --- the end of a key -----------------------------------------------------------------------------


def test_p23_a_key_goes_only_when_nothing_is_left_under_it(tmp_path):
    with opened(tmp_path) as vault:
        kept = keep(vault, new())[0]
        rotate(vault)
        needed = {key.purpose for key in vault.rotation.retire(BY).needed}
        assert needed == {Purpose.DATA, Purpose.LOOK_UP, Purpose.TOKENUSER, Purpose.AUDIT}
        vault.rewrap.run(BY)
        gone = vault.rotation.retire(BY).keys
        assert {key.purpose for key in gone} == needed - {Purpose.AUDIT}
        with rows(tmp_path) as connection:
            stand = {one.id: one.wrapped for one in key_rows.read(connection)}
        assert not {key.id for key in gone} & stand.keys()
        assert vault.rotation.retire(BY).keys == ()
    with opened(tmp_path) as vault:
        assert find(vault, kept.token) is not None
        assert vault.audit.check().findings == []


@pytest.mark.sqlite_alone("it looks into SQLite's files")
def test_p23_of_a_key_that_went_no_byte_is_left(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
        rotate(vault)
        vault.rewrap.run(BY)
        gone = vault.rotation.retire(BY).keys
        assert gone
    for file in (tmp_path / "state").iterdir():
        assert not any(key.wrapped in file.read_bytes() for key in gone), file


def test_p36_each_step_of_a_key_is_in_the_audit_and_its_history_stays(tmp_path):
    with opened(tmp_path, clock=Clock()) as vault:
        first = len(Purpose)
        assert {(one.event, one.actor) for one in vault.rotation.history()} == {
            ("created", ""), ("activated", ""),
        }  # fmt: skip
        vault.rotation.add(COMMAND_LINE, [Purpose.DATA])
        vault.rotation.activate(COMMAND_LINE)
        vault.rewrap.run(COMMAND_LINE)
        vault.rotation.retire(COMMAND_LINE)
        said = [one.entry for one in vault.entries()]
        assert [(one.action, one.subject, one.detail, one.origin) for one in said] == [
            (Action.VAULT_KEY_CREATE, str(first + 1), "data", COMMAND_LINE),
            (Action.VAULT_KEY_ACTIVATE, str(first + 1), "data", COMMAND_LINE),
            (Action.VAULT_REWRAP, "", "", COMMAND_LINE),
            (Action.VAULT_REWRAP, "", "", COMMAND_LINE),
            (Action.VAULT_KEY_RETIRE, "1", "data", COMMAND_LINE),
        ]
        mine = [(one.key, one.event) for one in vault.rotation.history() if one.actor]
        assert mine == [(first + 1, "created"), (first + 1, "activated"), (1, "retired")]
        assert all(one.at == NOON for one in vault.rotation.history())
    with rows(tmp_path) as connection:
        for statement in ("DELETE FROM key_event", "UPDATE key_event SET actor = 'nobody'"):
            with pytest.raises(REFUSED, match=r"not rewritten|append only"):
                connection.execute(statement)


def test_no_id_is_used_twice(tmp_path):
    with opened(tmp_path) as vault:
        for _ in range(3):
            renew(vault)
        created = [one.key for one in vault.rotation.history() if one.event is KeyEvent.CREATED]
        assert created == list(range(1, len(created) + 1))


# --- the audit ------------------------------------------------------------------------------------


def test_p36_the_audits_chain_goes_on_under_the_new_key_and_names_what_was_before(tmp_path):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        for one in (vault, other):
            keep(one, new(), entries=[replace(ASKED, exchange="before")])
        rotate(vault)
        for one in (vault, other):
            keep(one, new(), entries=[replace(ASKED, exchange="after")])
        assert vault.audit.check().findings == other.audit.check().findings == []
        now = used(tmp_path)[Purpose.AUDIT]
        with rows(tmp_path) as connection:
            found = connection.execute(
                "SELECT writer, substr(hash, 1, 4) FROM audit ORDER BY id"
            ).fetchall()
        under_new = [int.from_bytes(key, "big") == now for _, key in found]
        # Up to the entries of the rotation itself they are under the old key.
        assert under_new == [False] * (2 + 2 * len(ROTATED)) + [True, True]
        assert len({writer for writer, _ in found}) == 4
    with opened(tmp_path) as vault:
        assert vault.audit.check().findings == []


def test_p36_with_an_old_key_alone_nobody_makes_up_an_entry(tmp_path, monkeypatch):
    """Whoever has it, and can write the database, goes on in an old chain, or begins one."""
    with opened(tmp_path) as vault, opened(tmp_path) as attacker:
        keep(vault, new(), entries=[ASKED])
        keep(attacker, new(), entries=[ASKED])
        monkeypatch.setattr(attacker.watch, "check", lambda _: None)
        rotate(vault)
        keep(vault, new(), entries=[ASKED])
        last = vault.entries()[-1].id
        asyncio.run(attacker.record([ASKED]))  # in its old chain
        journal = attacker._database._journal
        journal._head = journal._durable = None
        asyncio.run(attacker.record([ASKED]))  # in a new one, behind an anchor of its own
        found = vault.audit.check().findings
        assert [(one.fault, one.first, one.last) for one in found] == [
            ("anchor_changed", 4, 4),
            ("changed", last + 1, last + 2),
        ]


def test_what_was_read_just_before_its_key_went_is_not_damaged(tmp_path):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        token = keep(vault, new())[0].token
        read = vault._store.found([token.iduser])[token.iduser]
        where = card_place("seaside", token.iduser, test=True)
        wanted = Wanted(token, frozenset({"seaside"}))
        for still in (True, False):
            renew(other)
            vault.watch.refresh()
            assert (vault._finding._resolver.permitted(wanted, read) is not None) == still
            with nullcontext() if still else pytest.raises(RecordDamaged):
                vault.watch.keyring.sealer.open(read[0].sealed, where)
