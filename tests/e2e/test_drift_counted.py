"""What two gateways on one vault count of their routes adds up, whenever one of them is killed.

Each is a process of its own. One writes what it counted often, another not before it is stopped: then it is
known what a kill may cost.
"""

from __future__ import annotations

import random
import signal
import threading
from contextlib import suppress

import pytest
import requests

from gateway.vault.configured import open_vault
from tests import postgres
from tests.e2e.process import BULK, Site, until

OFTEN, NEVER = "0.2", "3600"  # seconds
SECONDS = 30
HOTEL = "10107"


class Two:
    """Two gateways on one vault, each with ports of its own; of `server`, a PostgreSQL, if there is one."""

    def __init__(self, directory, sandbox, server=None) -> None:
        self.server, self.sites = server, []
        for number in range(2):
            more = {"state": str(directory / "state-0")}
            if server is not None:
                url = f"postgresql://postgres@/postgres?host={server.data}"
                more = {"state": str(directory / f"state-{number}"), "vault": {"url": url}}
            self.sites.append(Site(directory / f"site-{number}", sandbox, hotels=BULK, **more))
        first, second = self.sites
        open_vault(first.config).close()  # makes the KEK
        if server is not None:
            kek = second.config.state / "kek"
            kek.write_bytes((first.config.state / "kek").read_bytes())
            kek.chmod(0o600)
        self.key = first.key()

    def start(self, number, often):
        return self.sites[number].start("tests.e2e.counting", often)

    def counted(self):
        """Messages, bookings, bookings with a card: what stands in the vault."""
        vault = open_vault(self.sites[0].config)
        try:
            hours = [one for one in vault.route_hours.since(0) if one.route == "siteminder/pull"]
        finally:
            vault.close()
        return tuple(sum(one[place] for one in hours) for place in (3, 4, 5))

    def pull(self, process, times):
        """So many answers with a booking and its card each, which their clients have."""
        with process.session(self.key) as session:
            for _ in range(times):
                assert process.pull(session, HOTEL).status_code == 200

    def close(self) -> None:
        for site in self.sites:
            site.close()
        if self.server is not None:
            self.server.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def two(request, sandbox, tmp_path_factory):
    server = postgres.Server() if request.param == "postgres" else None
    made = Two(tmp_path_factory.mktemp("two"), sandbox, server)
    yield made
    made.close()


@pytest.fixture
def before(two):
    return two.counted()[0]


def ended(process):
    """Stopped in order: what it counted is written."""
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def test_what_two_gateways_count_adds_up(two, before):
    often, never = two.start(0, OFTEN), two.start(1, NEVER)
    threads = [
        threading.Thread(target=two.pull, args=(process, times))
        for process, times in ((often, 15), (never, 12))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert until(SECONDS, lambda: two.counted()[0] == before + 15)
    ended(never)
    assert two.counted()[0] == before + 27
    ended(often)
    messages, bookings, with_card = two.counted()
    assert (messages, bookings, with_card) == (before + 27,) * 3


def test_a_kill_costs_what_was_not_written_yet_and_nothing_of_the_others(two, before):
    killed, other = two.start(0, NEVER), two.start(1, OFTEN)
    two.pull(killed, 5)
    two.pull(other, 4)
    assert until(SECONDS, lambda: two.counted()[0] == before + 4)
    killed.kill()
    again = two.start(0, OFTEN)
    two.pull(again, 3)
    assert until(SECONDS, lambda: two.counted()[0] == before + 7)
    ended(again)
    ended(other)
    assert two.counted()[0] == before + 7  # none of the five came back, none counts twice


def test_a_kill_at_any_moment_counts_nothing_twice(two, before):
    """What was there stays; of what was asked meanwhile each counts once, or is lost."""
    chance = random.Random(1)  # no secret
    for _ in range(3):
        process = two.start(0, OFTEN)
        two.pull(process, 5)
        assert until(SECONDS, lambda: two.counted()[0] == before + 5)  # noqa: B023
        killer = threading.Timer(chance.random() / 2, process.kill)
        killer.start()
        asked = 0
        # until it is dead
        with process.session(two.key) as session, suppress(requests.RequestException):
            while asked < 200:
                asked += 1
                process.pull(session, HOTEL)
        killer.join()
        after = two.counted()[0]
        assert before + 5 <= after <= before + 5 + asked
        before = after
