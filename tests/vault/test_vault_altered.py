"""P17, P18: a row of any table with something sealed that was altered in the database: never data.

Every bit of what is sealed, of each hash beside it and of each value that it is bound to; fields put in
the place of another row's, and of another field's; what one table sealed in another's. What is not bound
is named in `FREE`, with why: whoever can write to the database can change that much.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from itertools import combinations, combinations_with_replacement
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault.entries import unstamp
from gateway.vault.import_keys import ImportKey
from gateway.vault.keyring import Keyring
from gateway.vault.sealed import SEALED
from tests.collections.world import collecting
from tests.postgres import forget_databases
from tests.vault import makers, test_vault_cards, test_vault_foreign, test_vault_links
from tests.vault import test_vault_recaptures as recaptures
from tests.vault.makers import NOON, answer, booking, new, pan
from tests.vault.test_vault_cvc import held
from tests.vault.test_vault_retention import purge
from tests.vault.test_vault_verification import fill

TABLES = {one.name: one for one in SEALED}
NOW = "2026-04-04T04:04:04.000000+00:00"
# What verification takes for damage: what stands beside may be unreadable before it is compared.
DAMAGE = (RecordDamaged, ValueError, TypeError, KeyError)
# Whole numbers that say yes or no.
FLAGS = {"test", "quarantined"}
# Table → what of it is not bound, and another value that it opens with. Each moves on with what
# happens to the row, without its record being sealed anew, or says nothing that is relied on:
#   state, times, tries, leases, links to other rows: the gateway's own notes of how far something came
#   what is searched by: another value hides a row; that an entry of the audit and a count miss it is seen
#   a viewer's name, role and rights: the audit has each change with who made it
#   a stub's hash of its token: it is keyed, and of the stub's own iduser; another lets nobody in
FREE = {
    "card": {"created": NOW},
    "link": {"departure": "2027-01-01", "seen": NOW},
    "stub": {"tokenuser_hash": b"another"},
    "charge": {
        "booking": b"another", "initiator": "hotel", "exemption": "moto", "capture_now": 0,
        "created": NOW, "changed": NOW, "state": "declined", "processor_id": "P-9",
        "has_network_id": 1, "captured": 1, "refunded": 1, "operation": "refund", "asked": 1,
        "before": "succeeded", "attempt": 9, "sent": NOW, "lease": NOW, "challenge_ends": NOW,
        "look_due": NOW, "look_tries": 9, "stated_amount": 1, "stated_currency": "USD",
    },
    "collection": {
        "key": "k9", "booking": b"another", "initiator": "guest", "exemption": "moto",
        "language": "de", "link_hours": 1, "recapture_hours": 1, "until": NOW, "created": NOW,
        "changed": NOW, "state": "stopped", "step": "recapture", "step_ends": NOW,
        "not_before": NOW, "charges": 9, "tries": 9, "collected": 9, "stop_asked": NOW,
        "link": "two", "recapture": "two", "due": NOW,
    },
    "recapture": {
        "event_id": "e", "state": "completed", "created": NOW, "changed": NOW, "failed": NOW,
        "link_expires": NOW, "link_ends": NOW, "may_cancel": NOW, "has_link": 1,
        "successor": "two", "told": NOW, "tell_due": NOW, "tell_tries": 9, "look_due": NOW,
        "look_tries": 9,
    },
    "page_link": {"language": "de", "state": "used", "created": NOW, "changed": NOW},
    "notice": {
        "state": "sending", "created": NOW, "changed": NOW, "due": NOW, "tries": 9, "code": "no",
    },
    "viewer": {
        "name": "another", "state": "disabled", "role": "masked", "may_copy": 1, "totp": 1,
        "tries": 4, "cleared": 4, "created": NOW, "changed": NOW, "totp_step": 9,
    },
    "answer_body": {"state": "delivered", "size": 9},
}  # fmt: skip
# Columns that opening does not read. A request's hash is keyed; what the rest says is known besides.
BESIDE = {
    "card": {"id"},
    "link": {"id", "retention"},  # a route's days, of which the fewer and the product's count
    "foreign_token": {"created"},
    "import_key": {"certificate", "created"},
    "idempotent": {"id", "request", "expires"},
    "processor_credential": {"names", "set_at", "set_by"},
    "answer_body": {"id"},
    "page_link": {"number", "secret"},  # the hash of a random secret
    "charge": {"number"},
    "collection": {"number"},
    "recapture": {"number"},
    "notice": {"number"},
    "viewer": {"number"},
}


def fill_again(world):
    """At least two rows in each table."""
    makers.keep(world.vault, new(pan(3)))
    purge(world.vault)
    for number in (4, 5):
        one = replace(held(digits=pan(number), at=booking(f"RES-{number}")), digits=True)
        token = makers.keep(world.vault, one)[0].token
        test_vault_foreign.keep_foreign(world.vault, token.iduser)
    makers.keep(world.vault, answer=lambda _: answer("another", hotels=("2",)))
    values, once = {"api_key": Secret("another")}, test_vault_cards.once("again")
    said = {"entry": test_vault_cards.ASKED, "once": once, "answer": lambda _: b""}
    world.run(world.vault.credentials.put("seaside", "adyen", values, **said))
    test_vault_links.keep(world.vault, test_vault_links.link("two"), Secret("t" * 32))
    world.vault.import_keys.add(ImportKey("two", "PEM", Secret(b"DER"), NOON), "test")
    recaptures.put(world.vault, recaptures.one("two", itinerary="7090158334869"))
    world.collect(world.token(), key="once more", reference="R-9")
    world.charge(world.token())


class Full(NamedTuple):
    """A vault, and two rows of each table: column → value."""

    directory: Path
    keyring: Keyring
    rows: dict[str, list[dict]]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Gives a full one in a store, which is made when it is wanted first."""
    made = {}
    with ExitStack() as stack:

        def of(store):
            if store not in made:
                directory = tmp_path_factory.mktemp("altered")
                if store == "postgres":
                    stack.callback(forget_databases, directory)
                world = stack.enter_context(collecting(directory))
                fill(world)
                fill_again(world)
                rows = {one.name: two_of(world, one) for one in SEALED}
                made[store] = Full(directory, world.vault._keyring, rows)
            return made[store]

        yield of


def two_of(world, one):
    found = world.vault._database.read(
        lambda c: c.execute(one.statement(further=False), (9,)).fetchall()
    )
    names = [name.rpartition(".")[2] for name in re.split(r",\s*", one.columns)]
    rows = [dict(zip(names, row[len(one.key) :], strict=True)) for row in found]
    assert len(rows) > 1, one.name
    return rows[:2]


@pytest.fixture(params=TABLES)
def table(request, store, full):
    return Table(TABLES[request.param], full(store))


class Table:
    def __init__(self, one, whole):
        self.name, self._one = one.name, one
        self._keyring, self.rows = whole.keyring, whole.rows
        self.row, self.other = whole.rows[one.name]
        self.free = FREE.get(one.name, {})
        self.bound = [name for name in self.row if name not in self.free]
        assert self.row.keys() >= self.free.keys()

    def open(self, row):
        return self._one.open(self._keyring, tuple(row.values()))

    def assert_refused(self, row, why):
        """It is an error, and none that says anything of what is sealed."""
        try:
            self.open(row)
        except DAMAGE:
            return
        raise AssertionError(f"{self.name} opens with {why}")


def flipped(name, value):
    """The value with each of its bits the other way, one at a time."""
    if name in FLAGS:
        yield 1 - value
    elif isinstance(value, int):
        yield from (value ^ 1 << bit for bit in range(32))
    elif isinstance(value, str):
        changed = (one.decode("latin-1") for one in flipped(name, value.encode()))
        # Of a time the letter between date and clock may be any: it is the same time.
        yield from (one for one in changed if not same_time(one, value))
    elif value is not None:
        for bit in range(8 * len(value)):
            whole = bytearray(value)
            whole[bit // 8] ^= 1 << bit % 8
            yield bytes(whole)


def same_time(one, other):
    try:
        return unstamp(one) == unstamp(other)
    except ValueError:
        return False


def test_a_row_that_nobody_altered_opens(table):
    table.open(table.row)
    table.open(table.other)


def test_p18_no_bit_of_what_is_sealed_can_be_changed(table):
    for changed in flipped("sealed", table.row["sealed"]):
        with pytest.raises(RecordDamaged):
            table.open({**table.row, "sealed": changed})


def test_p17_p18_no_bit_of_what_it_is_bound_to_can_be_changed(table):
    for name in table.bound:
        for changed in flipped(name, table.row[name]):
            table.assert_refused({**table.row, name: changed}, f"another {name}: {changed!r}")


def test_p17_nothing_that_is_missing_can_be_made_up(table):
    for name in table.bound:
        if table.row[name] is None:
            table.assert_refused({**table.row, name: ""}, f"a {name}")
        elif name not in FLAGS:
            empty = type(table.row[name])()
            if empty != table.row[name]:
                table.assert_refused({**table.row, name: empty}, f"no {name}")


def test_p17_no_two_fields_of_a_row_can_change_places(table):
    for one, other in combinations(table.bound, 2):
        types = {type(table.row[one]), type(table.row[other])}  # a column takes no other
        if len(types) == 1 and table.row[one] != table.row[other]:
            swapped = {**table.row, one: table.row[other], other: table.row[one]}
            table.assert_refused(swapped, f"{one} and {other} in each other's place")


def test_p17_no_field_nor_two_can_be_another_rows(table):
    bound = {name: table.other[name] for name in table.bound}
    for names in combinations_with_replacement(table.bound, 2):
        mixed = {**table.row, **{name: table.other[name] for name in names}}
        kept = {name: mixed[name] for name in table.bound}
        if kept not in ({name: table.row[name] for name in table.bound}, bound):
            table.assert_refused(mixed, f"another row's {names}")


def test_p17_what_another_table_sealed_does_not_open(table):
    for name, rows in table.rows.items():
        if name != table.name:
            for row in rows:
                with pytest.raises(RecordDamaged):
                    table.open({**table.row, "sealed": row["sealed"]})


def test_what_is_not_bound_is_named(table):
    """So that the list stays true: what is bound one day is to be taken from it."""
    for name, value in table.free.items():
        assert table.row[name] != value
        table.open({**table.row, name: value})


def test_no_column_is_forgotten(table, full, store):
    with makers.rows(full(store).directory) as connection:
        columns = connection.columns(table.name)
    assert columns - table.row.keys() == BESIDE.get(table.name, set())
