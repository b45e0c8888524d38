"""The sandbox as a whole: its CA, its ports, its log, starting and stopping."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gateway.sandbox.server import HOSTS, PortTaken, Sandbox, fixed_ports
from gateway.sandbox.tls import make_authority
from tests.e2e.process import until
from tests.sandbox.handshake import HalfShaken


def test_every_listener_is_on_loopback_and_answers(sandbox, ca):
    assert set(sandbox.ports) == {host.name for host in HOSTS}
    assert all(port > 0 for port in sandbox.ports.values())
    for host in HOSTS:
        assert requests.get(sandbox.url(host.name) + "/x", verify=ca).status_code in (200, 401, 404)


@pytest.mark.parametrize(
    "name",
    ["siteminder.sandbox.test", "pal.adyen.sandbox.test", "localhost", "127.0.0.1"],
)
def test_the_certificate_holds_the_names(sandbox, ca, name):
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("127.0.0.1", sandbox.ports["siteminder"])) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        assert secure.version() in ("TLSv1.2", "TLSv1.3")


def test_another_name_and_an_old_tls_are_not_taken(sandbox, ca):
    context = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection(("127.0.0.1", sandbox.ports["stripe"])) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="api.stripe.com")
    assert ssl_context(sandbox).minimum_version is ssl.TLSVersion.TLSv1_2


def ssl_context(sandbox):
    from gateway.sandbox.tls import server_context

    return server_context(sandbox.directory)


def test_the_authority_is_reused_and_its_keys_are_private(tmp_path):
    ca_file = make_authority(tmp_path / "deep" / "down")
    made = {path.name: path.read_bytes() for path in ca_file.parent.iterdir()}
    assert make_authority(ca_file.parent) == ca_file
    assert {path.name: path.read_bytes() for path in ca_file.parent.iterdir()} == made
    for path in ca_file.parent.glob("*key*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ca_file.write_bytes(b"damaged")
    make_authority(ca_file.parent)
    assert ca_file.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    (ca_file.parent / "sandbox-cert-key.pem").unlink()
    make_authority(ca_file.parent)
    assert (ca_file.parent / "sandbox-cert-key.pem").exists()


def test_gateway_settings_are_the_test_hosts(sandbox):
    settings = sandbox.gateway_settings()
    port = sandbox.ports["siteminder"]
    assert settings[f"siteminder.sandbox.test:{port}"] == {
        "stands_for": "ws.siteminder.com",
        "address": "127.0.0.1",
        "ca": str(sandbox.ca_file),
    }
    assert (
        settings[f"stripe.sandbox.test:{sandbox.ports['stripe']}"]["stands_for"] == "api.stripe.com"
    )
    assert "ca" not in settings[f"pms.sandbox.test:{sandbox.ports['pms_plain']}"]
    assert sandbox.named_url("stripe") == f"https://stripe.sandbox.test:{sandbox.ports['stripe']}"


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} .*\(stripe\) is taken"):
            Sandbox(tmp_path, ports={"stripe": port}).start()
    with pytest.raises(ValueError):
        Sandbox(tmp_path, ports={"strype": 0})


def test_it_starts_again_on_the_same_ports_with_the_same_authority(tmp_path):
    with Sandbox(tmp_path) as first:
        ports, ca = dict(first.ports), first.ca_file.read_bytes()
        session = requests.Session()  # a connection that is kept must not delay the end
        session.get(first.url("pms"), verify=str(first.ca_file))
    session.close()
    first.stop()  # twice does no harm
    with Sandbox(tmp_path, ports=ports) as second:
        assert second.ports == ports
        assert second.ca_file.read_bytes() == ca
        assert requests.get(second.url("pms"), verify=str(second.ca_file)).status_code == 200


def test_it_runs_beside_an_event_loop(tmp_path):
    async def use():
        async with Sandbox(tmp_path) as sandbox:
            answer = await asyncio.to_thread(
                requests.get, sandbox.url("pms"), verify=str(sandbox.ca_file)
            )
            return answer.status_code

    assert asyncio.run(use()) == 200


def test_fixed_ports_follow_the_base():
    assert fixed_ports() == {
        "siteminder": 9443, "stripe": 9444, "adyen": 9445, "channex": 9446, "pms": 9447,
        "pms_plain": 9448, "paycomet": 9449, "bookingsync": 9450, "rapid": 9451,
        "octorate": 9452, "processor": 9453,
    }  # fmt: skip


def test_p16_the_log_has_method_path_and_status_and_no_card(sandbox, ca, caplog):
    def ours():
        return [one.getMessage() for one in caplog.records if one.name.startswith("gateway")]

    pan = "4242424242424242"
    with caplog.at_level(logging.DEBUG):
        url = sandbox.url("stripe")
        body = f"card[number]={pan}&card[exp_month]=12&card[exp_year]=2030&card[cvc]=987"
        paths = ("/v1/tokens", f"/v1/{pan}", "/v1/4242%204242-4242 4242", f"/v1/x?card={pan}")
        for told, path in enumerate(paths, 1):
            requests.post(
                url + path,
                data=body,
                auth=("sk_test_abc", ""),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                verify=ca,
            )
            assert until(30, lambda told=told: len(ours()) >= told)  # once the answer has left
        assert pan not in repr(sandbox.received.cards("stripe"))
        assert pan not in repr(sandbox.received.requests("stripe"))
    assert ours() == [
        "stripe POST /v1/tokens 200",
        "stripe POST /v1/* 404",
        "stripe POST /v1/* 404",
        "stripe POST /v1/x 404",
    ]
    others = [record for record in caplog.records if record.name.startswith("uvicorn")]
    assert not any(pan in record.getMessage() for record in others)


def test_p16_a_failing_simulator_logs_no_message(sandbox, ca, caplog, monkeypatch):
    def fail(*_):
        raise ValueError("4242424242424242")

    monkeypatch.setattr(sandbox.stripe, "_post", fail)
    url = sandbox.url("stripe") + "/v1/tokens"
    with caplog.at_level(logging.DEBUG):
        answer = requests.post(url, auth=("sk_test_abc", ""), verify=ca)
        # it is logged once the answer has left
        assert until(30, lambda: "a simulator failed: ValueError" in caplog.text)
    assert answer.status_code == 500
    assert "4242424242424242" not in answer.text + caplog.text


def test_a_certificate_that_lacks_a_new_simulators_name_is_made_anew(tmp_path, monkeypatch):
    from gateway.sandbox import tls

    with monkeypatch.context() as before:
        before.setattr(tls, "_NAMES", ("*.sandbox.test",))
        ca_file = make_authority(tmp_path)
    trusted, leaf = ca_file.read_bytes(), (tmp_path / "sandbox-cert.pem").read_bytes()
    make_authority(tmp_path)
    assert ca_file.read_bytes() == trusted  # who trusts it need not do so again
    assert (tmp_path / "sandbox-cert.pem").read_bytes() != leaf


@pytest.mark.parametrize("finishes", [False, True])
def test_stopping_cuts_a_client_in_its_handshake(tmp_path, finishes):
    sandbox = Sandbox(tmp_path).start()
    with (
        HalfShaken(sandbox.ports["stripe"], str(sandbox.ca_file)) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        stopping = pool.submit(sandbox.stop)
        time.sleep(0.02)
        if finishes:
            client.finish()
        stopping.result(30)
        assert client.is_cut_within(30)
