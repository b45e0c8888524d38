from __future__ import annotations

import pytest

from gateway.sandbox.server import Sandbox
from tests.processors.orders import set_credentials
from tests.processors.served import Gateway


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def products(processor):
    return {
        "seaside": {"merchant_code": "seaside01", "terminal": 1, "mode": "test", "processor": processor, "hold_cvc_minutes": 15},
        "hilltop": {"merchant_code": "hilltop01", "terminal": 1, "mode": "test", "processor": processor, "hold_cvc_minutes": 15},
        "grand": {"merchant_code": "grand01", "terminal": 1, "mode": "live", "processor": processor},
    }  # fmt: skip


@pytest.fixture(scope="session")
def gateways(sandbox, tmp_path_factory):
    """A gateway by the name of its products' processor."""
    started = {}

    def of(processor):
        if processor not in started:
            directory = tmp_path_factory.mktemp(processor)
            made = Gateway(directory, sandbox, products=products(processor))
            started[processor] = made
            assert set_credentials(made, "seaside", processor).status_code == 200
        return started[processor]

    yield of
    for gateway in started.values():
        gateway.stop(grace=0.5)


@pytest.fixture
def gateway(gateways):
    return gateways("sandbox")


@pytest.fixture(autouse=True)
def _nothing_was_received(sandbox):
    """What processors keep of cards stays: so does what the gateway knows of it."""
    sandbox.received.clear()
