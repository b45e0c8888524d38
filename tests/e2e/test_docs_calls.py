"""Every call in the documents is made: their shell blocks run as printed, with this run's ports.

A block that stands nowhere below, nor in a test of its own, fails the last test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import pytest

from gateway.sandbox.server import fixed_ports
from tests.e2e.test_charge import PAN, keep
from tests.e2e.test_paycomet_rest import fresh
from tests.e2e.test_paycomet_rest import paths as paycomet_paths
from tests.e2e.test_pull import bookings, cards, tokens
from tests.e2e.test_recapture import SECRET, partner, pms, start
from tests.running import ROOT

__all__ = ["partner", "pms", "start"]

FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
# Documents whose blocks another test runs.
ELSEWHERE = {
    "docs/cards.md": "tests/control/test_control_cards_docs.py",
    "docs/charges.md": "tests/control/test_control_charges_docs.py",
    "docs/collections.md": "tests/control/test_control_collections_docs.py",
    "docs/compatibility.md": "tests/clients/test_clients.py",
    "docs/octorate.md": "tests/sandbox/test_octorate_page.py",
    "docs/pages.md": "tests/pages/test_pages_docs.py",
    "docs/paycomet-clients.md": "tests/clients/test_paycomet_clients.py",
    "docs/paycomet-siteminder.md": "tests/e2e/test_paycomet_siteminder.py",
    "docs/processors.md": "tests/processors/test_processors_docs.py",
    "docs/sandbox-rapid.md": "tests/sandbox/test_rapid_docs.py",
    "docs/viewers.md": "tests/viewers/test_viewers_docs.py",
    "docs/webhooks.md": "tests/control/test_control_notices.py",
}
# Of this one, the blocks without a gateway.
BOOKINGSYNC = "tests/sandbox/test_bookingsync_page.py"


def blocks(document, language="sh"):
    text = (ROOT / document).read_text(encoding="utf-8")
    return [
        re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        for match in FENCE.finditer(text)
        if match[2] == language
    ]


@pytest.fixture
def shell(tmp_path):
    """Runs a block beside a `state` directory, as whoever reads the document does."""

    def run(gateway, block, **variables):
        link = tmp_path / "state"
        if not link.is_symlink():
            link.symlink_to(gateway.directory / "state")
        ports = {8080: gateway.addresses.proxy[1], 8443: gateway.addresses.endpoints[1]}
        ports |= {port: gateway.sandbox.ports[name] for name, port in fixed_ports().items()}
        block = re.sub(r":(\d{4,5})\b", lambda m: f":{ports.get(int(m[1]), m[1])}", block)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env={"PATH": os.environ["PATH"], **variables}, cwd=tmp_path,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return run


def answers(text):
    """The JSON values that stand one behind the other in what a shell printed."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def test_the_payment_at_paycomet(gateway, sandbox, shell):
    (block,) = blocks("docs/paycomet-rest.md")
    token = fresh(gateway)
    (said,) = answers(
        shell(
            gateway, block,
            KEY=gateway.key(), IDUSER=str(token.iduser), TOKENUSER=token.tokenuser,
        )
    )  # fmt: skip
    assert (said["errorCode"], said["order"]) == (0, "STAY-1")
    assert (said["idUser"], said["tokenUser"]) == (token.iduser, token.tokenuser)
    assert paycomet_paths(sandbox) == ["/v1/cards", "/v1/payments"]


def test_the_switches_of_the_sandboxs_paycomet(gateway, sandbox, shell):
    (block,) = blocks("docs/sandbox-paycomet.md")
    block = block.replace("state/ca/sandbox-ca.pem", str(sandbox.ca_file))
    assert answers(shell(gateway, block)) == [{"fault": "never_answer", "per_minute": 60}]


def test_bookingsync_through_the_gateway(gateway, sandbox, shell):
    block = blocks("docs/sandbox-bookingsync.md")[1]
    assert "pms()" in block
    told = shell(gateway, block, key=gateway.key(), token=keep(gateway).alias)
    assert "\n200\n" in told or "}200\n" in told, told
    (card,) = sandbox.received.cards("bookingsync")
    assert (card.number, card.cvc, card.reference) == (PAN, "012", "101")
    assert PAN not in told


def test_a_recapture_is_completed_by_hand(pms, shell):
    block = blocks("docs/expedia-rapid.md")[0]
    gateway = pms.gateway
    pms.book(keep(gateway, "4000000000000002"))
    (one,) = pms.waiting(state="pending")
    token = keep(gateway, "5555555555554444")
    (said,) = answers(
        shell(
            gateway, block.replace("tok_1_Example000001", token.alias),
            KEY=pms.key, CONTROL=pms.api.removesuffix("/v1"), ID=one["id"],
        )
    )  # fmt: skip
    assert (said["token"], said["recapture"]["state"]) == (token.alias, "completed")
    card = gateway.sandbox.received.cards("rapid")[-1]
    assert (card.number, card.cvc, card.holder) == ("5555555555554444", "123", "Ada Example")


def test_a_recaptures_notification_is_verified_as_the_document_shows(pms):
    (source,) = blocks("docs/expedia-rapid.md", "python")
    shown = {}
    exec(source, shown)
    pms.book(keep(pms.gateway, "4000000000000002"))
    (request,) = pms.told(1)
    header, body = request.header("X-Gateway-Signature"), request.body
    verify = shown["is_from_the_gateway"]
    assert verify(header, body, SECRET.encode())
    assert not verify(header, body + b" ", SECRET.encode())
    assert not verify(header, body, b"another")
    assert not verify(header.replace("t=", f"t={int(time.time()) - 600},x="), body, SECRET.encode())
    assert not verify("", body, SECRET.encode())


def test_the_readmes_two_variables_are_enough_for_requests(gateway, sandbox, shell, tmp_path):
    (block,) = (one for one in blocks("README.md") if "HTTPS_PROXY" in one)
    (tmp_path / "pull.py").write_text(
        "import requests, sys\nfrom gateway.sandbox.pull import read_request\n"
        "print(requests.post(sys.argv[1], data=read_request(*sys.argv[2:]),\n"
        "      headers={'Content-Type': 'text/xml; charset=utf-8'}, timeout=60).text)\n"
    )
    who = sandbox.siteminder.settings
    url = f"{sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX"
    command = [sys.executable, "pull.py", url, "10107", who.username, who.password]
    told = shell(
        gateway,
        block.replace("cgk_…", gateway.key()) + " ".join(command) + "\n",
        PYTHONPATH=str(ROOT),
    )
    (booking,) = bookings(told.strip().encode())
    assert len(tokens(booking)) == len(cards(booking)) == 1


def test_every_call_in_the_documents_is_made():
    own = (ROOT / "tests/e2e/test_docs_calls.py").read_text(encoding="utf-8")
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for path in documents:
        document = str(path.relative_to(ROOT))
        calls = [block for block in blocks(document) if "curl" in block]
        if not calls:
            continue
        where = ELSEWHERE.get(document)
        if where is not None:
            assert path.name in (ROOT / where).read_text(encoding="utf-8"), document
            continue
        there = 2 if path.name in (ROOT / BOOKINGSYNC).read_text(encoding="utf-8") else 0
        assert len(calls) == 1 + there, document
        assert f'blocks("{document}")' in own, document
