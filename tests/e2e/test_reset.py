"""P24: the PMS's machine resets its connection while SiteMinder thinks, or is in the middle of its answer."""

from __future__ import annotations

import pytest

from gateway.vault.answer import AnswerState
from tests.e2e.inbox import kept, listed
from tests.e2e.ota import bookings, tokens
from tests.e2e.process import until
from tests.e2e.wired import WAYS, Pms, reset


@pytest.fixture(scope="module")
def gateways(sandbox, tmp_path_factory):
    """A gateway whose endpoint speaks plain text too."""
    from tests.running import Running

    plain = {"address": "127.0.0.1:0", "plain_text_networks": ["127.0.0.0/8"]}
    running = Running(
        tmp_path_factory.mktemp("reset"), sandbox, listen={"endpoints": plain},
        hotels={"siteminder": {"SLOW-1": "seaside", "DRIP": "seaside"}},
    )  # fmt: skip
    yield running
    running.stop(grace=0.5)


@pytest.mark.parametrize("hotel", ["SLOW-1", "DRIP"], ids=["thinks", "speaks"])
@pytest.mark.parametrize("way", [*WAYS, "endpoint without TLS"])
def test_p24_a_pms_that_resets_finds_its_answer_undelivered(gateways, sandbox, way, hotel):
    gateway, name = gateways, f"reset-{way.replace(' ', '-')}-{hotel}"
    addresses = gateway.addresses
    pms = Pms(
        sandbox, gateway.ca, gateway.key(),
        proxy=addresses.proxy[1], endpoints=addresses.endpoints[1],
    )  # fmt: skip
    way, _, without = way.partition(" ")
    with pms.connect(way, tls=not without) as wire:
        wire.send(pms.ask(way, hotel, name))
        assert until(10, lambda: sandbox.received.requests("siteminder"))
        reset(wire)

    def found():
        return [row for row in listed(gateway) if row.exchange == name]

    assert until(10, found)
    # Once nothing of the connection is left, it is as far as it will ever come.
    assert until(10, lambda: gateway.worker._engine.connections == 0)
    (row,) = found()
    assert (row.state, row.hotels) == (AnswerState.UNDELIVERED, (hotel,))
    body = kept(gateway, row).body
    assert len(tokens(*bookings(body))) == 1
    again = pms.pull("proxy", hotel, f"{name}-again").body
    assert tokens(*bookings(again)) == tokens(*bookings(body))
