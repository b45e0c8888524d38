"""A processor that breaks in every way, a vault that is gone: what was sent once may have been done, what
was not sent has certainly not, and nothing is sent twice."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gateway.errors import VaultUnavailable
from gateway.processors.model import Ended
from gateway.sandbox.cards import VISA_TWO as CANARY
from gateway.sandbox.faults import FAULTS, Fault, FaultServer
from gateway.sandbox.tls import server_context
from gateway.secret import Secret
from tests.pki import Authority
from tests.processors.orders import keep, order, run, set_credentials
from tests.processors.served import Gateway
from tests.running import ROOT

HOST = "faulty.card-gateway.invalid"
PLAYED = sorted(name for name, fault in FAULTS.items() if fault.accepts and fault.answers)
ENDLESS = {"informational_only", "never_answer", "stall_in_body", "stall_in_head"}
PAID = {
    "id": "pay_x", "status": "succeeded", "network_transaction_id": None, "card_consumed": False,
}  # fmt: skip


def answering(status, body, *lines):
    """A fault that is none: this answer."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} X", *lines))
    return Fault(lambda _: [head.encode() + b"Content-Length: %d\r\n\r\n" % len(text) + text])


@pytest.fixture(scope="module")
def faulty(sandbox):
    context = server_context(sandbox.directory)
    with FaultServer("two_answers", context=context, canary=CANARY) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(sandbox, faulty, tmp_path_factory):
    """Its products' processor is the faulty one, which keeps each card as `card_x`."""
    directory = tmp_path_factory.mktemp("faulty")
    shutil.copytree(ROOT / "rules", directory / "rules")
    for file in (directory / "rules/sandbox.yaml", directory / "rules/processors/sandbox.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("processor.card-gateway.invalid", HOST), encoding="utf-8")
    product = {"merchant_code": "s", "terminal": 1, "mode": "test", "processor": "sandbox"}
    entry = {"stands_for": HOST, "address": "127.0.0.1", "ca": str(sandbox.ca_file)}
    made = Gateway(
        directory / "gateway",
        sandbox,
        rules=str(directory / "rules"),
        products={"seaside": product},
        test_hosts={f"faulty.sandbox.test:{faulty.port}": entry},
    )
    set_credentials(made, "seaside", "sandbox")
    made.place = f"sandbox https://faulty.sandbox.test:{faulty.port}"
    yield made
    made.stop(grace=0.5)


def kept_there(gateway, pan="4111111111111111"):
    """A token whose card the processor has."""
    token, value = keep(gateway, pan), Secret(json.dumps({"kept.card": "card_x"}).encode())
    vault = gateway.worker._vault
    gateway.loop.call(vault.foreign.keep(token.iduser, "seaside", gateway.place, value))
    return token


def debit(gateway, faulty, fault):
    """What became of a debit, and how often the processor was asked."""
    token, before = kept_there(gateway), len(faulty.received)
    faulty.fault = fault
    done = run(gateway, "debit", order(token))
    return done, len(faulty.received) - before


def test_it_works_without_a_fault(gateway, faulty):
    done, asked = debit(gateway, faulty, answering(201, PAID))
    assert (done.ended, done.processor_id, asked) == (Ended.SUCCEEDED, "pay_x", 1)


@pytest.mark.parametrize("name", PLAYED)
def test_a_broken_answer(gateway, faulty, name):
    start = len(gateway.logs.getvalue())
    with gateway.waiting(2 if name in ENDLESS else 60):
        done, asked = debit(gateway, faulty, FAULTS[name])
    assert (done.ended, asked) == (Ended.UNKNOWN, 1)
    assert done.code
    assert CANARY not in repr(done)
    assert CANARY not in gateway.logs.getvalue()[start:]


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (answering(302, b"", "Location: https://faulty.sandbox.test/elsewhere"), Ended.UNKNOWN),
        (answering(307, PAID, "Location: /v1/payments"), Ended.UNKNOWN),
        (answering(500, PAID), Ended.UNKNOWN),
        (answering(204, b""), Ended.UNKNOWN),
        (answering(201, b""), Ended.UNKNOWN),
        (answering(201, b"null"), Ended.UNKNOWN),
        (answering(201, b"[]"), Ended.UNKNOWN),
        (answering(201, {"status": "paid"}), Ended.UNKNOWN),
        (answering(201, {"status": ["succeeded"]}), Ended.UNKNOWN),
        (answering(201, b'{"status":"succeeded","status":"declined"}'), Ended.UNKNOWN),
        (answering(201, b'{"status":"succeeded"'), Ended.UNKNOWN),
        (answering(201, PAID, "Content-Encoding: hex"), Ended.UNKNOWN),
        (answering(201, {"status": "challenged", "challenge": {"url": "http://a"}}), Ended.UNKNOWN),
        (answering(201, {"status": "challenged", "challenge": {"url": "javascript:x"}}), Ended.UNKNOWN),
        (answering(201, {"status": "challenged", "challenge": {"page": "%%%"}}), Ended.UNKNOWN),
        (answering(401, b"<html>"), Ended.UNKNOWN),
        (answering(401, {"error": "unauthorized"}), Ended.FAILED),
    ],
)  # fmt: skip
def test_what_no_rule_names_is_unknown_and_no_redirect_is_followed(gateway, faulty, answer, ended):
    done, asked = debit(gateway, faulty, answer)
    assert (done.ended, asked) == (ended, 1)
    assert done.code in {"processor_unclear", "processor_refused", "coding_not_supported"}


def test_what_is_read_has_a_form(gateway, faulty):
    rude = {"id": "a b", "status": "declined", "reason": "x" * 201, "network_transaction_id": ""}
    done, _ = debit(gateway, faulty, answering(201, rude))
    assert (done.ended, done.processor_id, done.decline) == (Ended.DECLINED, None, None)


def test_p03_an_echo_in_what_is_read_is_a_token(gateway, faulty):
    """The card was not sent with this request, and is known all the same."""
    echo = PAID | {"id": CANARY, "reason": f"card {CANARY}", "status": "declined"}
    done, _ = debit(gateway, faulty, answering(201, echo))
    assert CANARY not in repr(done)
    assert "tok_test_" in done.decline


def moved(gateway, faulty, monkeypatch, **changes):
    """Its stand-in is another one."""
    stand_ins, key = gateway.worker._egress._stand_ins, ("faulty.sandbox.test", faulty.port)
    monkeypatch.setitem(stand_ins, key, replace(stand_ins[key], **changes))


def test_a_processor_that_can_not_be_reached(gateway, faulty, monkeypatch):
    moved(gateway, faulty, monkeypatch, address=ip_address("127.0.0.2"))
    done, asked = debit(gateway, faulty, answering(201, PAID))
    assert (done.ended, done.code, asked) == (Ended.FAILED, "upstream_unreachable", 0)


def test_p05_a_processor_with_a_strangers_certificate_gets_nothing(
    gateway, faulty, monkeypatch, tmp_path
):
    moved(gateway, faulty, monkeypatch, ca=Authority(tmp_path).certificate)
    done, asked = debit(gateway, faulty, answering(201, PAID))
    assert (done.ended, done.code, asked) == (Ended.FAILED, "upstream_untrusted", 0)


# --- the vault ------------------------------------------------------------------------------------


def locked(gateway):
    """Another process holds the database."""
    other = sqlite3.connect(gateway.config.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_p27_without_the_vault_nothing_is_sent(gateway, faulty):
    token, before = kept_there(gateway), len(faulty.received)
    faulty.fault = answering(201, PAID)
    other = locked(gateway)
    try:
        with pytest.raises(VaultUnavailable):
            run(gateway, "debit", order(token))
    finally:
        other.close()
    assert len(faulty.received) == before


def test_p27_a_vault_that_goes_once_it_was_sent_leaves_it_unknown(gateway, faulty, monkeypatch):
    token, pipeline = kept_there(gateway), gateway.worker._pipeline
    faulty.fault = answering(201, PAID)

    async def gone(exchange):
        raise VaultUnavailable

    monkeypatch.setattr(pipeline, "answer", gone)
    done = run(gateway, "debit", order(token))
    assert (done.ended, done.code) == (Ended.UNKNOWN, "vault_unavailable")
