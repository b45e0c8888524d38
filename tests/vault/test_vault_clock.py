"""The machine's clock is set back by an hour or a day, and ahead by a year, while a vault is in use.

What must hold: a security code is given out neither after its end nor, held anew, long before it; the
audit is in the order in which it was written, and whole; a request counts once for a day of the clock at
most; whoever may do something alone for a while loses that, and then the first counts; no key is used
before all know it, whichever processes seem silent. What erases by itself does not believe a clock that
leapt ahead: `gateway/clock_guard.py`, and its tests.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.vault.cvcs import LONGEST
from tests.collections.world import collecting
from tests.vault import writes
from tests.vault.makers import NOON, Clock, entry, find_all, keep, many, new, opened, pan, rows
from tests.vault.rotating import BY, used
from tests.vault.test_vault_cards import add, once
from tests.vault.test_vault_claims import claim
from tests.vault.test_vault_cvc import END, MARK, count, held, shown, take
from tests.vault.test_vault_foreign import foreign, keep_foreign

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
JUMPS = [-HOUR, -DAY, YEAR]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vault(tmp_path, clock):
    with opened(tmp_path, clock=clock) as made:
        yield made


# --- the audit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
def test_p36_the_audit_stays_whole_and_in_the_order_of_its_writing(tmp_path, clock, vault, jump):
    """Two processes, one of whose clocks is right; and one that is started after, with a chain of its own."""
    right = Clock()
    with opened(tmp_path, clock=right) as other:
        for n in range(4):
            if n == 2:
                clock.now += jump
            keep(vault, new(pan(n)), entries=[entry(f"one-{n}", at=clock.now)])
            keep(other, new(pan(n)), entries=[entry(f"two-{n}", at=right.now)])
    with opened(tmp_path, clock=clock) as third:
        asyncio.run(third.record([entry("three", at=clock.now)]))
        report = third.audit.check()
        assert (report.findings, report.entries) == ([], 9)
        said = [row.entry.exchange for row in third.entries()]
    assert said == [f"{who}-{n}" for n in range(4) for who in ("one", "two")] + ["three"]


@pytest.mark.parametrize("jump", JUMPS)
def test_p36_no_entry_is_purged_that_is_not_twelve_months_old_by_the_clock(vault, clock, jump):
    asyncio.run(vault.record([entry(at=clock.now)]))
    clock.now += jump
    with pytest.raises(ValueError, match="twelve months"):
        vault.audit.purge(NOON + timedelta(seconds=1), entry(at=clock.now))
    assert len(vault.entries()) == 1


def test_the_audit_says_whether_the_gateway_ran(vault):
    def ran(at):
        return vault.audit.ran(at - 3 * DAY, at - DAY)

    assert ran(NOON)  # there was nothing before
    for days in range(40):
        asyncio.run(vault.record([entry(at=NOON + days * DAY)] * 3))
    last = NOON + 39 * DAY
    assert ran(NOON + HOUR)
    assert all(ran(NOON + hours * HOUR) for hours in range(1, 42 * 24))
    assert ran(last + 3 * DAY)
    assert not ran(last + 3 * DAY + HOUR)
    assert not ran(last + YEAR)


# --- security codes -------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
def test_p21_a_security_code_is_not_given_out_by_a_clock_that_jumped(tmp_path, vault, clock, jump):
    token = keep(vault, held())[0].token
    clock.now += jump
    assert shown(take(vault, token)) is None
    clock.now -= jump
    assert shown(take(vault, token)) is None, "taken, and given out later"


@pytest.mark.parametrize("jump", JUMPS)
def test_p21_what_a_jump_leaves_behind_is_erased_at_once(tmp_path, vault, clock, jump):
    keep(vault, held())
    assert vault.cvcs.purge(clock.now) == 0
    clock.now += jump
    assert vault.cvcs.purge(clock.now) == 1
    assert count(tmp_path) == 0


def test_p21_a_clock_that_is_corrected_by_seconds_loses_none(vault, clock):
    token = keep(vault, held())[0].token
    clock.now -= timedelta(seconds=30)
    assert vault.cvcs.purge(clock.now) == 0
    assert shown(take(vault, token)) == MARK


@pytest.mark.parametrize("jump", JUMPS)
def test_p21_what_was_not_sent_is_not_held_again_across_a_jump(tmp_path, vault, clock, jump):
    """Set back by a day, its end would be a day away."""
    found = take(vault, keep(vault, held())[0].token)
    clock.now += jump
    asyncio.run(vault.return_cvc(found))
    if jump == -HOUR:  # what is near enough to be an end is kept, for as long as any is held
        assert END - clock.now > LONGEST
    assert count(tmp_path) == 0


# --- what counts once -----------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
def test_p24_a_request_that_is_repeated_is_answered_as_it_was_once_the_clock_is_right(
    vault, clock, jump
):
    first = add(vault, with_=once())
    clock.now += jump
    if jump < timedelta(0):
        assert add(vault, with_=once()) == first
    clock.now -= jump
    assert add(vault, with_=once()) == first
    assert vault.count_by_product() == {"seaside": 1}


@pytest.mark.parametrize("jump", JUMPS)
def test_p25_of_two_who_ask_for_one_cards_token_the_first_counts(vault, clock, jump):
    iduser = keep(vault, new())[0].token.iduser
    assert claim(vault, iduser)
    clock.now += jump
    assert claim(vault, iduser, "two") == (jump > timedelta(0))  # its time is over by the clock
    assert keep_foreign(vault, iduser, b"first") == b"first"
    assert keep_foreign(vault, iduser, b"second") == b"first"
    assert foreign(vault, iduser) == b"first"


@pytest.mark.parametrize("jump", JUMPS)
def test_p24_a_charge_that_nobody_knows_the_end_of_is_asked_about_and_not_made_again(
    tmp_path, jump
):
    with collecting(tmp_path) as world:
        id = writes.left(world)
        world.clock.now += jump
        world.run(world.jobs.turn())
        world.clock.now += abs(jump) + HOUR
        world.run(world.jobs.turn())
        world.run(world.charges.check(id))
        asked = [name for name, _ in world.processor.asked]
        assert asked.count("debit") == 1
        assert "look" in asked
        assert world.vault.audit.check().findings == []


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
def test_p23_a_process_that_seems_silent_writes_under_no_old_key(tmp_path, clock, vault, jump):
    with opened(tmp_path, clock=Clock()) as other:
        other.watch.beat(NOON)
        assert vault.rotation.add(BY)
        clock.now += jump
        vault.watch.refresh()
        behind = vault.rotation.activate(BY).behind
        if jump < timedelta(0):  # it was seen, later than now: it is waited for
            assert behind == (other.watch.process,)
            other.watch.refresh()
            other.watch.beat(NOON)
            behind = vault.rotation.activate(BY).behind
        assert behind == ()
        tokens = [one.token for one in keep(other, *many(20), new())]
        current = used(tmp_path)
        with rows(tmp_path) as connection:
            found = connection.execute("SELECT DISTINCT substr(sealed, 2, 4) FROM card").fetchall()
        assert {int.from_bytes(one, "big") for (one,) in found} == {current["data"]}
        assert all(find_all(vault, tokens))
