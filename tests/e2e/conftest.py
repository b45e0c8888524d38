from __future__ import annotations

import pytest

from gateway.sandbox.server import Sandbox
from gateway.sandbox.tls import server_context
from tests.e2e.inbox import Once, at_booking_com
from tests.e2e.process import BULK, Site
from tests.e2e.strict import CANARY, LIMITS
from tests.e2e.test_charge import keep
from tests.running import Running


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="session")
def gateway(sandbox, tmp_path_factory):
    """One gateway for all tests that do not change its configuration or stop it."""
    running = Running(tmp_path_factory.mktemp("gateway"), sandbox)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def strict(sandbox, tmp_path_factory):
    """A gateway with small limits; its key and token."""
    running = Running(tmp_path_factory.mktemp("strict"), sandbox, limits=LIMITS)
    running.the_key, running.the_token = running.key(), keep(running)
    yield running
    running.stop(grace=0.5)


@pytest.fixture
def quiet(strict, sandbox):
    """Nothing was forwarded, and the log repeats nothing."""
    start, cards = len(strict.logs.getvalue()), strict.rows("select count(*) from card")
    yield
    assert not sandbox.received.requests()
    assert strict.rows("select count(*) from card") == cards
    assert CANARY not in strict.logs.getvalue()[start:]


@pytest.fixture
def log_of():
    """What a gateway logs from here on."""
    starts = {}

    def read(gateway):
        return gateway.logs.getvalue()[starts[id(gateway)] :]

    def begin(gateway):
        starts[id(gateway)] = len(gateway.logs.getvalue())
        return read

    return begin


@pytest.fixture(autouse=True)
def _everything_undelivered(sandbox):
    sandbox.reset()


@pytest.fixture
def own_gateway(sandbox, tmp_path):
    """A factory of gateways with a configuration of their own; all are stopped at the end."""
    started = []

    def start(**changes):
        running = Running(tmp_path / f"gateway-{len(started)}", sandbox, **changes)
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop(grace=0.5)


@pytest.fixture
def booking_com(own_gateway, sandbox):
    """A gateway, and a Booking.com that delivers a card once."""
    with Once(server_context(sandbox.directory)) as partner:
        gateway = own_gateway(
            test_hosts=at_booking_com(sandbox, partner),
            hotels={"booking-com": {"1": "seaside"}},
        )
        yield gateway, partner


@pytest.fixture
def site(sandbox, tmp_path):
    """Where a gateway may run as a process of its own."""
    made = Site(tmp_path / "site", sandbox, hotels=BULK)
    yield made
    made.close()
