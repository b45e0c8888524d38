from __future__ import annotations

import pytest

from gateway.sandbox.server import Sandbox


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
