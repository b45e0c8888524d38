from __future__ import annotations

import pytest

from gateway.sandbox.server import Sandbox
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
