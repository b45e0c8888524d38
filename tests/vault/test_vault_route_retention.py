"""How long a route keeps what it brings: less than the product, counted from the departure as it stands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.cards.kept import LinkTerms, read_terms
from gateway.vault.retention import Overdue, Purged
from gateway.vault.terms import Retention, Terms
from gateway.vault.verification import Flaw
from tests.vault.backing import back_up, restore, restored, sink
from tests.vault.makers import NOON, Clock, booking, find, keep, new, opened, pan, rows
from tests.vault.moving import move, moved
from tests.vault.test_vault_carried import ask, carry
from tests.vault.test_vault_retention import DAY, RULE, TERMS, purge

LEFT = datetime(2026, 4, 1, tzinfo=UTC)  # what `booking()` says
SHORT = LinkTerms(after_departure=14, without_departure=20)
NO_DATE = booking(departure=None)


def test_what_stands_beside_a_link_is_read_back():
    for terms in (SHORT, LinkTerms(0, 1), LinkTerms(14), LinkTerms(None, 3650), LinkTerms()):
        assert read_terms(terms.text) == terms
    for text in ("", "14", "a/b", "14/30/", "99999/1", "-1/2"):
        assert read_terms(text) == LinkTerms()


@pytest.mark.parametrize(
    ("terms", "at", "days"),
    [
        (None, booking(), 30),
        (SHORT, booking(), 14),
        (LinkTerms(after_departure=0), booking(), 0),
        (LinkTerms(without_departure=1), booking(), 30),
        (LinkTerms(after_departure=60), booking(), 30),  # the product's is shorter
        (None, NO_DATE, 90),
        (SHORT, NO_DATE, 20),
        (LinkTerms(after_departure=14), NO_DATE, 90),
        (LinkTerms(without_departure=365), NO_DATE, 90),
    ],
)
def test_the_shorter_of_the_route_s_and_the_product_s_counts(tmp_path, terms, at, days):
    due = (NOON if at is NO_DATE else LEFT) + days * DAY
    with opened(tmp_path, clock=Clock()) as vault:
        token = keep(vault, replace(new(at=at), retention=terms))[0].token
        assert vault.retention.overdue(RULE, due - timedelta(seconds=1)) == {
            "seaside": Overdue(0, 0)
        }
        assert purge(vault, due - timedelta(seconds=1)) == Purged()
        assert find(vault, token) is not None
        assert vault.retention.overdue(RULE, due) == {"seaside": Overdue(1, 1)}
        assert purge(vault, due) == Purged(links=1, cards=1)
        assert find(vault, token) is None


def test_each_link_of_a_card_goes_by_its_own(tmp_path):
    with opened(tmp_path) as vault:
        short = replace(new(), retention=SHORT)
        token = keep(vault, short, new(at=booking("RES-2")))[0].token
        assert vault.retention.overdue(RULE, LEFT + 30 * DAY) == {"seaside": Overdue(2, 1)}
        assert purge(vault, LEFT + 14 * DAY) == Purged(links=1)
        assert find(vault, token).booking.booking_id == "RES-2"
        assert purge(vault, LEFT + 30 * DAY) == Purged(links=1, cards=1)


def test_each_product_s_own_terms_stay_the_limit(tmp_path):
    rule = Retention({"city": Terms(7 * DAY, 7 * DAY, 540 * DAY, 1095 * DAY)}, TERMS)
    with opened(tmp_path) as vault:
        ours = replace(new(), retention=SHORT)
        keep(vault, ours, replace(ours, product="city"))
        assert purge(vault, LEFT + 7 * DAY, rule) == Purged(links=1, cards=1)
        assert vault.count_by_product() == {"seaside": 1}


def test_a_departure_that_changes_counts_at_once(tmp_path):
    with opened(tmp_path) as vault:
        ours = replace(new(), retention=SHORT)
        keep(vault, ours)
        keep(vault, new(at=booking(departure=date(2026, 4, 11))))  # by a route that says nothing
        assert purge(vault, LEFT + 14 * DAY) == Purged()
        ask(vault, carry(booking(departure=date(2026, 4, 21))))  # and one without its card
        assert purge(vault, LEFT + 33 * DAY) == Purged()
        assert purge(vault, LEFT + 34 * DAY) == Purged(links=1, cards=1)


def test_a_route_that_says_otherwise_counts_from_then_on(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, new())
        keep(vault, replace(new(), retention=SHORT))
        keep(vault, replace(new(), retention=LinkTerms(after_departure=21)))
        assert purge(vault, LEFT + 20 * DAY) == Purged()
        assert purge(vault, LEFT + 21 * DAY) == Purged(links=1, cards=1)


def test_a_departure_that_nobody_believes_counts_as_none(tmp_path):
    with opened(tmp_path, clock=Clock()) as vault:
        never = booking(departure=date(9999, 12, 31))
        keep(vault, replace(new(at=never), retention=SHORT))
        assert purge(vault, NOON + 20 * DAY - timedelta(seconds=1)) == Purged()
        assert purge(vault, NOON + 20 * DAY) == Purged(links=1, cards=1)


def test_what_was_altered_there_counts_as_nothing_said(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, replace(new(), retention=SHORT))
        with rows(tmp_path) as connection:
            connection.execute("UPDATE link SET retention = 'forever/'")
        assert purge(vault, LEFT + 14 * DAY) == Purged()
        assert purge(vault, LEFT + 30 * DAY) == Purged(links=1, cards=1)


def test_verification_tells_what_a_purge_left(tmp_path):
    with opened(tmp_path) as vault:
        keep(vault, replace(new(), retention=SHORT))
        before, late = LEFT + 14 * DAY, LEFT + 15 * DAY
        found = vault.verification.check(RULE, before, lambda *_: None).findings
        assert not [one for one in found if one.table == "link"]
        found = vault.verification.check(RULE, late, lambda *_: None).findings
        assert [(one.flaw, one.count) for one in found if one.table == "link"] == [
            (Flaw.EXPIRED, 1)
        ]


def test_a_restored_vault_keeps_it(tmp_path, target):
    with opened(tmp_path, sinks=[sink(tmp_path)]) as vault:
        keep(vault, replace(new(), retention=SHORT), new(pan(3), at=booking("RES-2")))
        back_up(vault, tmp_path)
    restore(tmp_path, target)
    with restored(tmp_path, target, sinks=[sink(tmp_path)]) as vault:
        assert purge(vault, LEFT + 14 * DAY) == Purged(links=1, cards=1)
        assert vault.count_by_product() == {"seaside": 1}


def test_a_moved_vault_keeps_it(tmp_path, target):
    with opened(tmp_path) as vault:
        keep(vault, replace(new(), retention=SHORT), new(pan(3), at=booking("RES-2")))
    move(tmp_path, target)
    with moved(tmp_path, target) as vault:
        assert purge(vault, LEFT + 14 * DAY) == Purged(links=1, cards=1)
        assert vault.count_by_product() == {"seaside": 1}


def test_thirty_two_at_once_leave_one_link(tmp_path):
    with opened(tmp_path) as vault:
        ours = replace(new(), retention=SHORT)

        async def all_of_them():
            await asyncio.gather(*(vault.keep([ours]) for _ in range(32)))

        asyncio.run(all_of_them())
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT retention FROM link").fetchall() == [("14/20",)]
