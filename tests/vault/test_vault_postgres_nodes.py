"""Several nodes on one PostgreSQL: what they decide at once, and one that dies or stands still among them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from gateway.errors import VaultBusy, VaultUnavailable
from gateway.vault.retention import _PORTION, Purged
from tests.children import run
from tests.gate import together
from tests.vault.makers import booking, entry, keep, new, opened, pan, rows
from tests.vault.test_vault_retention import BY, DUE, RULE

pytestmark = pytest.mark.postgres_alone


NODE = """
import asyncio, pathlib, sys
from tests import gate
from tests.vault.makers import entry, many, open_vault
vault = open_vault(pathlib.Path(sys.argv[1]))
gate.wait(sys.argv[2])
async def main():
    cards = many(40)
    parts = [cards[n:n + 4] for n in range(0, 40, 4)] + [cards, cards[:1]]
    kept = await asyncio.gather(*(vault.keep(part, [entry()] * len(part)) for part in parts))
    print([one.token.alias for part in kept for one in part])
asyncio.run(main())
vault.close()
"""


@pytest.mark.slow
@pytest.mark.pooled
def test_p25_four_nodes_give_one_token_to_cards_that_come_to_all_at_once(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    said = set(together(NODE, 4, tmp_path))
    assert len(said) == 1
    with opened(tmp_path) as vault:
        assert vault.count_by_product() == {"seaside": 40}
        assert len(vault.entries(limit=10_000)) == 4 * 81
        report = vault.audit.check()
        assert (report.findings, report.entries) == ([], 4 * 81)


@pytest.mark.pooled
def test_p25_what_two_nodes_decide_at_once_is_as_if_one_had_come_first(tmp_path: Path) -> None:
    """Each reads, and then writes what the other has read: PostgreSQL lets one through, the other one
    decides again."""
    seen = []
    with opened(tmp_path) as one, opened(tmp_path) as other:
        keep(one, new())
        both = threading.Barrier(2)

        def work(connection):
            (count,) = connection.execute("SELECT count(*) FROM refusal").fetchone()
            if not seen or len(seen) < 2:
                both.wait(10)
            seen.append(count)
            connection.execute(
                "INSERT INTO refusal (client, listener, method, scheme, host, port, path, code, count,"
                " last) VALUES ('c', 'l', 'm', 's', 'h', ?, 'p', 'c', 1, '2026')",
                (count,),
            )

        futures = [vault._database.write("test", work) for vault in (one, other)]
        for future in futures:
            future.result(20)
        with rows(tmp_path) as connection:
            ports = connection.execute("SELECT port FROM refusal ORDER BY port").fetchall()
    assert ports == [(0,), (1,)]
    assert sorted(seen) == [0, 0, 1]


@pytest.mark.pooled
def test_p24_a_node_that_dies_within_its_transaction_leaves_nothing_and_holds_nobody_up(
    tmp_path: Path,
) -> None:
    script = (
        "import os, pathlib, signal, sys\n"
        "from tests.vault.makers import entry, keep, new, open_vault\n"
        "def step(name):\n"
        "    if name == 'keep:links': os.kill(os.getpid(), signal.SIGKILL)\n"
        "keep(open_vault(pathlib.Path(sys.argv[1]), step=step), new(), entries=[entry()])\n"
    )
    with opened(tmp_path) as vault:
        assert run(script, tmp_path).returncode == -signal.SIGKILL
        (kept,) = keep(vault, new(), entries=[entry()])
        assert kept.created
        assert len(vault.entries()) == 1
        assert vault.audit.check().findings == []


STANDS = """
import os, pathlib, signal, sys, time
from gateway.errors import VaultUnavailable
from tests.vault.makers import entry, keep, new, open_vault
def step(name):
    if name == "keep:written":
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.5)  # until it has come to this thread
try:
    keep(open_vault(pathlib.Path(sys.argv[1]), step=step, busy_seconds=0.5), new(), entries=[entry()])
except VaultUnavailable:
    print("refused")
"""


@pytest.mark.pooled
def test_p24_p27_a_node_that_stands_still_within_its_transaction_holds_nobody_up_for_long(
    tmp_path: Path,
) -> None:
    """Its rows are free after six times what others wait for them; once it goes on, it has written nothing."""
    with opened(tmp_path, busy_seconds=0.5) as vault:
        node = subprocess.Popen(
            [sys.executable, "-c", STANDS, tmp_path], stdout=subprocess.PIPE, text=True
        )
        os.waitid(os.P_PID, node.pid, os.WSTOPPED)
        with pytest.raises(VaultUnavailable):  # the same card: its token is not known yet
            keep(vault, new(), entries=[entry()])
        until, kept = time.monotonic() + 30, None
        while kept is None and time.monotonic() < until:
            with contextlib.suppress(VaultUnavailable):
                (kept,) = keep(vault, new(), entries=[entry()])
        assert kept is not None
        assert kept.created
        node.send_signal(signal.SIGCONT)
        assert node.communicate(timeout=20)[0] == "refused\n"
        assert len(vault.entries()) == 1
        assert vault.audit.check().findings == []


AGAIN = """
import os, pathlib, signal, sys
from tests.vault.makers import open_vault
def step(name):
    if name == sys.argv[2]: os.kill(os.getpid(), signal.SIGKILL)
def add(port):
    def work(connection):
        connection.execute("SELECT count(*) FROM refusal").fetchone()
        if port == 1:
            other._database.write("test", add(2)).result(20)
        connection.execute(
            "INSERT INTO refusal (client, listener, method, scheme, host, port, path, code, count,"
            " last) VALUES ('c', 'l', 'm', 's', 'h', ?, 'p', 'c', 1, '2026')", (port,))
    return work
one, other = [open_vault(pathlib.Path(sys.argv[1]), step=by) for by in (step, lambda _: None)]
one._database.write("test", add(1)).result(20)
"""


@pytest.mark.parametrize("at", ["postgres:again"])
@pytest.mark.pooled
def test_p24_a_node_that_is_killed_before_it_decides_again_leaves_nothing(
    tmp_path: Path, at: str
) -> None:
    assert run(AGAIN, tmp_path, at).returncode == -signal.SIGKILL
    with opened(tmp_path) as vault:
        with rows(tmp_path) as connection:
            assert connection.execute("SELECT port FROM refusal").fetchall() == [(2,)]
        assert keep(vault, new(), entries=[entry()])[0].created
        assert vault.audit.check().findings == []


@pytest.mark.pooled
def test_p25_p27_whoever_is_always_disturbed_writes_alone_in_the_end(tmp_path: Path) -> None:
    """An import of hundreds of cards at a time, among gateways that write all the while."""
    disturbed, refused = [], []

    def add(port):
        def work(connection):
            connection.execute("SELECT count(*) FROM refusal").fetchone()
            if port < 100:
                try:
                    other._database.write("test", add(100 + len(disturbed))).result(20)
                except VaultBusy:
                    refused.append(port)  # it is not its turn
            connection.execute(
                "INSERT INTO refusal (client, listener, method, scheme, host, port, path, code, count,"
                " last) VALUES ('c', 'l', 'm', 's', 'h', ?, 'p', 'c', 1, '2026')",
                (port,),
            )

        return work

    def step(name):
        if name == "postgres:again":
            disturbed.append(name)

    with opened(tmp_path, step=step) as one, opened(tmp_path, busy_seconds=0.3) as other:
        one._database.write("test", add(1)).result(30)
        assert len(disturbed) == 4
        assert refused == [1]
        other._database.write("test", add(200)).result(10)  # and it holds nobody up after
        with rows(tmp_path) as connection:
            ports = connection.execute("SELECT port FROM refusal ORDER BY port").fetchall()
    assert ports == [(1,), (100,), (101,), (102,), (103,), (200,)]


@pytest.mark.pooled
def test_p27_a_large_write_has_its_turn_at_once_and_others_wait_for_that_one(
    tmp_path: Path,
) -> None:
    """A purge and an import of hundreds of cards, which would meet somebody each time."""
    begun, disturbed, waited, ending = [""], [], [], threading.Event()

    def step(name):
        if name == "postgres:again":
            disturbed.append(begun[-1])
        elif name.endswith(":begun"):
            begun.append(name)

    def busily(vault):
        number = 5_000
        while not ending.is_set():
            number += 1
            began = time.monotonic()
            stays = booking(f"RES-{number}", departure=date(2027, 1, 1))
            keep(vault, new(pan(number), at=stays), entries=[entry()])
            waited.append(time.monotonic() - began)

    with (
        opened(tmp_path, step=step) as one,
        opened(tmp_path) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        keep(one, *[new(pan(place), at=booking(f"RES-{place}")) for place in range(1_000)])
        beside = pool.submit(busily, other)
        purged = one.retention.purge(RULE, DUE, BY)
        ending.set()
        beside.result(30)
        assert purged == Purged(1_000, 1_000)
        assert "expire:begun" not in disturbed
        assert begun.count("expire:begun") == 1_000 // _PORTION
        assert waited
        assert other.audit.check().findings == []
