"""Real clients, as docs/compatibility.md tells to set them up: its snippets are run, not copies.

A client that is not installed is skipped with its name; the document says which versions were tried.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest

from gateway.sandbox.pull import read_request
from tests.clients.snippets import CHARGE, PULL, run_snippet, snippets_of
from tests.e2e.test_charge import PAN, keep
from tests.running import ROOT

SNIPPETS = snippets_of(ROOT / "docs" / "compatibility.md")
UPSTREAM_PAN = "4444333322221111"


@dataclass(frozen=True)
class Client:
    """One gateway as a client sees it: `run` runs a snippet of the document against it."""

    gateway: object
    directory: object
    alias: str
    key: str

    def environment(self, key):
        gateway, sandbox = self.gateway, self.gateway.sandbox
        who = sandbox.siteminder.settings
        request = self.directory / "read.xml"
        request.write_text(read_request("10107", who.username, who.password), encoding="utf-8")
        tls = gateway.config.listen.proxy.tls is not None
        port = gateway.addresses.proxy[1]
        proxy = f"localhost:{port}" if tls else f"127.0.0.1:{port}"
        scheme = "https" if tls else "http"
        return {
            "GATEWAY_CA": gateway.ca,
            "NODE_EXTRA_CA_CERTS": gateway.ca,
            "GATEWAY_KEY": key,
            "PROXY": f"{scheme}://{proxy}",
            "PROXY_ADDRESS": proxy,
            "PROXY_WITH_KEY": f"{scheme}://pms:{key}@{proxy}",
            "PULL_URL": f"{sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX",
            "PULL_HOST": f"siteminder.sandbox.test:{sandbox.ports['siteminder']}",
            "ENDPOINT": f"localhost:{gateway.addresses.endpoints[1]}",
            "ENDPOINT_URL": f"{gateway.endpoints}/siteminder/services/SANDBOX",
            "CHARGE_URL": f"{sandbox.named_url('stripe')}/v1/payment_intents",
            "STRIPE_BASE": sandbox.named_url("stripe"),
            "READ_RQ": str(request),
            "ALIAS": self.alias,
            "TRUSTSTORE": str(self.directory / "gateway.p12"),
            "WSDL": str(ROOT / "tests" / "clients" / "pmsxchange.wsdl"),
            "PARTNER_USER": who.username,
            "PARTNER_PASSWORD": who.password,
            "HOME": str(self.directory),
        }

    def run(self, name, *, key=None, options=()):
        return run_snippet(
            name, SNIPPETS[name], self.directory, self.environment(key or self.key), options
        )


def client_of(gateway, directory):
    return Client(gateway, directory, keep(gateway).alias, gateway.key())


@pytest.fixture
def client(gateway, tmp_path):
    return client_of(gateway, tmp_path)


@pytest.fixture
def tls_client(tls_proxy, tmp_path):
    return client_of(tls_proxy, tmp_path)


def check_pulled(shown, times=1):
    assert PULL.findall(shown) == ["200"] * times, shown
    assert shown.count("444433******1111") >= times
    assert len(re.findall(r"<tokenuser>\w{13}</tokenuser>", shown)) == times
    assert UPSTREAM_PAN not in shown


def check_charged(client, shown):
    assert CHARGE.findall(shown) == ["200"], shown
    (card,) = client.gateway.sandbox.received.cards("stripe")
    assert card.number == PAN
    assert PAN not in shown


PULLS = (
    "curl", "requests", "httpx", "aiohttp", "urllib3", "urllib", "zeep", "node", "php", "go",
)  # fmt: skip
ENDPOINTS = (
    "curl-endpoint",
    "requests-endpoint",
    "httpx-endpoint",
    "aiohttp-endpoint",
    "node-endpoint",
    "php-endpoint",
    "go-endpoint",
)
CHARGES = {"curl", "requests", "httpx", "aiohttp", "php", "go"}
# These speak TLS to a proxy.
TLS_PROXY = ("curl", "requests", "httpx", "aiohttp", "urllib3", "zeep", "php", "go")


@pytest.mark.parametrize("name", PULLS)
def test_through_the_proxy(client, name):
    shown = client.run(name)
    check_pulled(shown)
    if name in CHARGES:
        check_charged(client, shown)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_through_a_url_of_the_gateway(client, name):
    check_pulled(client.run(name))


@pytest.mark.parametrize("name", TLS_PROXY)
def test_through_a_proxy_that_speaks_tls(tls_client, name):
    shown = tls_client.run(name)
    check_pulled(shown)
    if name in CHARGES:
        check_charged(tls_client, shown)


WRONG = "cgk_000000000000_" + "0" * 38


@pytest.mark.parametrize("name", ["curl", "requests", "aiohttp", "node", "php", "go"])
def test_p28_a_wrong_key_at_the_proxy(client, name):
    shown = client.run(name, key=WRONG)
    assert "407" in shown or "proxy_key_invalid" in shown  # Go shows the reason alone
    assert "PaymentCard" not in shown
    assert not client.gateway.sandbox.received.requests()


@pytest.mark.parametrize("name", ["urllib", *ENDPOINTS])
def test_p28_a_wrong_key_in_a_request(client, name):
    shown = client.run(name, key=WRONG)
    assert PULL.findall(shown) == ["401"], shown
    assert "key_invalid" in shown
    assert not client.gateway.sandbox.received.requests()


@pytest.mark.parametrize("name", ["wget", "wget-endpoint"])
def test_wget(client, name):
    shown = client.run(name)
    assert "pull 0" in shown
    assert "444433******1111" in shown
    assert UPSTREAM_PAN not in shown


def test_the_stripe_sdk(client):
    check_charged(client, client.run("stripe"))


def test_the_stripe_sdk_through_a_proxy_that_speaks_tls(tls_client):
    check_charged(tls_client, tls_client.run("stripe"))


def test_the_stripe_sdk_is_told_why(client):
    """A refusal has no shape of Stripe's; the SDK hands its body and status on all the same."""
    from dataclasses import replace

    unknown = replace(client, alias="tok_test_1_aaaaaaaaaaaaa")
    shown = unknown.run("stripe")
    assert CHARGE.findall(shown) == ["422"], shown
    assert "token_unknown" in shown
    assert not client.gateway.sandbox.received.requests()


def test_java(client):
    assert "error" not in client.run("keytool").lower()
    store = [
        f"-Djavax.net.ssl.trustStore={client.directory / 'gateway.p12'}",
        "-Djavax.net.ssl.trustStorePassword=changeit",
    ]
    shown = client.run("java", options=store)
    check_pulled(shown, times=2)
    check_charged(client, shown)


def test_java_does_not_trust_what_it_was_not_given(client):
    shown = client.run("java")
    assert "SSLHandshakeException" in shown
    assert not client.gateway.sandbox.received.requests()


@pytest.mark.parametrize("name", ["openssl", "openssl-endpoint"])
def test_openssl_sees_a_certificate_that_fits(client, name):
    shown = client.run(name)
    assert "Verification: OK" in shown, shown
    assert "TLSv1.3" in shown


def test_openssl_gets_no_old_tls(client):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    address = f"localhost:{client.gateway.addresses.endpoints[1]}"
    done = subprocess.run(
        ["openssl", "s_client", "-connect", address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "no peer certificate available" in done.stdout


def test_every_snippet_of_the_document_is_run_here():
    source = (ROOT / "tests" / "clients" / "test_clients.py").read_text(encoding="utf-8")
    assert SNIPPETS
    for name in SNIPPETS:
        assert f'"{name}"' in source, name
