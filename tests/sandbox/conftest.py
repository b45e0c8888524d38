from __future__ import annotations

import ssl
from datetime import timedelta

import httpx
import pytest

from gateway.sandbox.server import Sandbox
from tests.sandbox.paycomet_calls import Merchant


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running):
    """The one running sandbox, as if it were new."""
    running.reset()
    running.siteminder.settings.polling_seconds = 0.0
    return running


@pytest.fixture
def ca(sandbox):
    return str(sandbox.ca_file)


@pytest.fixture
def merchant(sandbox, ca):
    """Who calls the simulated PAYCOMET."""
    with httpx.Client(
        base_url=sandbox.url("paycomet"),
        verify=ssl.create_default_context(cafile=ca),
        trust_env=False,
        headers={"PAYCOMET-API-TOKEN": "sandbox"},
        timeout=30,
    ) as client:
        yield Merchant(client)


@pytest.fixture
def http(sandbox, ca):
    """Who calls the simulated BookingSync."""
    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(
        verify=context, trust_env=False, base_url=sandbox.url("bookingsync")
    ) as client:
        yield client


@pytest.fixture
def later(sandbox):
    """Moves the clock of the simulated BookingSync."""
    account = sandbox.bookingsync.account
    usual = account.now

    def move(**by):
        account.now = lambda: usual() + timedelta(**by)

    return move
