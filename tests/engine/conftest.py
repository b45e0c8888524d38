from __future__ import annotations

import pytest
from mitmproxy.certs import CertStore

from gateway.engine.tls import CA_NAME
from tests.engine.lab import Lab, lab
from tests.pki import Authority


@pytest.fixture(scope="session")
def ca(tmp_path_factory) -> Authority:
    """Signs for upstreams and for our own listeners."""
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def confdir(tmp_path_factory):
    """The gateway's own CA, made once."""
    directory = tmp_path_factory.mktemp("confdir")
    CertStore.create_store(directory, CA_NAME, 2048)
    return directory


@pytest.fixture
def world(ca, confdir) -> Lab:
    with lab(ca, confdir) as made:
        yield made


@pytest.fixture(params=["asyncio", "uvloop"])
def any_world(ca, confdir, request) -> Lab:
    """The same on each event loop."""
    with lab(ca, confdir, request.param) as made:
        yield made
