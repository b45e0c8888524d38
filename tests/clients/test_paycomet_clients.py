"""Real clients at PAYCOMET's endpoint and REST API: the snippets of docs/paycomet-clients.md, run.

The password has every sign that a form, a URL or XML could spoil: the simulator lets nobody in who
sends another one. What comes back is read by ElementTree, not by the gateway's own parser.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import pytest

from tests.clients.snippets import CHARGE, PULL, run_snippet, snippets_of
from tests.e2e.test_paycomet_rest import PAN, fresh, pair_of, paths
from tests.e2e.test_pull import bookings, cards, tokens
from tests.running import ROOT

SNIPPETS = snippets_of(ROOT / "docs" / "paycomet-clients.md")
PASSWORD = "a+b c%20d&amp;<é>%2B'\"="
UPSTREAM_PAN = "4444333322221111"
# These hold their XML as text, and send it in UTF-8.
TEXT = ("httpx", "node", "node-field")
BYTES = (
    "curl",
    "curl-field",
    "curl-file",
    "requests",
    "requests-file",
    "httpx-file",
    "node-file",
    "php",
    "php-raw",
    "php-field",
)
PAYMENTS = ("curl-payment", "requests-payment", "httpx-payment", "node-payment", "php-payment")
WRONG = "cgk_000000000000_" + "0" * 38


def order(gateway, *, declaration="", cdata=False, line="\n", **changes):
    """PAYCOMET's `<root>` as text."""
    sandbox, who = gateway.sandbox, gateway.sandbox.siteminder.settings
    password = escape(who.password)
    if cdata:
        password = f"<![CDATA[{who.password}]]>"
    values = {"password": password, "code": "seaside01"} | changes
    lines = [
        "<root>", "<booking><xml><request>",
        f"<username>{who.username}</username><password>{values['password']}</password>",
        "<requestor_id>SANDBOX</requestor_id><requestor_type>22</requestor_type>",
        "<hotel_code>10107</hotel_code><selection_criteria>Undelivered</selection_criteria>",
        "</request></xml>",
        f"<url>{sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX</url></booking>",
        f"<paytpv><ds_merchant_code>{values['code']}</ds_merchant_code>",
        "<ds_merchant_terminal>1</ds_merchant_terminal></paytpv>", "</root>",
    ]  # fmt: skip
    return declaration + line.join(lines)


UTF8 = '<?xml version="1.0" encoding="UTF-8"?>\n'
LATIN = '<?xml version="1.0" encoding="ISO-8859-1"?>'
SPELLINGS = {
    "bare": lambda gateway: order(gateway).encode(),
    "declaration": lambda gateway: order(gateway, declaration=UTF8).encode(),
    "mark": lambda gateway: order(gateway, declaration="\ufeff" + UTF8).encode(),
    "cdata": lambda gateway: order(gateway, cdata=True).encode(),
    "crlf": lambda gateway: order(gateway, line="\r\n").encode(),
    "latin": lambda gateway: order(gateway, declaration=LATIN).encode("iso-8859-1"),
}


@pytest.fixture
def run(gateway, tmp_path, monkeypatch):
    """Runs a snippet with an order, or a payment, in its file."""
    sandbox = gateway.sandbox
    monkeypatch.setattr(sandbox.siteminder.settings, "password", PASSWORD)

    def run(name, content, *, key=None):
        file = tmp_path / "content"
        file.write_bytes(content)
        return run_snippet(
            name,
            SNIPPETS[name],
            tmp_path,
            {
                "GATEWAY_CA": gateway.ca,
                "NODE_EXTRA_CA_CERTS": gateway.ca,
                "GATEWAY_KEY": key or gateway.key(),
                "PAYCOMET_URL": f"{gateway.endpoints}/api/v1/siteminder",
                "ORDER": str(file),
                "PROXY": gateway.proxy,
                "REST_URL": sandbox.named_url("paycomet"),
                "PAYCOMET_TOKEN": "sandbox",
                "PAYMENT": str(file),
                "WSDL": str(ROOT / "tests" / "clients" / "pmsxchange.wsdl"),
                "HOME": str(tmp_path),
            },
        )

    return run


def answer_of(shown):
    assert PULL.findall(shown) == ["200"], shown
    return re.sub(r"\s*pull 200\s*\Z", "", shown)


def check_pulled(shown):
    (booking,) = bookings(answer_of(shown).encode())
    (card,) = cards(booking)
    assert card.get("CardNumber") == "444433******1111"
    ((iduser, tokenuser, _),) = tokens(booking)
    assert (iduser.isdigit(), len(tokenuser)) == (True, 13)
    assert UPSTREAM_PAN not in shown


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", BYTES)
def test_a_pull_of_a_client_that_sends_bytes(gateway, run, name, spelling):
    check_pulled(run(name, SPELLINGS[spelling](gateway)))


@pytest.mark.parametrize("spelling", sorted(SPELLINGS.keys() - {"latin"}))
@pytest.mark.parametrize("name", TEXT)
def test_a_pull_of_a_client_that_sends_text(gateway, run, name, spelling):
    check_pulled(run(name, SPELLINGS[spelling](gateway)))


def test_a_declaration_that_is_wrong_is_believed(gateway, run):
    """Bytes in UTF-8 under a declaration that says Latin-1 are another password."""
    shown = run("requests", order(gateway, declaration=LATIN).encode())
    assert "invalid username/password" in answer_of(shown)


@pytest.mark.parametrize("name", (*BYTES, *TEXT))
def test_a_fault_is_read_by_every_client(gateway, run, name):
    (fault,) = ET.fromstring(answer_of(run(name, order(gateway, code="nobody").encode())))
    assert fault.attrib == {
        "code": "1040-PAYTPV", "string": "Field DS_MERCHANT_MERCHANTCODE incorrect",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["curl", "requests", "httpx", "node", "php"])
def test_p28_a_wrong_key_is_a_fault_for_every_client(gateway, run, name):
    (fault,) = ET.fromstring(answer_of(run(name, order(gateway).encode(), key=WRONG)))
    assert fault.get("code") == "1004-PAYTPV"
    assert not gateway.sandbox.received.requests()


def test_zeep_reads_the_answer(gateway, run):
    shown = run("zeep", order(gateway).encode())
    assert PULL.findall(shown) == ["200"], shown
    assert re.search(r"^PaymentCard .*444433\*{6}1111$", shown, re.MULTILINE)
    assert re.search(r"^iduser \d+ $", shown, re.MULTILINE)
    assert re.search(r"^tokenuser \w{13} $", shown, re.MULTILINE)


@pytest.mark.parametrize("name", PAYMENTS)
def test_a_payment_of_every_client(gateway, run, name):
    token, sandbox = fresh(gateway), gateway.sandbox
    payment = {
        "terminal": 1, "order": f"STAY-{name}", "amount": "202", "currency": "EUR", "methodId": "1",
        "originalIp": "127.0.0.1", "secure": 1, **pair_of(token),
    }  # fmt: skip
    sandbox.paycomet.reset()
    shown = run(name, json.dumps({"payment": payment}).encode())
    assert CHARGE.findall(shown) == ["200"], shown
    said = json.loads(shown[: shown.index("charge ")])
    assert (said["errorCode"], said["idUser"]) == (0, token.iduser)
    assert said["tokenUser"] == token.tokenuser
    (card,) = sandbox.received.cards("paycomet")
    assert card.number == PAN
    assert PAN not in shown
    assert paths(sandbox) == ["/v1/cards", "/v1/payments"]


def test_every_snippet_of_the_document_is_run_here():
    assert set(SNIPPETS) == {*BYTES, *TEXT, *PAYMENTS, "zeep"}
