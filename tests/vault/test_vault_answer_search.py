"""Looking for answers, counting them, and the end of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import VaultUnavailable
from gateway.secret import Secret
from gateway.vault.answer import AnswerRow, AnswerState, AnswerTotals
from gateway.vault.envelope import Sealer
from gateway.vault.service import Vault
from tests.vault.makers import (
    NOON,
    Clock,
    answer,
    entry,
    get,
    get_refused,
    keep,
    listed,
    mark,
    names,
    new,
    open_vault,
    opened,
    quarantine,
    rows,
)

SEALER = Sealer({7: Secret(bytes(range(32)))}, 7)
UNDELIVERED, DELIVERED, ACKNOWLEDGED, REFUSED, REPLAYED = AnswerState


# --- looking for them -----------------------------------------------------------------------------


def test_answers_are_found_by_what_they_are_about_newest_first(vault: Vault) -> None:
    def at(minutes):
        return NOON + timedelta(minutes=minutes)

    several = [
        answer("a", at=at(0), products=("seaside", "city"), hotels=("1", "2")),
        answer("b", at=at(3), client="other", echo=None, poll=None),
        answer("c", at=at(1), products=(), hotels=(), failed=2),
        answer("d", at=at(2), products=("city",), hotels=("2",), echo="e", poll=b"p"),
        answer("e", at=at(2), products=('cit"y',), hotels=("%", "é"), echo=""),
    ]
    for one in several:
        keep(vault, answer=lambda kept, one=one: one)
    quarantine(vault, answer("f", at=at(9)), "card_disguised")
    mark(vault, DELIVERED, "d")
    for expected, how in [
        ("fbedca", {}),
        ("fb", {"limit": 2}),
        ("fb", {"products": {"seaside"}}),
        ("fbda", {"products": ["seaside", "city", "more"]}),
        ("d", {"products": {"city"}}),
        ("e", {"products": {'cit"y'}}),
        ("", {"products": set()}),
        ("b", {"client": "other"}),
        ("da", {"hotel": "2"}),
        ("e", {"hotel": "é"}),
        ("", {"hotel": '["1", "2"]'}),
        ("d", {"echo": "e"}),
        ("e", {"echo": ""}),
        ("d", {"poll": b"p"}),
        ("feca", {"poll": b"poll-1"}),
        ("fbed", {"since": at(2)}),
        ("d", {"states": {DELIVERED}}),
        ("fd", {"states": {DELIVERED, REFUSED}}),
        ("", {"states": set()}),
        ("c", {"failed": True}),
        ("", {"failed": True, "hotel": "2"}),
        ("fbeda", {"failed": False}),
        ("a", {"client": "pms", "products": {"seaside", "city"}, "hotel": "1", "poll": b"poll-1"}),
    ]:  # fmt: skip
        assert "".join(names(vault, **how)) == expected, how
    (row,) = listed(vault, poll=b"p")
    assert row == AnswerRow(
        "d", at(2), several[3].expires, "siteminder/pull", "pms", ("city",), ("2",), "e", b"p",
        0, (), DELIVERED, "", row.size,
    )  # fmt: skip
    assert row.size > 80


@pytest.mark.sqlite_alone("asks SQLite for its plan")
def test_what_is_asked_for_most_is_found_by_an_index(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        plans = []
        read = vault._database.read

        class Watched:
            def __init__(self, real) -> None:
                self._real = real

            def execute(self, statement, values=()):
                plans.append(
                    " ".join(
                        row[3]
                        for row in self._real.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                    )
                )
                return self._real.execute(statement, values)

        vault._database.read = lambda work: read(lambda c: work(Watched(c)))  # type: ignore[method-assign]
        listed(vault)
        listed(vault, client="pms", poll=b"p")
        listed(vault, client="pms", echo="e")
        listed(vault, client="pms", exchange="e")
        listed(vault, failed=True)
        get(vault)
        vault.answers.totals()
    assert "answer_at" in plans[0]
    assert "TEMP B-TREE" not in plans[0]
    for plan, index in zip(
        plans[1:],
        [
            "answer_poll",
            "answer_echo",
            "(client=? AND exchange=?)",
            "answer_failed",
            "(client=? AND exchange=?)",
            "COVERING INDEX answer_state",
        ],
        strict=True,
    ):
        assert index in plan


# --- the end of them ------------------------------------------------------------------------------


@pytest.mark.sqlite_alone("reads SQLite's own files; test_postgres.py looks into PostgreSQL's")
def test_what_has_expired_is_not_given_and_purge_erases_it(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock) as vault:
        end = NOON + timedelta(hours=1)
        for n in range(40):
            sent = answer(f"exchange-{n}", expires=end, body=b"%d" % n)
            keep(vault, answer=lambda kept, sent=sent: sent)
        quarantine(vault, answer("refused", expires=end))
        keep(vault, answer=lambda kept: answer("later", expires=end + timedelta(seconds=1)))
        with rows(tmp_path) as connection:
            (sealed,) = connection.execute("SELECT sealed FROM answer_body WHERE id = 7").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path = tmp_path / "state" / "vault.db"
        assert sealed in path.read_bytes()
        assert vault.answers.purge(end - timedelta(microseconds=1)) == 0
        clock.now = end
        assert get(vault, "exchange-7") is None
        assert get_refused(vault, "refused") is None
        assert names(vault) == ["later"]
        assert vault.answers.purge(clock.now) == 41
        assert vault.answers.purge(clock.now) == 0
        assert get(vault, "later") is not None
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT count(*) FROM answer_body").fetchone() == (1,)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert sealed not in path.read_bytes()
        keep(vault, answer=lambda kept: answer("exchange-7"))  # its id is free again
        assert get(vault, "exchange-7") == answer("exchange-7")


def test_totals_say_how_much_there_is_of_each_state(vault: Vault) -> None:
    assert vault.answers.totals() == {}
    for n in range(3):
        sent = answer(f"exchange-{n}", at=NOON - timedelta(minutes=n))
        keep(vault, answer=lambda kept, sent=sent: sent)
    quarantine(vault, answer("refused", at=NOON + timedelta(days=1)))
    mark(vault, DELIVERED, "exchange-1")
    sizes = {row.exchange: row.size for row in listed(vault)}
    assert vault.answers.totals() == {
        UNDELIVERED: AnswerTotals(
            2, sizes["exchange-0"] + sizes["exchange-2"], NOON - timedelta(minutes=2)
        ),
        DELIVERED: AnswerTotals(1, sizes["exchange-1"], NOON - timedelta(minutes=1)),
        REFUSED: AnswerTotals(1, sizes["refused"], NOON + timedelta(days=1)),
    }


def test_p27_what_can_not_be_stored_is_a_failure_and_costs_all_of_it(vault: Vault) -> None:
    for bad in (answer(echo="\ud800"), answer(route="\ud800")):
        with pytest.raises(VaultUnavailable) as unavailable:
            keep(vault, new(), entries=[entry()], answer=lambda kept, bad=bad: bad)
        assert unavailable.value.__context__ is None
    with pytest.raises(ValueError):
        keep(vault, new(), answer=lambda kept: answer(at=NOON.replace(tzinfo=None)))
    assert vault.count_by_product() == {}
    assert vault.entries() == []


def test_p27_after_close_nothing_is_kept_or_given(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    vault.close()
    for call in (
        lambda: keep(vault, answer=lambda kept: answer()),
        lambda: quarantine(vault, answer()),
        lambda: mark(vault, DELIVERED),
        lambda: listed(vault),
        lambda: get(vault),
        lambda: vault.answers.purge(NOON),
        vault.answers.totals,
    ):
        with pytest.raises(VaultUnavailable) as unavailable:
            call()
        assert unavailable.value.__context__ is None
