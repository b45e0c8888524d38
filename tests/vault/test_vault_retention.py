"""What is kept, how long: links by their departure, cards with the last of theirs, stubs after both."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.cards.token import Token
from gateway.errors import CardGone, NoSuchToken, RecordDamaged
from gateway.vault.model import Wanted
from gateway.vault.retention import Overdue, Purged
from gateway.vault.terms import Retention, Terms
from tests.vault.makers import Clock, booking, find, keep, new, opened, pan, rows

DAY = timedelta(days=1)
TERMS = Terms(30 * DAY, 90 * DAY, 540 * DAY, 1095 * DAY)
RULE = Retention({}, TERMS)
LEFT = date(2026, 4, 1)
DUE = datetime(2026, 5, 1, tzinfo=UTC)  # the thirtieth day after
BY = Entry(DUE, "", Action.PURGE, Outcome.DONE, origin="gateway")
SHOW = Entry(DUE, "e", Action.SHOW, Outcome.INTENT, "pms")


def purge(vault, at=DUE, rule=RULE):
    return vault.retention.purge(rule, at, BY)


def want(token, *products):
    return Wanted(token, frozenset(products or ("seaside",)))


def stub(vault, token, *products, client="pms"):
    return asyncio.run(vault.stubs.show(want(token, *products), client))


def count(directory, *tables):
    with rows(directory) as connection:
        return [connection.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in tables]


def purged(vault):
    entries = [recorded.entry for recorded in vault.entries()]
    return [(e.iduser, e.subject, e.product) for e in entries if e.action is Action.PURGE]


def test_a_card_goes_so_many_days_after_the_departure(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        assert purge(vault, DUE - timedelta(seconds=1)) == Purged()
        assert find(vault, token) is not None
        assert vault.retention.overdue(RULE, DUE) == {"seaside": Overdue(1, 1)}
        assert purge(vault) == Purged(links=1, cards=1)
        assert find(vault, token) is None
        assert vault.retention.overdue(RULE, DUE) == {}
        assert vault.count_by_product() == {}
        assert count(tmp_path, "card", "link") == [0, 0]
        assert purged(vault) == [(token.iduser, "", "seaside")]
        assert purge(vault) == Purged()


def test_a_card_that_another_booking_holds_stays_until_that_goes(tmp_path):
    with opened(tmp_path) as vault:
        later = booking("RES-2", departure=LEFT + DAY)
        token = keep(vault, new(), new(at=later))[0].token
        with rows(tmp_path) as connection:
            (hashed,) = connection.execute("SELECT booking_hash FROM link ORDER BY id").fetchone()
        assert purge(vault) == Purged(links=1)
        found = find(vault, token)
        assert found.booking == later
        assert purge(vault, DUE + DAY) == Purged(links=1, cards=1)
        assert find(vault, token) is None
        assert purged(vault) == [
            (token.iduser, hashed.hex(), "seaside"), (token.iduser, "", "seaside"),
        ]  # fmt: skip
        assert [one.booking_id for one in stub(vault, token).bookings] == ["RES-1", "RES-2"]


def test_a_changed_departure_counts_anew(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        keep(vault, new(at=booking(departure=LEFT + 7 * DAY)))
        assert purge(vault, DUE + 6 * DAY) == Purged()
        keep(vault, new(at=booking(departure=LEFT - 7 * DAY)))
        assert purge(vault, DUE - 8 * DAY) == Purged()
        assert purge(vault, DUE - 7 * DAY) == Purged(1, 1)
        assert find(vault, token) is None


def test_without_a_departure_it_counts_from_when_the_card_came_last(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, new(at=booking(departure=None)))
        end = clock.now + TERMS.without_departure
        assert purge(vault, end - timedelta(seconds=1)) == Purged()
        clock.now += 10 * DAY
        keep(vault, new(at=booking(departure=None)))
        assert purge(vault, end) == Purged()
        assert purge(vault, end + 10 * DAY) == Purged(1, 1)


NEVER = date(9999, 12, 31)


@pytest.mark.parametrize("ahead", [NEVER, Clock().now.date() + TERMS.farthest_departure + 2 * DAY])
def test_a_departure_beyond_belief_counts_as_none(tmp_path, ahead):
    """PCI DSS 3.2.1: a partner's placeholder keeps no card for good."""
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        token = keep(vault, new(at=booking(departure=ahead)))[0].token
        keep(vault, new(pan(1), at=booking("RES-2", departure=NEVER), product="city"))
        rule = Retention({"city": replace(TERMS, without_departure=365 * DAY)}, TERMS)
        end = clock.now + TERMS.without_departure
        if ahead < NEVER:
            end -= 89 * DAY
            rule = Retention(rule.products, replace(TERMS, without_departure=DAY))
        assert vault.retention.unbelieved(rule, clock.now) == {"city": 1, "seaside": 1}
        assert purge(vault, end - timedelta(seconds=1), rule) == Purged()
        assert vault.retention.overdue(rule, end)["seaside"] == Overdue(1, 1)
        assert purge(vault, end, rule) == Purged(1, 1)
        assert find(vault, token) is None
        assert stub(vault, token).bookings[0].departure == ahead  # as it was said
        assert vault.retention.unbelieved(rule, end) == {"city": 1}


def test_a_departure_that_comes_within_belief_counts(tmp_path):
    clock = Clock()
    ahead = clock.now.date() + TERMS.farthest_departure + DAY
    with opened(tmp_path, clock=clock) as vault:
        token = keep(vault, new(at=booking(departure=ahead)))[0].token
        assert vault.retention.unbelieved(RULE, clock.now) == {"seaside": 1}
        assert vault.retention.unbelieved(RULE, clock.now + DAY) == {"seaside": 0}
        left = datetime(ahead.year, ahead.month, ahead.day, tzinfo=UTC)
        assert purge(vault, left + 29 * DAY) == Purged()
        assert find(vault, token) is not None
        assert purge(vault, left + 30 * DAY) == Purged(1, 1)


def test_a_booking_that_still_comes_stays_whatever_its_departure(tmp_path):
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        keep(vault, new(at=booking(departure=NEVER)))
        end = clock.now + TERMS.without_departure
        clock.now += 10 * DAY
        keep(vault, new(at=booking(departure=NEVER)))
        assert purge(vault, end) == Purged()
        assert purge(vault, end + 10 * DAY) == Purged(1, 1)


def test_each_product_has_its_own_terms_and_one_that_is_gone_the_default(tmp_path):
    short = replace(TERMS, after_departure=DAY)
    rule = Retention({"seaside": TERMS, "city": short}, replace(TERMS, after_departure=2 * DAY))
    with opened(tmp_path) as vault:
        for place, product in enumerate(["seaside", "city", "gone"]):
            keep(vault, new(pan(place), product=product))
        at = datetime(2026, 4, 2, tzinfo=UTC)
        assert purge(vault, at, rule) == Purged(1, 1)
        assert vault.count_by_product() == {"gone": 1, "seaside": 1}
        assert purge(vault, at + DAY, rule) == Purged(1, 1)
        assert vault.count_by_product() == {"seaside": 1}


def test_more_than_one_portion_goes(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, *[new(pan(place), at=booking(f"RES-{place}")) for place in range(450)])
        seen = []
        assert vault.retention.purge(RULE, DUE, BY, seen.append) == Purged(450, 450)
        assert seen == list(range(50, 451, 50))
        assert count(tmp_path, "card", "link", "stub", "stub_booking") == [0, 0, 450, 450]
        assert vault.audit.check().findings == []


# --- what is left ---------------------------------------------------------------------------------


def test_a_stub_has_mask_brand_and_booking_and_nothing_to_find_the_number_by(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        with rows(tmp_path) as connection:
            (look_up,) = connection.execute("SELECT look_up FROM card").fetchone()
        purge(vault)
        left = stub(vault, token)
        assert (left.mask, left.brand, left.erased) == ("492900******0006", "visa", DUE)
        assert [(one.booking_id, one.departure) for one in left.bookings] == [("RES-1", LEFT)]
        with rows(tmp_path) as connection:
            for table in ("stub", "stub_booking"):
                (row,) = connection.execute(f"SELECT * FROM {table}").fetchall()
                assert not [one for one in row if isinstance(one, bytes) and look_up[4:] in one]
        # The same card is another one by now, and the stub's token stays the stub's.
        again = keep(vault, new())[0]
        assert again.created
        assert again.token != token
        assert stub(vault, token) == left


def test_p06_a_stubs_iduser_is_in_use(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        purge(vault)
        assert vault._store.taken([token.iduser, token.iduser ^ 1]) == {token.iduser}


def test_p06_a_stub_is_shown_to_who_has_all_of_its_token_only(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        purge(vault)
        other = ("A" if token.tokenuser[0] != "A" else "B") + token.tokenuser[1:]
        for wrong, product in [
            (token, "city"),
            (replace(token, tokenuser=other), "seaside"),
            (replace(token, test=False), "seaside"),
            (replace(token, iduser=token.iduser ^ 1), "seaside"),
        ]:
            with pytest.raises(NoSuchToken):
                asyncio.run(vault.cards.show(want(wrong, product), SHOW))
            with pytest.raises(NoSuchToken):
                stub(vault, wrong, product)
        with pytest.raises(CardGone):
            asyncio.run(vault.cards.show(want(token), SHOW))


@pytest.mark.parametrize(
    "change",
    ["product = 'city'", "test = 0", "iduser = 77", "erased = '2030-01-01T00:00:00.000000+00:00'"],
)
@pytest.mark.parametrize("table", ["stub", "stub_booking"])
def test_p17_a_stub_that_was_altered_does_not_open(tmp_path, table, change):
    with opened(tmp_path) as vault:
        one, other = keep(vault, new(), new(pan(1), at=booking("RES-2")))
        purge(vault)
        with rows(tmp_path) as connection:
            named = f"{table} SET {change} WHERE iduser = {one.token.iduser}"
            connection.execute(f"UPDATE {named}")
            if change.startswith("iduser"):  # another's, with all that fits but the seal
                where = f"WHERE iduser = {other.token.iduser}"
                connection.execute(f"DELETE FROM {table} {where}")
                connection.execute(f"UPDATE {table} SET iduser = {other.token.iduser}")
                if table == "stub":
                    right = vault._keyring.tokenuser.digest(
                        str(other.token.iduser).encode(), other.token.tokenuser.encode()
                    )
                    connection.execute("UPDATE stub SET tokenuser_hash = ?", (right,))
                one = other
        token = one.token if "test" not in change or table != "stub" else live(one.token)
        product = "city" if table == "stub" and "city" in change else "seaside"
        with pytest.raises(RecordDamaged):
            stub(vault, token, product)


def live(token):
    return Token(token.iduser, token.tokenuser, test=False)


def test_damage_keeps_no_card(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        with rows(tmp_path) as connection:
            for table in ("card", "link"):
                connection.execute(f"UPDATE {table} SET sealed = ?", (bytes(120),))
        assert purge(vault) == Purged(1, 1)
        left = stub(vault, token)
        assert (left.mask, left.brand, left.bookings) == ("", "", ())


def test_stubs_go_when_nobody_can_contest_a_charge_any_more(tmp_path):
    with opened(tmp_path) as vault:
        later = booking("RES-2", departure=LEFT + 100 * DAY)
        token = keep(vault, new(), new(at=later))[0].token
        purge(vault)
        assert purge(vault, DUE + 540 * DAY - timedelta(seconds=1)) == Purged(1, 1)
        assert count(tmp_path, "stub", "stub_booking") == [1, 2]
        assert purge(vault, DUE + 540 * DAY) == Purged(stubs=1)
        assert [one.booking_id for one in stub(vault, token).bookings] == ["RES-2"]
        assert purge(vault, DUE + 2000 * DAY) == Purged(stubs=2)
        with pytest.raises(NoSuchToken):
            stub(vault, token)


def test_what_hangs_on_a_card_goes_with_it(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        with rows(tmp_path) as connection:
            for statement in (
                "INSERT INTO cvc VALUES (?1, 'a', ?2, 'b')",
                "INSERT INTO foreign_token VALUES (?1, 'p', ?2, 'a')",
                "INSERT INTO charge_consumed VALUES (?1, ?2, 'p', 'a')",
            ):
                connection.execute(statement, (token.iduser, b"\0"))
            connection.execute("INSERT INTO issuing VALUES (?, 'p', 'c', 'u')", (token.iduser,))
        assert purge(vault) == Purged(1, 1)
        tables = ("cvc", "foreign_token", "issuing", "charge_consumed")
        assert count(tmp_path, *tables) == [0, 0, 0, 0]


# --- at once, and killed --------------------------------------------------------------------------


def test_a_link_that_is_prolonged_meanwhile_stays(tmp_path):
    with opened(tmp_path) as vault:
        token = keep(vault, new())[0].token
        bounds = ("2026-04-01", "2026-01-01", "2029-01-01", "")
        due = vault.retention._due("seaside", bounds)
        keep(vault, new(at=booking(departure=LEFT + 7 * DAY)))
        vault.retention._expire("seaside", bounds, f"{due}", DUE, BY)
        assert find(vault, token) is not None
        assert purged(vault) == []


def test_of_two_that_purge_at_once_one_does_it(tmp_path):
    with opened(tmp_path) as vault, opened(tmp_path) as other:
        keep(vault, *[new(pan(place), at=booking(f"RES-{place}")) for place in range(300)])

        async def both():
            one, two = (asyncio.to_thread(purge, each) for each in (vault, other))
            return await asyncio.gather(one, two)

        one, two = asyncio.run(both())
        assert one + two == Purged(300, 300)
        assert len(purged(vault)) == 300
        assert vault.audit.check().findings == []


@pytest.mark.sqlite_alone("its log is SQLite's own")
def test_scrubbing_waits_for_nobody_who_reads(tmp_path):
    with opened(tmp_path) as vault, rows(tmp_path) as reader:
        keep(vault, new())
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM card").fetchall()
        purge(vault)
        assert not vault.retention.scrub()
        reader.execute("COMMIT")
        assert vault.retention.scrub()
        assert (tmp_path / "state" / "vault.db-wal").stat().st_size == 0


def test_p27_others_write_while_a_large_vault_is_purged(tmp_path):
    """Another process on the same vault, as a gateway beside the command: it gets its turn between portions."""
    waited, ending = [], threading.Event()

    def write(other):
        number = 10**7
        while not ending.wait(0.02):
            number, started = number + 1, time.monotonic()
            keep(other, new(pan(number), at=booking(f"RES-{number}", departure=None)))
            waited.append(time.monotonic() - started)

    with opened(tmp_path) as vault, opened(tmp_path) as other:
        keep(vault, *(new(pan(number), at=booking(f"R-{number}")) for number in range(3000)))
        thread = threading.Thread(target=write, args=(other,))
        thread.start()
        try:
            assert purge(vault) == Purged(links=3000, cards=3000)
        finally:
            ending.set()
            thread.join()
        assert len(waited) >= 5  # of fifteen portions; without a rest it is one or two


def test_p27_a_purge_rests_after_each_portion(tmp_path, monkeypatch):
    rests = []
    with opened(tmp_path) as vault:
        keep(vault, *(new(pan(number), at=booking(f"R-{number}")) for number in range(401)))
        monkeypatch.setattr("gateway.vault.resting.time.sleep", rests.append)
        assert purge(vault) == Purged(links=401, cards=401)
        monkeypatch.undo()
    assert sum(one > 0 for one in rests) >= 3
