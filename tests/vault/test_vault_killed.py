"""P24: killed at each step of each write, it is whole or not there, and may be done again.

`writes.py` says what the writes are. Whether every step that the gateway names has its kill, here or in a
test of its own, is asked in `tests/test_killed_steps.py`.
"""

from __future__ import annotations

import pickle
import signal
from itertools import pairwise

import pytest

from gateway.errors import GatewayError
from gateway.vault.model import ExchangeKnown, Taken
from tests.children import run
from tests.collections.world import collecting
from tests.vault.makers import copy_vault, rows
from tests.vault.writes import WRITES

KILLED = """
import os, pathlib, pickle, signal, sys
from tests.charges.scripted import Scripted
from tests.collections.world import collecting
from tests.vault.test_vault_killed import content
from tests.vault.writes import WRITES
directory, at, given = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
name = at.partition(':')[0]
def step(reached):
    if reached == name + ':begun':
        (directory / 'before').write_bytes(pickle.dumps(content(directory)))
    if reached == at:
        os.kill(os.getpid(), signal.SIGKILL)
with collecting(directory, Scripted(), step) as world:
    WRITES[name].do(world, given)
"""
BEFORE, AFTER = ("begun", "written"), ("committed", "answer")
STEPS = [
    (f"{name}:{step}", write.changes and step in AFTER)
    for name, write in WRITES.items()
    for step in (BEFORE[0], *write.steps, BEFORE[1], *AFTER)
]


def content(directory):
    """Table → all its rows; and nothing is half written."""
    with rows(directory) as connection:
        connection.assert_sound()
        return connection.contents(dict.fromkeys(connection.tables(), "*"))


UNASKED = {"audit", "audit_anchor", "audit_head", "card_count_part", "sqlite_sequence"}


def shape(directory):
    """Table → how many rows it has, and in which states. The audit tells of every try, and its
    anchors of every process: they are not asked. Of the number of cards, which PostgreSQL keeps in
    one part or two as its processes happen to be numbered, it is the sum that counts."""
    with rows(directory) as connection:
        stated = connection.with_column("state")
        asked = {
            name: "state" if name in stated else "1"
            for name in connection.tables()
            if name not in UNASKED
        }
        return connection.contents(asked | {"card_count": "*"})


def do(directory, name, given):
    """What came of it: nothing, or what was refused."""
    with collecting(directory) as world:
        try:
            WRITES[name].do(world, given)
        except (GatewayError, Taken, ExchangeKnown) as refused:
            return type(refused)
        finally:
            assert world.vault.audit.check().findings == []
    return None


class Undisturbed:
    """Each write's vault, made ready, once; and what there is where it is done with nobody killed."""

    def __init__(self, directory):
        self.directory, self.ready, self.seen = directory, {}, {}

    def before(self, name, to):
        """Copies the vault to where the test wants it; what `do` is given."""
        if name not in self.ready:
            with collecting(self._at(name)) as world:
                self.ready[name] = WRITES[name].prepare(world) or ""
        copy_vault(self._at(name), to)
        return self.ready[name]

    def after(self, name):
        """Its shape once it was done, and once it was done again; what came of that."""
        if name not in self.seen:
            one = self.directory / f"{name}-done"
            given = self.before(name, one)
            assert do(one, name, given) is None
            first = shape(one)
            self.seen[name] = [(None, first), (do(one, name, given), shape(one))]
        return self.seen[name]

    def _at(self, name):
        made = self.directory / name
        made.mkdir(exist_ok=True)
        return made


@pytest.fixture(scope="module")
def each(tmp_path_factory):
    return {store: Undisturbed(tmp_path_factory.mktemp(store)) for store in ("sqlite", "postgres")}


@pytest.fixture
def undisturbed(each, store):
    return each[store]


@pytest.mark.parametrize("at, durable", STEPS)
def test_p24_killed_at_each_step_a_write_is_whole_or_not_there(tmp_path, undisturbed, at, durable):
    name = at.partition(":")[0]
    given = undisturbed.before(name, tmp_path)
    ended = run(KILLED, tmp_path, at, given)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    before = pickle.loads((tmp_path / "before").read_bytes())
    assert (content(tmp_path) == before) == (not durable)
    # Whoever had no answer does it again: it is as if nobody had been killed.
    assert (do(tmp_path, name, given), shape(tmp_path)) == undisturbed.after(name)[durable]


def test_what_is_compared_tells_a_value_that_changed(tmp_path, store, undisturbed):
    undisturbed.before("erase", tmp_path)  # of which the audit tells
    contents, shapes = [content(tmp_path)], [shape(tmp_path)]
    for change in (
        "UPDATE audit SET detail = 'another'",
        "DELETE FROM card_count_part" if store == "postgres" else "DELETE FROM card_count",
    ):
        with rows(tmp_path) as connection:
            connection.unguard("audit")
            connection.execute(change)
        contents.append(content(tmp_path))
        shapes.append(shape(tmp_path))
    assert [one != other for one, other in pairwise(contents)] == [True, True]
    assert [one != other for one, other in pairwise(shapes)] == [
        False,
        True,
    ]  # the audit is not asked
