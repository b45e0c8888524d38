"""Two nodes on one vault whose clocks differ: each judges by the vault's what the other one does."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.charges.scripted import Scripted
from tests.charges.world import World
from tests.control.serving import SETTINGS
from tests.vault.makers import Clock, open_vault

pytestmark = pytest.mark.postgres_alone("a file is one machine's, and has that one's clock")

NONE = "failed"  # the processor knows of none
WRONG = {
    "an hour ahead": timedelta(hours=1),
    "a day ahead": timedelta(days=1),
    "an hour behind": timedelta(hours=-1),
}


@contextmanager
def node(directory, wrong, processor):
    """A node whose clock is off by `wrong`."""
    clock = Clock()
    clock.now = datetime.now(UTC) + wrong
    vault = open_vault(directory, clock=clock, told={"pms"})
    try:
        yield World(directory, vault, processor, clock, SETTINGS)
    finally:
        vault.close()


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("which", ["asks", "looks"])
def test_a_charge_that_another_node_asks_for_is_not_looked_for_by_a_wrong_clock(
    tmp_path, name, which
):
    wrong = {"asks": timedelta(), "looks": timedelta()} | {which: WRONG[name]}
    asked, looked = Scripted(), Scripted(look=NONE)
    with node(tmp_path, wrong["asks"], asked) as one, node(tmp_path, wrong["looks"], looked) as two:
        seen = []

        async def meanwhile(order):
            await two.jobs.turn()
            await two.charges.check(order.id)
            seen.append((await two.vault.charges.open(order.id)).row.state.value)
            seen.append(await two.vault.charges.due_in())
            return "succeeded"

        asked.say("debit", meanwhile)
        charge = one.charge(one.token())
        state, due = seen
        assert state == "pending"
        assert timedelta(minutes=4) < due < timedelta(minutes=6)  # nobody turns in vain until then
        assert looked.asked == []
        assert one.state(charge["id"]) == "succeeded"
        assert "charge.declined" not in one.notices()


def test_what_is_in_doubt_is_looked_for_by_a_node_whose_clock_is_behind(tmp_path):
    asked, looked = Scripted(debit="unknown"), Scripted(look="succeeded")
    behind = timedelta(hours=-3)
    with node(tmp_path, timedelta(), asked) as one, node(tmp_path, behind, looked) as two:
        charge = one.charge(one.token())
        assert one.state(charge["id"]) == "unknown+"
        assert two.run(two.vault.charges.due_in()) < timedelta(minutes=1)
        two.run(two.charges.check(charge["id"]))
        assert two.state(charge["id"]) == "succeeded"
