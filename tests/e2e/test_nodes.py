"""Four whole gateways on one PostgreSQL: one card at all of them at once, one that is killed within a
transaction, and a database that goes away and comes back under load."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time

import pytest

from gateway.sandbox.channex import guarantee, open_channel_booking
from gateway.vault.configured import open_vault
from gateway.vault.sealed_tables import USES
from tests.e2e.nodes import Load, Nodes
from tests.e2e.process import COMMAND, environment, until
from tests.vault.makers import keep, many

pytestmark = pytest.mark.slow

COUNT = 4
OF_STATE = "SELECT purpose, id FROM keyring WHERE state = '{}'"
PAN = "4111111111111111"


@pytest.fixture(scope="module")
def nodes(sandbox, tmp_path_factory):
    made = Nodes(tmp_path_factory.mktemp("nodes"), sandbox, COUNT)
    yield made
    made.close()


def ready(nodes, number, status):
    """Whether its /readyz answers so within what a balancer waits; its checks."""
    answers = []

    def there():
        answers.append(nodes.processes[number].get("control", "/readyz"))
        return answers[-1].status_code == status

    assert until(20, there) is not None
    return answers[-1].json()["checks"]


def test_p25_one_card_that_is_pushed_to_four_gateways_at_once_has_one_token(nodes, sandbox):
    booking = open_channel_booking("10107", "10107-0001", guarantee(PAN))
    for _ in range(3):
        results = nodes.at_once(lambda number: nodes.push(number, booking))
        assert [result.accepted for result in results] == [True] * COUNT
    cards = [
        json.loads(request.body)["booking"]["guarantee"]
        for request in sandbox.received.requests("pms")
    ]
    assert len(cards) == 3 * COUNT
    (pair,) = {(card["iduser"], card["tokenuser"]) for card in cards}
    assert nodes.rows("SELECT count(*) FROM card") == [(1,)]
    assert nodes.opened([pair]) == [PAN]


def test_p25_the_same_hotels_pulled_by_four_gateways_at_once_give_the_same_tokens(nodes):
    for number in range(1, 4):
        hotel = f"BULK-5-{number}"
        given = nodes.at_once(lambda node, hotel=hotel: nodes.tokens(node, hotel))
        assert len(set(given[0])) == 5
        assert given == [given[0]] * COUNT


def test_p24_a_gateway_that_is_killed_within_its_transaction_holds_no_other_up(nodes):
    site, before = nodes.sites[3], nodes.processes[3]
    before.signal(signal.SIGTERM)
    assert before.wait() == 0
    reached = site.directory / "reached"
    nodes.processes[3] = dying = site.start("tests.e2e.stopped", "keep:written", reached)
    (count,) = nodes.rows("SELECT count(*) FROM card")[0]
    gone = []

    def ask():
        try:
            nodes.pull(3, "BULK-5-20")
        except OSError as error:  # requests': nobody answers
            gone.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    given = [nodes.tokens(number, "BULK-5-20") for number in range(3)]
    asking.join()
    assert dying.wait() == -signal.SIGKILL
    assert reached.read_text() == "keep:written"
    assert len(gone) == 1
    assert given == [given[0]] * 3
    nodes.processes[3] = site.start()
    assert nodes.tokens(3, "BULK-5-20") == given[0]
    assert nodes.rows("SELECT count(*) FROM card") == [(count + 5,)]
    assert None not in nodes.opened(given[0])


def test_p27_while_postgresql_is_away_all_refuse_and_go_on_after(nodes):
    load = Load(nodes, range(30, 90))
    assert until(10, lambda: len(load.answered) > 8) is not None
    nodes.server.stop()
    assert until(15, lambda: set(load.refused) == set(range(COUNT))) is not None
    for checks in nodes.at_once(lambda number: ready(nodes, number, 503)):
        assert checks["vault"] == "vault_unavailable"
    assert nodes.processes[0].get("control", "/healthz").status_code == 200
    before = len(load.refused)
    assert (
        until(5, lambda: len(load.refused) > before + 8) is not None
    )  # at once, not each after a wait
    nodes.server.start()
    started, before = time.monotonic(), list(load.by_node)
    for checks in nodes.at_once(lambda number: ready(nodes, number, 200)):
        assert checks["vault"] == "ok"
    assert until(10, lambda: all(map(int.__lt__, before, load.by_node))) is not None
    assert time.monotonic() - started < 15
    load.end()
    assert load.lost == []
    numbers = nodes.opened(load.tokens())
    assert None not in numbers
    assert len(set(numbers)) == len(numbers)
    assert nodes.rows(
        "SELECT count(*) FROM (SELECT look_up FROM card GROUP BY 1 HAVING count(*) > 1) x"
    ) == [(0,)]
    for process in nodes.processes:
        assert PAN not in process.log()
        assert '"reason": "unreachable"' in process.log()


def test_p23_p25_keys_are_renewed_while_one_stands_still_and_others_are_killed(nodes):
    """By the commands that docs/keys.md names. One gateway stands still from before the new keys are made
    until after the old ones are gone, one is killed and starts anew, and so is the command that seals."""
    site, asleep, numbers = nodes.sites[0], nodes.processes[3], range(100, 160)
    vault = open_vault(site.config)
    many_more = [one.token for one in keep(vault, *many(1500))]
    vault.close()
    load = Load(nodes, numbers)
    assert until(10, lambda: all(load.by_node)) is not None
    asleep.signal(signal.SIGSTOP)
    # As if it had been silent for a minute, and who was killed before: the command would wait as long.
    running = [process.child.pid for process in nodes.processes[:3]]
    awake = " AND ".join(f"process NOT LIKE '%:{pid}:%'" for pid in running)
    assert nodes.execute(f"UPDATE keyring_reader SET seen = '2026-01-01' WHERE {awake}") > 0
    assert "Used from now on" in site.cli("vault", "rotate")
    old, new = (dict(nodes.rows(OF_STATE.format(state))) for state in ("retiring", "active"))
    assert old.keys() >= {"data", "look_up", "tokenuser"}
    seal = subprocess.Popen(
        [*COMMAND, "vault", "rewrap", "--config", str(site.config_file)],
        env=environment(), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert until(20, lambda: nodes.under("card", new["data"]) > 300) is not None
    seal.kill()
    assert seal.wait() == -signal.SIGKILL
    assert nodes.under("card", old["data"]) > 0  # it was in the middle
    nodes.processes[2].signal(signal.SIGKILL)
    assert nodes.processes[2].wait() == -signal.SIGKILL
    nodes.processes[2] = nodes.sites[2].start()
    assert "Sealed anew" in site.cli("vault", "rewrap")
    erased = site.cli("vault", "rotate", "--retire")
    assert (
        f"{old['data']} (data), {old['look_up']} (look_up), {old['tokenuser']} (tokenuser)"
        in erased
    )
    before = list(load.by_node)
    asleep.signal(signal.SIGCONT)
    assert until(20, lambda: all(map(int.__lt__, before, load.by_node))) is not None
    load.end()
    assert set(load.lost) <= {2}
    kept = {key for (key,) in nodes.rows("SELECT id FROM keyring")}
    gone = {key for (key,) in nodes.rows("SELECT key FROM key_event")} - kept
    assert gone >= {old["data"], old["look_up"], old["tokenuser"]}
    for column in {column for columns in USES.values() for column in columns}:
        named = nodes.named(column)
        assert named <= kept, column
    tokens = load.tokens() + [(one.iduser, one.tokenuser) for one in many_more]
    opened = nodes.opened(tokens)
    assert None not in opened
    assert len(set(opened)) == len(opened)  # no card has two tokens
    assert opened[-1500:] == [one.card.pan.reveal() for one in many(1500)]
    assert "As they were written" in site.cli("audit", "verify")
