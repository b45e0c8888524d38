from __future__ import annotations

import pytest

from tests.e2e.conftest import _everything_undelivered, gateway, sandbox
from tests.running import Running

__all__ = ["_everything_undelivered", "gateway", "sandbox", "tls_proxy"]


@pytest.fixture(scope="session")
def tls_proxy(sandbox, tmp_path_factory):
    """A gateway whose proxy listener speaks TLS itself, as it must beyond loopback."""
    directory = tmp_path_factory.mktemp("tls-proxy")
    own = {name: str(directory / f"state/ca/endpoints-{name}.pem") for name in ("cert", "key")}
    proxy = {"address": "127.0.0.1:0", "tls": {"certificate": own["cert"], "key": own["key"]}}
    listen = dict.fromkeys(("endpoints", "control", "metrics"), "127.0.0.1:0") | {"proxy": proxy}
    running = Running(directory, sandbox, listen=listen)
    yield running
    running.stop()
