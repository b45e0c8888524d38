"""A partner that fails in every way: a stable code, nothing lost, no card shown.

The gateway never repeats a request: what the partner got is counted. The partner's answers hold the
canary, a card number, which nobody on this side may see.
"""

from __future__ import annotations

import time

import pytest
import requests

from gateway.sandbox.cards import VISA_TWO as CANARY
from gateway.sandbox.faults import FAULTS, FaultServer
from gateway.sandbox.tls import server_context
from tests.e2e.problem import check_problem, check_pull
from tests.e2e.test_charge import PAN, intent, keep, stripe
from tests.pki import Authority
from tests.running import Running

INVALID = (502, "upstream_invalid")
SLOW = (504, "upstream_timeout")
PASSES = (200, None)

# What the caller of a pull gets, for every fault that the sandbox knows.
OUTCOMES = {
    "refuse": (502, "upstream_unreachable"),
    "close_at_once": (502, "upstream_unreachable"),  # in the middle of the TLS handshake
    "close_after_request": INVALID,
    "abort_after_request": INVALID,
    "never_answer": SLOW,
    "close_in_status_line": INVALID,
    "close_in_head": INVALID,
    "close_in_body": INVALID,
    "abort_in_body": INVALID,
    "stall_in_head": SLOW,
    "stall_in_body": SLOW,
    "slow_drip": SLOW,
    "garbage": INVALID,
    "binary_garbage": INVALID,
    "garbage_status_line": INVALID,
    "card_in_reason": PASSES,
    "header_without_colon": INVALID,
    "bad_header_name": INVALID,
    "card_in_header_name": (502, "card_disguised"),
    "card_in_header_value": PASSES,
    "folded_header": INVALID,
    "oversized_head": INVALID,
    "endless_head": INVALID,
    "http_09": INVALID,
    "informational": INVALID,
    "informational_only": INVALID,
    "upgrade": INVALID,
    "two_answers": PASSES,  # the second is nobody's answer: it goes with its connection
    "trailers": INVALID,
    "chunk_size_garbage": INVALID,
    "chunk_extension": INVALID,
    "chunk_without_end": INVALID,
    "chunk_size_negative": INVALID,
    "chunk_truncated": INVALID,
    "chunked_no_last": INVALID,
    "length_too_long": INVALID,
    "length_too_short": PASSES,  # four bytes are the answer, the rest is not
    "length_twice": INVALID,
    "length_negative": INVALID,
    "length_text": INVALID,
    "length_and_chunked": INVALID,
    "chunked_twice": INVALID,
    "gzip_garbage": (502, "coding_not_supported"),
}
# Of those, what a charge meets: the card is on its way when the partner fails.
CHARGED = (
    "refuse", "close_at_once", "close_after_request", "abort_after_request", "never_answer",
    "close_in_body", "stall_in_body", "garbage", "informational", "trailers", "chunk_without_end",
    "upgrade", "oversized_head", "gzip_garbage",
)  # fmt: skip
# Of those, what fails before the card has left.
KEPT = ("refuse", "close_at_once")
LIMITS = {"upstream_seconds": 3, "upstream_connect_seconds": 3}


class Faulty:
    """A gateway, and a server for each fault behind two names: a SiteMinder's and a Stripe's."""

    def __init__(self, directory, sandbox):
        context = server_context(sandbox.directory)
        self.servers = {name: FaultServer(name, context=context).start() for name in FAULTS}
        hosts = {}
        for server in self.servers.values():
            for name, stands_for in (("fault", "ws.siteminder.com"), ("pay", "api.stripe.com")):
                hosts[f"{name}.sandbox.test:{server.port}"] = {
                    "stands_for": stands_for,
                    "address": "127.0.0.1",
                    "ca": str(sandbox.ca_file),
                }
        self.gateway = Running(directory, sandbox, test_hosts=hosts, limits=LIMITS)
        self.key = self.gateway.key()
        self.token = keep(self.gateway)

    def pull(self, fault, **more):
        with self.gateway.session(self.key) as session:
            base = f"https://fault.sandbox.test:{self.servers[fault].port}"
            return self.gateway.pull("10107", session=session, base=base, **more)

    def charge(self, fault):
        with self.gateway.session(self.key) as session:
            return session.post(
                f"https://pay.sandbox.test:{self.servers[fault].port}/v1/payment_intents",
                data=intent(self.token.alias),
                headers={"Authorization": "Bearer sk_test_sandbox"},
                timeout=30,
            )

    def requests(self, fault):
        """What the faulty server got: connections on which a request came in."""
        return [request for request in self.servers[fault].received if request]

    def stop(self):
        self.gateway.stop(grace=0.5)
        for server in self.servers.values():
            server.stop()


@pytest.fixture(scope="module")
def faulty(sandbox, tmp_path_factory):
    running = Faulty(tmp_path_factory.mktemp("faulty"), sandbox)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _forget(request):
    if "faulty" in request.fixturenames:
        for server in request.getfixturevalue("faulty").servers.values():
            server.received.clear()


def seen(answer):
    """Every byte that the client got."""
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    return answer.reason + head + answer.text


def test_every_fault_of_the_sandbox_has_its_line_here():
    assert set(OUTCOMES) == set(FAULTS)
    assert set(CHARGED) <= set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_p03_p16_a_pull_from_a_broken_partner(faulty, log_of, fault):
    status, code = OUTCOMES[fault]
    log = log_of(faulty.gateway)
    answer = faulty.pull(fault)
    if code:
        check_pull(answer, status, code)
    else:
        assert answer.status_code == status
    assert CANARY not in seen(answer)
    assert len(faulty.requests(fault)) == (0 if fault in KEPT else 1)
    assert CANARY not in log(faulty.gateway)


@pytest.mark.parametrize("fault", CHARGED)
def test_p36_a_charge_is_sent_once_and_its_outcome_is_in_the_audit(faulty, log_of, fault):
    status, code = OUTCOMES[fault]
    log = log_of(faulty.gateway)
    answer = faulty.charge(fault)
    check_problem(answer, status, code)
    assert PAN not in seen(answer)
    assert CANARY not in seen(answer)
    got = faulty.requests(fault)
    assert len(got) == (0 if fault in KEPT else 1)
    assert all(PAN.encode() in request for request in got)
    exchange = answer.headers["X-Gateway-Exchange"]
    # Whether it took effect only the partner knows.
    ended = "failed" if fault in KEPT else "unknown"
    assert outcomes(faulty.gateway, exchange) == ["intent", ended]
    assert details(faulty.gateway, exchange) == ["", code]
    assert PAN not in log(faulty.gateway)


def test_p36_a_charge_whose_caller_left_while_the_card_was_out_is_unknown(faulty):
    with faulty.gateway.session(faulty.key) as session, pytest.raises(requests.ReadTimeout):
        session.post(
            f"https://pay.sandbox.test:{faulty.servers['never_answer'].port}/v1/payment_intents",
            data=intent(faulty.token.alias),
            headers={
                "Authorization": "Bearer sk_test_sandbox",
                "X-Gateway-Exchange": "left-early-x",
            },
            timeout=(30, 0.4),
        )
    assert outcomes(faulty.gateway, "left-early-x") == ["intent", "unknown"]
    assert details(faulty.gateway, "left-early-x") == ["", "client_gone"]


def test_p36_a_charge_that_was_refused_before_it_left_has_failed(faulty):
    live = keep(faulty.gateway, product="grand", test=False)  # not for a host that stands in
    key = faulty.gateway.key(products=("grand",))
    answer = stripe(faulty.gateway, "/v1/payment_intents", intent(live.alias), key=key)
    assert answer.json()["code"] == "live_token_on_test_host"
    exchange = answer.headers["X-Gateway-Exchange"]
    assert outcomes(faulty.gateway, exchange) == ["intent", "failed"]


def test_p36_metrics_tell_a_card_that_left_from_one_that_did_not(faulty):
    def count(outcome):
        labels = {"route": "stripe/charge", "action": "detokenize", "outcome": outcome}
        registry = faulty.gateway.worker.metrics.registry
        return registry.get_sample_value("card_gateway_cards_total", labels) or 0.0

    before = count("failed"), count("unknown")
    for fault in ("refuse", "garbage"):
        outcomes(faulty.gateway, faulty.charge(fault).headers["X-Gateway-Exchange"])
    assert (count("failed"), count("unknown")) == (before[0] + 1, before[1] + 1)


def outcomes(gateway, exchange, wanted=2):
    """The audit's outcomes of an exchange; the last one is written once the answer is out."""
    query = f"select outcome from audit where exchange = '{exchange}' order by id"
    for _ in range(100):
        rows = [outcome for (outcome,) in gateway.rows(query)]
        if len(rows) >= wanted:
            break
        time.sleep(0.02)
    return rows


def details(gateway, exchange):
    """The audit's reasons, in the order of `outcomes`."""
    query = f"select detail from audit where exchange = '{exchange}' order by id"
    return [detail for (detail,) in gateway.rows(query)]


def test_nothing_is_lost_the_token_charges_afterwards(faulty):
    assert faulty.charge("close_after_request").status_code == 502
    answer = stripe(faulty.gateway, "/v1/payment_intents", intent(faulty.token.alias))
    assert answer.status_code == 200, answer.text
    (card,) = faulty.gateway.sandbox.received.cards("stripe")
    assert card.number == PAN


def test_one_client_connection_survives_a_broken_partner(faulty):
    with faulty.gateway.session(faulty.key) as session:
        base = f"https://fault.sandbox.test:{faulty.servers['garbage'].port}"
        for _ in range(2):
            answer = faulty.gateway.pull("10107", session=session, base=base)
            check_pull(answer, *INVALID)
        assert faulty.gateway.pull("10107", session=session).status_code == 200
    assert len(faulty.requests("garbage")) == 2


def test_a_partner_that_never_shakes_hands(own_gateway, sandbox):
    with FaultServer("never_answer") as server:  # no TLS: the ClientHello is never answered
        gateway = own_gateway(test_hosts=host(sandbox, server), limits=LIMITS)
        answer = gateway.pull("10107", base=f"https://fault.sandbox.test:{server.port}")
    check_pull(answer, *SLOW)


def test_p05_a_partner_with_a_certificate_of_another_authority(own_gateway, sandbox, tmp_path):
    context = Authority(tmp_path).server_context("fault.sandbox.test")
    with FaultServer("two_answers", context=context) as server:
        gateway = own_gateway(test_hosts=host(sandbox, server), limits=LIMITS)
        answer = gateway.pull("10107", base=f"https://fault.sandbox.test:{server.port}")
        check_pull(answer, 502, "upstream_untrusted")
        assert not any(server.received)


def host(sandbox, server):
    stand_in = {
        "stands_for": "ws.siteminder.com",
        "address": "127.0.0.1",
        "ca": str(sandbox.ca_file),
    }
    return {f"fault.sandbox.test:{server.port}": stand_in}


def test_the_partners_own_errors_come_back_as_they_are(gateway):
    before, answer = gateway.upstream_bytes("HTML500"), gateway.pull("HTML500")
    assert (answer.status_code, answer.content) == (before.status_code, before.content)
    assert answer.headers["Content-Type"] == before.headers["Content-Type"]


def test_a_slow_answer_within_the_limit_comes_whole(own_gateway):
    gateway = own_gateway(
        limits={"upstream_seconds": 10}, hotels={"siteminder": {"SLOW-1": "seaside"}}
    )
    answer = gateway.pull("SLOW-1")
    assert answer.status_code == 200
    assert b"PaycometResponse" in answer.content
