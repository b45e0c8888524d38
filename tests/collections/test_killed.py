"""P24: killed at any step of a collection. Nothing that was answered is lost, no charge is made twice.

A process is killed at a step of its own; another opens the vault afterwards and goes on. What really left
for the processor stands in a file.
"""

from __future__ import annotations

import signal

import pytest

from gateway.processors.model import Ended, Result
from gateway.vault.link import LinkState
from tests.charges.scripted import Scripted
from tests.children import run
from tests.collections.world import LinkState as State
from tests.collections.world import collecting
from tests.vault.makers import rows

KILLED = """
import os, pathlib, signal, sys
from gateway.processors.model import Ended, Result
from tests.charges.scripted import Scripted
from tests.collections.test_killed import ITINERARY, RAPID
from tests.collections.world import collecting, rapid
from tests.vault.test_vault_recaptures import one, put
directory, at, what = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
at, _, which = at.partition('#')
armed, passed = [], []
def step(name):
    if armed and name == at:
        passed.append(name)
        if len(passed) == int(which or 1):
            os.kill(os.getpid(), signal.SIGKILL)
declined = Result(Ended.DECLINED, decline='insufficient_funds')
answers = {'create': 'succeeded', 'charge': 'succeeded', 'link': declined, 'guest': [declined, 'succeeded'],
           'stop': declined, 'wait': declined, 'recapture': declined}
processor = Scripted(file=directory / 'sent', debit=answers[what])
run = processor.run
async def watched(*order):
    step('sending')
    answer = await run(*order)
    step('answered')
    return answer
processor.run = watched
about = RAPID if what in ('wait', 'recapture') else {}
with collecting(directory, processor, step, **about) as made:
    token = made.token()
    if what == 'create':
        armed.append(1)
    steps = {'at': rapid(ITINERARY), 'link_hours': 1, 'recapture_hours': 24} if about else {}
    id = made.collect(token, reference='R', key='k', **steps)['id']
    print(id, flush=True)
    if what in ('charge', 'link'):
        armed.append(1)
    made.go_on()
    if what == 'guest':
        made.guest_types(id)
        armed.append(1)
        made.go_on()
    if what == 'stop':
        armed.append(1)
        made.stop(id, key='s')
    if about:
        made.later(hours=1)
        if what == 'wait':
            armed.append(1)
        made.go_on()
        put(made.vault, one())
        made.later(minutes=1)
        armed.append(1)
        made.go_on()
    print('done', flush=True)
"""
DECLINED = Result(Ended.DECLINED, decline="insufficient_funds")
WRITES = ("{}:begun", "collection:row", "{}:written", "{}:committed", "{}:answer")
ITINERARY = "7090158334868"
SECRET = {"env": "NOBODY_ASKS_FOR_IT"}
RAPID = {
    "recaptures": {
        "expedia-rapid": {
            "client": "pms", "url": "https://test.ean.com", "mode": "test", "customer_ip": "5.5.5.5",
            "api_key": SECRET, "shared_secret": SECRET,
        }
    }
}  # fmt: skip


def steps(what, name, *more):
    """Each step of a write, and whether what it writes stands when it is killed there."""
    each = (WRITES[0], *more, *WRITES[1:])
    return [(what, at.format(name), at.endswith((":committed", ":answer"))) for at in each]


def sent(directory):
    file = directory / "sent"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [line for line in lines if not line.startswith("look")]


def killed(directory, at, what):
    done = run(KILLED, directory, at, what)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert b"done" not in done.stdout.split()
    with rows(directory) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def states(directory, table="collection"):
    with rows(directory) as connection:
        found = connection.execute(f"SELECT state FROM {table} ORDER BY number").fetchall()
    return [state for (state,) in found]


def goes_on(world):
    """Long enough for a lease to be over, and for a charge to be looked for."""
    world.go_on()
    world.later(minutes=20)
    world.go_on()
    (id,) = world.mine()
    return id, world.state_of(id)


@pytest.mark.parametrize("what, at, stands", steps("create", "collection_create", "{}:done"))
def test_p24_killed_while_it_begins(tmp_path, what, at, stands):
    killed(tmp_path, at, what)
    assert states(tmp_path) == ["waiting"] * stands
    assert sent(tmp_path) == []
    with collecting(tmp_path, Scripted(file=tmp_path / "sent")) as world:
        again = world.collect(world.token(), reference="R", key="k")  # it had no answer
        id, state = goes_on(world)
        assert (id, state) == (again["id"], "succeeded")
    assert len(sent(tmp_path)) == 1


@pytest.mark.parametrize(
    "what, at, stands",
    [
        ("charge", "collection_claim:committed", False),
        ("charge", "collection_step:begun", False),
        *steps("charge", "charge_begin", "{}:done"),
        ("charge", "charge:row", False),
        ("charge", "sending", True),
    ],
)
def test_p24_killed_before_the_charge_is_sent(tmp_path, what, at, stands):
    killed(tmp_path, at, what)
    assert states(tmp_path) == ["charging" if stands else "waiting"]
    assert states(tmp_path, "charge") == ["pending"] * stands
    assert sent(tmp_path) == []
    nothing = Result(Ended.FAILED, code="processor_has_none")
    with collecting(tmp_path, Scripted(file=tmp_path / "sent", look=nothing)) as world:
        id, state = goes_on(world)
        if stands:  # nobody knows that it was not sent: it is looked for before it is charged again
            world.later(hours=1)
            state = world.state_of(id)
            world.later(hours=1)
            state = world.state_of(id)
        assert state == "succeeded"
        assert world.references() == (["R", "R-2"] if stands else ["R"])
    assert len(sent(tmp_path)) == 1


@pytest.mark.parametrize(
    "at, known",
    [
        ("answered", False),
        ("charge_outcome:begun", False),
        ("charge_outcome:written", False),
        ("charge_outcome:committed", True),
        ("charge_outcome:answer", True),
        ("collection_step:written", None),
    ],
)
def test_p24_killed_after_the_charge_was_sent(tmp_path, at, known):
    """`known` None: the first step of all, before anything is sent."""
    killed(tmp_path, at, "charge")
    assert len(sent(tmp_path)) == (known is not None)
    with collecting(tmp_path, Scripted(file=tmp_path / "sent", look="succeeded")) as world:
        _, state = goes_on(world)
        assert state == "succeeded"
        assert world.references() == ["R"]
    assert len(sent(tmp_path)) == 1


@pytest.mark.parametrize(
    "at, stands",
    [
        ("charge_outcome:committed", False),
        ("charge_outcome:answer", False),
        *[(f"{at}#2", stands) for _, at, stands in steps("link", "collection_step")],
    ],
)
def test_p24_killed_when_the_card_was_declined_the_guest_gets_one_link(tmp_path, at, stands):
    """The first step begins the charge, the second one opens the link."""
    killed(tmp_path, at, "link")
    assert states(tmp_path) == ["payment_link" if stands else "charging"]
    assert states(tmp_path, "page_link") == ["open"] * stands
    with collecting(tmp_path, Scripted(file=tmp_path / "sent")) as world:
        id, state = goes_on(world)
        assert state == "payment_link"
        assert world.link_of(id).row.state is LinkState.OPEN
        told = [kind for kind in world.notices() if kind == "collection.payment_link"]
        assert len(told) == 1
    assert states(tmp_path, "page_link") == ["open"]
    assert len(sent(tmp_path)) == 1


@pytest.mark.parametrize("what, at, stands", steps("guest", "charge_begin", "{}:done"))
def test_p24_killed_when_the_guest_has_typed_a_card(tmp_path, what, at, stands):
    killed(tmp_path, at, what)
    assert states(tmp_path) == ["charging" if stands else "payment_link"]
    assert len(sent(tmp_path)) == 1
    processor = Scripted(file=tmp_path / "sent", look=DECLINED)
    with collecting(tmp_path, processor) as world:
        _, state = goes_on(world)
        # What nobody was heard of is looked for; the guest may try again.
        assert state == ("payment_link" if stands else "succeeded")
        assert world.references() == ["R", "R-2"]
    assert len(sent(tmp_path)) == 1 + (not stands)


@pytest.mark.parametrize("what, at, stands", steps("wait", "collection_step"))
def test_p24_killed_when_the_payment_link_is_over_the_channel_is_waited_for(
    tmp_path, what, at, stands
):
    killed(tmp_path, at, what)
    assert states(tmp_path) == ["recapture" if stands else "payment_link"]
    with collecting(tmp_path, Scripted(file=tmp_path / "sent"), **RAPID) as world:
        world.later(hours=1)
        id, state = goes_on(world)
        assert (state, world.look_at(id)["link"]) == ("recapture", None)
        assert world.notices().count("collection.recapture") == 1
    assert len(sent(tmp_path)) == 1


@pytest.mark.parametrize("what, at, stands", steps("recapture", "collection_step"))
def test_p24_killed_when_the_channel_wants_a_card_the_guest_gets_one_link_for_it(
    tmp_path, what, at, stands
):
    killed(tmp_path, at, what)
    assert states(tmp_path) == ["recapture"]
    assert states(tmp_path, "page_link") == ["open"] * (1 + stands)
    processor = Scripted(file=tmp_path / "sent")
    with collecting(tmp_path, processor, **RAPID) as world:
        world.later(hours=1)
        id, state = goes_on(world)
        assert state == "recapture"
        assert world.link_of(id).row.state is LinkState.OPEN
        assert world.notices().count("collection.recapture") == 2  # waited for, and with a link
        world.guest_types(id)
        assert goes_on(world) == (id, "succeeded")
        assert world.references() == ["R", "R-2"]
    assert states(tmp_path, "page_link") == ["open", "used"]
    assert len(sent(tmp_path)) == 2


@pytest.mark.parametrize("what, at, stands", steps("stop", "collection_ask", "{}:done"))
def test_p24_killed_while_it_is_stopped(tmp_path, what, at, stands):
    killed(tmp_path, at, what)
    assert states(tmp_path) == ["stopped" if stands else "payment_link"]
    assert states(tmp_path, "page_link") == [(State.REVOKED if stands else State.OPEN).value]
    with collecting(tmp_path, Scripted(file=tmp_path / "sent")) as world:
        (id,) = world.mine()
        assert world.stop(id, key="s")["state"] == "stopped"
        assert goes_on(world) == (id, "stopped")
    assert len(sent(tmp_path)) == 1
