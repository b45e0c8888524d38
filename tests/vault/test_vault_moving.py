"""A vault moves to another place while it is in use: nothing that was answered is lost, nothing is doubled."""

from __future__ import annotations

import os
import threading
import time

import pytest

from gateway.cards.token import parse_alias
from gateway.errors import ConfigurationError, VaultClosed
from gateway.vault.closing import Closed
from gateway.vault.moving import Phase
from tests import children
from tests.vault.makers import (
    booking,
    entry,
    find,
    find_all,
    keep,
    many,
    new,
    open_vault,
    opened,
    pan,
    place,
    rows,
)
from tests.vault.moving import Watching, both, everything, move, moved, once, opens, said, state
from tests.vault.outside import outside
from tests.vault.rotating import rotate

# --- it is the same vault -------------------------------------------------------------------------


@pytest.mark.pooled
def test_p25_the_vault_is_the_same_in_its_new_place(tmp_path, target):
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(300), entries=[entry() for _ in range(300)])
        newest = vault._database.read(lambda c: c.counters())
    went = move(tmp_path, target)
    assert went.proof.holds
    assert went.proof.audit_holds
    assert went.proof.tables["card"].rows == 300
    assert (state(place(tmp_path)), state(target)) == (Closed.MOVED, Closed.OPEN)
    assert said(target) == ["copy intent", "close intent", "move done"]
    assert said(place(tmp_path)) == ["copy intent", "close intent"]
    with moved(tmp_path, target) as vault:
        assert [one.token for one in keep(vault, *many(300))] == [one.token for one in kept]
        assert all(find_all(vault, (one.token for one in kept)))
        assert vault.count_by_product() == {"seaside": 300}
        keep(vault, *many(20, seed=2), entries=[entry("new") for _ in range(20)])
        assert vault.audit.check().findings == []
    with outside(target) as connection:
        connection.assert_sound()
        fresh = connection.execute("SELECT min(id) FROM audit WHERE exchange = 'new'").fetchone()
        assert fresh[0] > newest["audit"]
        assert connection.execute("SELECT count(DISTINCT id), count(*) FROM link").fetchone() == (
            320,
            320,
        )


@pytest.mark.pooled
def test_p27_who_has_the_old_place_open_writes_nothing_and_is_told_why(tmp_path, target):
    with opened(tmp_path) as asleep:
        (kept,) = keep(asleep, new())
        move(tmp_path, target)
        for work in (
            lambda: keep(asleep, new(pan(2))),
            lambda: find(asleep, kept.token, entries=[entry()]),
            asleep.check,
        ):
            with pytest.raises(VaultClosed) as refused:
                work()
            assert (refused.value.code, refused.value.status) == ("vault_closed", 503)
            assert refused.value.retry_after
            assert "moved to another place" in refused.value.why
    with pytest.raises(VaultClosed, match="vault_closed"):
        open_vault(tmp_path)
    with moved(tmp_path, target) as vault:
        assert find(vault, kept.token)


def test_while_its_last_rows_are_copied_it_is_read_and_not_written(tmp_path, target):
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
        seen = []

        def look():
            with pytest.raises(VaultClosed) as refused:
                keep(vault, new(pan(2)))
            seen.append(refused.value.why)
            assert find(vault, kept.token)  # as nothing is recorded of it
            assert not opens(target, tmp_path)

        watching = Watching(last=look, verify=look)
        move(tmp_path, target, watcher=watching)
    assert len(seen) == 2
    assert "card-gateway vault migrate" in seen[0]
    assert watching.phases == [
        Phase.COPY,
        Phase.CHECK,
        Phase.NOTICE,
        Phase.CLOSE,
        Phase.LAST,
        Phase.VERIFY,
        Phase.OPEN,
    ]


@pytest.mark.pooled
def test_what_came_changed_and_went_during_the_passes_is_so_in_the_new_place(tmp_path, target):
    with opened(tmp_path) as vault:
        stays, goes = keep(vault, new(pan(1)), new(pan(2), at=booking("RES-2")))
        came = []

        def meanwhile():
            with rows(tmp_path) as connection:
                connection.with_cascades().execute(
                    "DELETE FROM card WHERE iduser = ?", (goes.token.iduser,)
                )
            came.extend(keep(vault, new(pan(3)), entries=[entry()]))
            rotate(vault)
            came.extend(keep(vault, new(pan(4)), entries=[entry()]))

        went = move(tmp_path, target, step=once("move_begin:answer", meanwhile))
    assert went.proof.holds
    with moved(tmp_path, target) as vault:
        found = [bool(find(vault, one.token)) for one in (stays, goes, *came)]
        assert found == [True, False, True, True]
        assert vault.audit.check().findings == []
    with outside(target) as connection:
        assert connection.execute(
            "SELECT count(*) FROM card WHERE iduser = ?", (goes.token.iduser,)
        ).fetchone() == (0,)


@pytest.mark.pooled
def test_p24_what_had_begun_when_it_was_closed_is_answered_and_moved(tmp_path, target):
    """On PostgreSQL it may commit behind the closing; on SQLite the closing waits for it."""
    with opened(tmp_path) as vault:
        keep(vault, new(), entries=[entry()])  # it is a writer of the audit's from here on
        begun, go_on, kept = threading.Event(), threading.Event(), []

        def slow(_):
            begun.set()
            go_on.wait(0.7)

        def write():
            kept.extend(keep(vault, new(pan(7)), answer=slow))

        writing = threading.Thread(target=write)

        def begin():
            writing.start()
            assert begun.wait(5)

        try:
            move(tmp_path, target, watcher=Watching(copy=begin))
        finally:
            go_on.set()
            writing.join()
    with moved(tmp_path, target) as vault:
        assert find(vault, kept[0].token)


# --- while others write ---------------------------------------------------------------------------


@pytest.mark.pooled
def test_p24_p25_nothing_that_was_answered_while_it_moved_is_lost_or_doubled(tmp_path, other):
    """Thousands of cards, and another process that keeps and forgets some all the time."""
    with opened(tmp_path) as vault:
        before = {one.token.alias: n for n, one in enumerate(keep(vault, *many(3000)))}
        digits = {
            alias: card.card.pan.reveal() for alias, card in zip(before, many(3000), strict=True)
        }
    with (tmp_path / "log").open("w+b") as log:
        child = children.start(
            "tests.vault.moving", str(tmp_path), "7", env=dict(os.environ), stderr=log
        )
        lines = []

        def read():
            with child.stdout:
                lines.extend(line.split() for line in child.stdout)

        reading = threading.Thread(target=read)
        reading.start()
        try:
            until = time.monotonic() + 30
            while len(lines) < 20 and time.monotonic() < until:
                time.sleep(0.01)
            went = move(tmp_path, other)
            code = child.wait(30)
        finally:
            child.kill()
            reading.join()
        log.seek(0)
        assert code == 0, log.read()
    assert went.proof.holds
    assert len(went.passes) >= 2
    assert lines[-1] == ["moved"]
    going = {line[1] for line in lines if line[0] == "going"}
    gone = {line[1] for line in lines if line[0] == "gone"}
    for number, alias in (line[1:] for line in lines if line[0] == "kept"):
        assert digits.setdefault(alias, pan(int(number))) == pan(int(number))
    assert len(gone) > 2
    with moved(tmp_path, other) as vault:
        there = find_all(vault, map(parse_alias, digits))
        for (alias, number), found in zip(digits.items(), there, strict=True):
            if alias in gone:
                assert found is None
            elif alias not in going:
                assert found.card.pan.reveal() == number
        assert vault.audit.check().findings == []
    with outside(other) as connection:
        connection.assert_sound()
        assert connection.execute("SELECT count(*), count(DISTINCT look_up) FROM card").fetchone() == (
            went.proof.tables["card"].rows, went.proof.tables["card"].rows,
        )  # fmt: skip


# --- several at once ------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["move_begin:answer", "move:closed", "move:copied"])
def test_p24_a_run_that_slept_changes_nothing_once_another_one_has_moved_it(tmp_path, target, at):
    with opened(tmp_path) as vault:
        kept = keep(vault, *many(30))
    after = []

    def another():
        assert move(tmp_path, target, run="another").proof.holds
        with moved(tmp_path, target) as vault:
            kept.extend(keep(vault, new(pan(1))))
        after.append(everything(target))

    asleep = once(at, another)
    if at == "move:copied":  # it finds more than there was
        assert not move(tmp_path, target, run="asleep", step=asleep).proof.holds
    else:
        with pytest.raises(ConfigurationError, match="another run fills this place"):
            move(tmp_path, target, run="asleep", step=asleep)
    assert everything(target) == after[0]
    assert state(place(tmp_path)) is Closed.MOVED
    with moved(tmp_path, target) as vault:
        assert all(find_all(vault, (one.token for one in kept)))


def test_p24_who_was_given_up_does_not_leave_what_is_in_use(tmp_path, target):
    """Between the proof and the last step somebody opens the source again, and it is written to."""
    with opened(tmp_path) as vault:
        keep(vault, *many(3))

        def give_up():
            with both(tmp_path, target, run="another") as (leaving, _):
                assert leaving.reopen(whoever_closed=True)
            keep(vault, new(pan(1)))

        with pytest.raises(ConfigurationError, match="opened this vault meanwhile"):
            move(tmp_path, target, step=once("move:proven", give_up))
        keep(vault, new(pan(2)))
    assert not opens(target, tmp_path)
    assert move(tmp_path, target).proof.tables["card"].rows == 5
