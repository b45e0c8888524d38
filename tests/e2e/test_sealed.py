"""A gateway that starts before the server that keeps its key: there, refusing, and unsealed by itself."""

from __future__ import annotations

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests
import yaml

from tests.e2e.process import BULK, IDUSER, Site, free_port, until
from tests.vault.transit_server import TransitServer

EXPECTING = b"Content-Length: 9\r\nExpect: 100-continue"
UNSEAL_SECONDS = 30  # the longest pause between two tries is ten


class Night:
    """A site whose key is with a transit server, and a client's key from before the reboot."""

    def __init__(self, directory, sandbox) -> None:
        self.pki, closed = directory / "pki", directory / "secrets"
        self.pki.mkdir()
        closed.mkdir()
        self.server = TransitServer(self.pki)
        self.token = self.server.token()
        file = closed / "token"
        file.write_text(self.token)
        file.chmod(0o600)
        transit = {
            "url": self.server.url,
            "key": "card-gateway",
            "ca": str(self.server.authority.certificate),
            "token": {"file": str(file)},
            "wait_seconds": 600,  # other commands may wait so long; the gateway's ports do not
        }
        self.site = Site(
            directory / "site", sandbox, hotels=BULK, vault={"kek": {"transit": transit}}
        )
        self.key = self.site.key()

    def with_pages(self):
        site = self.site
        said = yaml.safe_load(site.config_file.read_text(encoding="utf-8"))
        said["products"]["seaside"]["pages"] = {"name": "Hotel Seaside"}
        site.ports["pages"] = free_port()
        said["listen"]["pages"] = f"127.0.0.1:{site.ports['pages']}"
        site.config_file.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
        site.cli("certs", "init")

    def seal(self):
        self.server.sealed = True

    def close(self):
        self.site.close()
        self.server.close()


@pytest.fixture
def night(tmp_path, sandbox):
    made = Night(tmp_path, sandbox)
    yield made
    made.close()


def is_sealed(answer):
    assert (answer.status_code, answer.json()["code"]) == (503, "vault_sealed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0


def ready(process):
    answer = process.get("control", "/readyz")
    return answer.status_code, answer.json()


def speak(port, text, seconds=10):
    """Everything that a port answers to `text`, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(text)
        found = b""
        while part := client.recv(65536):
            found += part
    return found


def test_p27_reboot_at_three_in_the_morning(night, sandbox):
    """The gateway is up first, its key keeper later: refused, then served, without a restart."""
    night.server.close()
    process = night.site.start_sealed()
    assert ready(process)[0] == 503
    with process.session(night.key) as session, pytest.raises(requests.exceptions.ProxyError):
        process.pull(session, "10107")
    assert not sandbox.received.requests()

    port, tokens, keys = night.server.port, night.server.tokens, night.server.keys
    authority = night.server.authority
    night.server = TransitServer(night.pki, port=port, authority=authority)
    night.server.tokens, night.server.keys = tokens, keys
    process.await_unsealed()
    assert until(UNSEAL_SECONDS, lambda: ready(process)[0] == 200) is not None
    assert process.metric("card_gateway_vault_sealed") == 0
    with process.session(night.key) as session:
        assert IDUSER.findall(process.pull(session, "10107").text)
    assert "kek_awaited" in process.log()
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def test_p27_every_port_of_a_sealed_gateway_refuses(night, sandbox):
    night.with_pages()
    night.seal()
    process, ports = night.site.start_sealed(), night.site.ports
    authority = night.site.config.authority
    ca = str(authority / "mitmproxy-ca-cert.pem")
    for method, path in (("GET", "/"), ("POST", "/api/v1/siteminder"), ("PUT", "/deep/path?a=b")):
        url = f"https://localhost:{ports['endpoints']}{path}"
        is_sealed(requests.request(method, url, data=b"x" * 300_000, verify=ca, timeout=20))
    is_sealed(requests.get(f"https://localhost:{ports['pages']}/c", verify=ca, timeout=20))
    for path in ("/v1/cards", "/v1/keys", "/openapi.json", "/docs", "/"):
        is_sealed(process.get("control", path))
    for request in (
        b"CONNECT api.siteminder.example:443 HTTP/1.1\r\nHost: api.siteminder.example:443\r\n\r\n",
        b"GET http://api.siteminder.example/ HTTP/1.1\r\nHost: api.siteminder.example\r\n\r\n",
        b"POST http://h.example/ HTTP/1.1\r\nHost: h.example\r\n%s\r\n\r\n" % EXPECTING,
    ):
        head, _, body = speak(ports["proxy"], request).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 "), head
        assert b"retry-after: " in head.lower()
        assert json.loads(body)["code"] == "vault_sealed"
    assert not sandbox.received.requests()
    assert process.get("control", "/healthz").status_code == 200
    assert ready(process) == (
        503,
        {
            "status": "not ready",
            "checks": {"serving": "vault_sealed", "vault": "vault_sealed"},
            "why": {
                "serving": "it is sealed, or has no active node",
                "vault": "it is sealed, or has no active node",
            },
        },
    )
    assert process.metric("card_gateway_vault_sealed") == 1
    metrics = process.get("metrics", "/metrics").text
    assert 'card_gateway_refused_total{reason="vault_sealed"}' in metrics
    assert night.token not in process.log()
    assert night.server.url not in json.dumps(ready(process)[1])


def test_p27_many_who_wait_do_not_keep_a_sealed_gateway_sealed(night):
    """Clients that send half a request and nothing more, while it unseals."""
    night.seal()
    process = night.site.start_sealed()
    half = b"POST http://h.example/ HTTP/1.1\r\nHost: h.example\r\nContent-Length: 9\r\n\r\nhal"
    waiting = [socket.create_connection(("127.0.0.1", process.site.ports["proxy"])) for _ in "1234"]
    for client in waiting:
        client.sendall(half)
    night.server.sealed = False
    process.await_unsealed()
    assert ready(process)[0] == 200
    for client in waiting:
        client.close()


@pytest.mark.parametrize("hangs", [False, True], ids=["refuses", "hangs"])
def test_p40_a_sealed_gateway_stops_at_once(night, hangs):
    night.seal()
    process = night.site.start_sealed()
    with ExitStack() as ends:
        if hangs:  # it takes a connection, and says nothing
            night.server.close()
            deaf = ends.enter_context(socket.create_server(("127.0.0.1", night.server.port)))
            deaf.settimeout(UNSEAL_SECONDS)
            ends.enter_context(deaf.accept()[0])
        started = time.monotonic()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert time.monotonic() - started < 5
    assert night.site.listening() == set()


def test_p27_a_sealed_gateway_whose_server_says_no_ends(night):
    """What will not mend itself is the same mistake before and behind the waiting."""
    night.seal()
    process = night.site.start_sealed()
    night.server.tokens.clear()
    night.server.sealed = False
    assert process.wait() == 2
    assert "gives no right" in process.log()
    assert "Traceback" not in process.log()
    assert night.token not in process.log()
    assert night.site.listening() == set()


def test_p38_a_sealed_gateway_whose_port_is_taken(night):
    night.seal()
    with socket.create_server(("127.0.0.1", night.site.ports["metrics"])):
        ended = night.site.boot()
    assert ended.returncode == 2
    assert "Stop what listens there" in ended.stderr
    assert night.site.listening() == set()


def test_p27_requests_while_it_unseals_are_refused_or_served(night):
    """Nobody is answered by anything else; between the two a connection may be refused."""
    night.seal()
    process = night.site.start_sealed()

    def ask(_):
        try:
            return ready(process)[0]
        except requests.exceptions.ConnectionError:
            return "refused"

    night.server.sealed = False
    seen = set()
    with ThreadPoolExecutor(4) as pool:
        ends = time.monotonic() + UNSEAL_SECONDS
        while 200 not in seen and time.monotonic() < ends:
            seen |= set(pool.map(ask, range(8)))
    assert seen <= {503, 200, "refused"}
    assert 200 in seen
