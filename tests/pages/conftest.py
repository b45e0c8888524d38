from __future__ import annotations

import pytest

from gateway.sandbox.server import Sandbox
from gateway.sandbox.tls import server_context
from tests.pages.browser import Browser, why_not
from tests.pages.site import SECRET, Framing, Hotel


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="session")
def framing(sandbox):
    """The PMS's own site."""
    site = Framing(server_context(sandbox.directory))
    yield site
    site.shutdown()
    site.server_close()


@pytest.fixture(scope="session")
def hotel(sandbox, framing, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGES_WEBHOOK", SECRET)
        running = Hotel(tmp_path_factory.mktemp("hotel"), sandbox, framing.origin)
        yield running
        running.gateway.stop(grace=0.5)


@pytest.fixture(scope="session")
def chromium():
    if why_not():
        pytest.skip(why_not())
    with Browser() as started:
        yield started


@pytest.fixture
def browser(chromium):
    """A browser on a blank page, as wide as a desk's screen."""
    chromium.fresh()
    return chromium
