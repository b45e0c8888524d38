"""Who may call, through real sockets: networks, keys, CONNECT, products, refusals, tunnels."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from gateway.access.keys import FRESH, Keys, key_id
from gateway.errors import UpstreamForbidden
from tests.e2e.process import until
from tests.running import Running

NOWHERE = "https://nowhere.example/"


def code_of(answer):
    return answer.status_code, answer.json()["code"]


def connect_line(gateway, target, *headers):
    """The first line of the answer to a CONNECT, raw."""
    host, port = gateway.addresses.proxy
    with socket.create_connection((host, port), 10) as raw:
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *headers, "", ""]
        raw.sendall("\r\n".join(lines).encode())
        return raw.makefile("rb").readline().decode("latin-1").strip()


def siteminder(gateway):
    return f"siteminder.sandbox.test:{gateway.sandbox.ports['siteminder']}"


def test_p28_no_key(gateway):
    answer = gateway.pull("10107", session=gateway.session())
    assert code_of(answer) == (401, "key_required")
    assert "Server-Timing" not in answer.headers
    assert not gateway.sandbox.received.requests("siteminder")


@pytest.mark.parametrize("change", ["unknown", "cut", "checksum", "revoked", "expired", "network"])
def test_p28_a_key_that_is_not_valid(gateway, change):
    if change == "expired":
        key = gateway.key(expires=datetime.now(UTC) - timedelta(seconds=1))
    elif change == "network":
        key = gateway.key(networks=("192.0.2.0/24",))
    else:
        key = gateway.key()
    if change == "unknown":
        key = "cgk_" + "a" * 12 + "_" + "b" * 40
    elif change == "cut":
        key = key[:-1]
    elif change == "checksum":
        key = key[:-1] + ("A" if key[-1] != "A" else "B")
    elif change == "revoked":
        gateway.worker._vault.keys.revoke(key_id(key), datetime.now(UTC), "test")
        gateway.worker._access.keys.refresh()
    answer = gateway.pull("10107", session=gateway.session(key))
    assert code_of(answer) == (401, "key_invalid")
    assert not gateway.sandbox.received.requests("siteminder")


def test_two_different_keys(gateway):
    headers = {"PAYCOMET-API-TOKEN": gateway.key()}
    answer = gateway.pull("10107", session=gateway.session(gateway.key()), headers=headers)
    assert code_of(answer) == (400, "keys_conflict")


def test_a_partners_own_api_key_passes_and_ours_does_not(gateway):
    gateway.pull(
        "10107",
        session=gateway.session(gateway.key(), connect_key=True),
        headers={"X-Api-Key": "the-partners", "X-Gateway-Product": "seaside"},
    )
    (request,) = gateway.sandbox.received.requests("siteminder")
    assert request.header("X-Api-Key") == "the-partners"
    gateway.sandbox.reset()
    gateway.pull("10107")
    (request,) = gateway.sandbox.received.requests("siteminder")
    names = {name.lower() for name, _ in request.headers}
    assert not names & {"x-api-key", "proxy-authorization", "x-gateway-product"}


def test_connect_with_a_wrong_key_is_407_and_names_the_reason(gateway):
    line = connect_line(gateway, siteminder(gateway), "Proxy-Authorization: Basic cG1zOndyb25n")
    assert line.startswith("HTTP/1.1 407")
    assert "proxy_key_invalid" in line


def test_connect_to_a_host_that_no_route_names(gateway):
    line = connect_line(gateway, "nowhere.example:443")
    assert line.startswith("HTTP/1.1 403")
    assert "route_unknown" in line


def test_p31_control_and_metrics_can_not_be_reached_through_the_proxy(gateway):
    for name in ("control", "metrics", "proxy", "endpoints"):
        host, port = getattr(gateway.addresses, name)
        assert connect_line(gateway, f"{host}:{port}").startswith("HTTP/1.1 403")
        answer = requests.get(
            f"http://{host}:{port}/metrics",
            proxies={"http": gateway.proxy},
            headers={"X-Api-Key": gateway.key()},
            timeout=10,
        )
        assert answer.status_code == 403


def test_p31_each_listener_is_one_of_our_own_even_where_its_address_is_permitted(own_gateway):
    gateway = own_gateway(egress={"private": [{"host": "localhost", "networks": ["127.0.0.0/8"]}]})

    def addresses(port):
        return gateway.loop.call(gateway.worker._egress.addresses("localhost", port))

    with socket.create_server(("127.0.0.1", 0)) as other:
        assert [str(one) for one in addresses(other.getsockname()[1])] == ["127.0.0.1"]
    for _, (_, port) in gateway.addresses.items():
        with pytest.raises(UpstreamForbidden):
            addresses(port)


def test_a_path_that_no_route_names(gateway):
    with gateway.session(gateway.key()) as session:
        answer = session.post(f"https://{siteminder(gateway)}/elsewhere", data="x", timeout=10)
        assert code_of(answer) == (403, "route_unknown")
        answer = session.get(f"https://{siteminder(gateway)}/pmsxchangev2/services/X", timeout=10)
        assert code_of(answer) == (403, "route_unknown")
    assert not gateway.sandbox.received.requests("siteminder")


def test_which_product(gateway):
    both = gateway.key(products=("seaside", "hilltop"))
    feed = f"{gateway.sandbox.named_url('channex')}/api/v1/booking_revisions/feed?filter[property_id]=CARD"
    headers = {"user-api-key": "sandbox"}
    with gateway.session(both) as session:
        named = session.get(feed, headers=headers | {"X-Gateway-Product": "hilltop"}, timeout=10)
        assert named.status_code == 200, named.text
        wrong = session.get(feed, headers=headers | {"X-Gateway-Product": "grand"}, timeout=10)
        assert code_of(wrong) == (403, "product_not_permitted")
        none = session.get(feed, headers=headers | {"X-Gateway-Product": "nosuch"}, timeout=10)
        assert code_of(none) == (400, "product_unknown")


def test_without_a_map_and_without_a_name_the_keys_only_product(own_gateway):
    gateway = own_gateway(hotels={"channex": {}})
    feed = f"{gateway.sandbox.named_url('channex')}/api/v1/booking_revisions/feed?filter[property_id]=CARD"
    headers = {"user-api-key": "sandbox"}
    with gateway.session(gateway.key(products=("hilltop",))) as session:
        assert session.get(feed, headers=headers, timeout=10).status_code == 200


def test_the_clients_network_is_enough_where_the_configuration_says_so(own_gateway):
    clients = {
        "pms": {
            "networks": ["127.0.0.0/8"],
            "network_is_enough": {"scopes": ["proxy"], "products": ["seaside"]},
        }
    }
    gateway = own_gateway(clients=clients)
    answer = gateway.pull("10107", session=gateway.session())
    assert answer.status_code == 200
    assert b"PaycometResponse" in answer.content


def test_p28_a_network_that_is_no_clients(own_gateway):
    gateway = own_gateway(clients={"pms": {"networks": ["192.0.2.0/24"]}})
    assert "network_not_allowed" in connect_line(gateway, siteminder(gateway))
    with gateway.endpoint_session(gateway.key()) as session:
        answer = session.post(f"{gateway.endpoints}/siteminder/services/X", data="x", timeout=10)
    refused = (answer.status_code, answer.headers["X-Gateway-Refused"])
    assert refused == (403, "network_not_allowed")


def test_refused_prints_the_yaml_that_would_allow_it(gateway):
    with gateway.session(gateway.key()) as session, pytest.raises(requests.exceptions.ProxyError):
        session.get(NOWHERE, timeout=10)
    for _ in range(300):
        if any(row.host == "nowhere.example" for row in gateway.worker._vault.refusals.all()):
            break
        time.sleep(0.1)
    from typer.testing import CliRunner

    from gateway.cli.main import app

    told = CliRunner().invoke(app, ["refused", "--config", str(gateway.config_file)])
    assert told.exit_code in {0, 1}
    assert "nowhere.example" in told.output
    assert "tunnel:" in told.output or "to: https://nowhere.example" in told.output


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello, not inspected")

    def log_message(self, *args):
        pass


def test_tunnelled_hosts_pass_blind(own_gateway, tmp_path):
    from tests.pki import Authority

    ca = Authority(tmp_path)
    issued = ca.issue("localhost")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    target = f"localhost:{port}"
    try:
        gateway: Running = own_gateway(
            tunnel=[target],
            egress={"private": [{"host": "localhost", "networks": ["127.0.0.0/8"]}]},
        )
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = {"https": gateway.proxy}
            session.verify = str(ca.certificate)  # the host's own certificate: nobody between
            answer = session.get(f"https://{target}/", timeout=10)
        assert answer.text == "hello, not inspected"
    finally:
        server.shutdown()
        server.server_close()


def test_json_logs_hold_no_key(gateway):
    key = gateway.key()
    gateway.pull("10107", session=gateway.session(key))
    logged = gateway.logs.getvalue()
    assert key not in logged
    for line in logged.splitlines():
        json.loads(line)


# --- how fresh the keys are -----------------------------------------------------------------------


def test_no_request_waits_for_the_table_of_keys(own_gateway, monkeypatch):
    """A key that has been seen is never looked up on the event loop: a thread was there before."""
    gateway = own_gateway()
    key = gateway.key()
    table, loop = gateway.worker._vault.keys, gateway.loop.thread
    on_loop, beside, original = [], [], table.all

    def counted():
        (on_loop if threading.current_thread() is loop else beside).append(time.monotonic())
        return original()

    monkeypatch.setattr(table, "all", counted)
    monkeypatch.setattr(gateway.worker._upkeep, "flush", lambda: time.sleep(5) or {})  # a slow disk
    with gateway.session(key) as session:
        end = time.monotonic() + 3 * FRESH.total_seconds()
        while time.monotonic() < end:
            assert gateway.pull("NOCARD", session=session).status_code == 200
            time.sleep(0.02)
    assert len(beside) >= 5
    assert on_loop == []


def test_not_even_the_first_request_does(own_gateway, monkeypatch):
    reads, original = [], Keys.refresh

    def counted(keys):
        reads.append(threading.current_thread())
        original(keys)

    monkeypatch.setattr(Keys, "refresh", counted)
    gateway = own_gateway()  # is ready to serve
    assert reads
    assert gateway.loop.thread not in reads


def test_p28_a_revoked_key_stops_within_two_seconds(own_gateway):
    gateway = own_gateway()
    key = gateway.key()
    with gateway.session(key) as session:
        assert gateway.pull("NOCARD", session=session).status_code == 200
        gateway.worker._vault.keys.revoke(key_id(key), datetime.now(UTC), "test")
        revoked, begun = time.monotonic(), []

        def refused():
            begun.append(time.monotonic())
            return gateway.pull("NOCARD", session=session).status_code == 401

        assert until(30, refused)
    assert all(at - revoked < FRESH.total_seconds() for at in begun[:-1])  # those that it let in
