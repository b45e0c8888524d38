from __future__ import annotations

import pytest

from gateway.sandbox.server import Sandbox
from tests.pages.guests import Guest
from tests.pages.site import SECRET, Hotel


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="session")
def hotel(sandbox, framing, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGES_WEBHOOK", SECRET)
        running = Hotel(tmp_path_factory.mktemp("hotel"), sandbox, framing.origin)
        yield running
        running.gateway.stop(grace=0.5)


@pytest.fixture
def guest(hotel):
    return lambda link: Guest(hotel, link)
