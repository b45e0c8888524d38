"""A partner that fails in every way, and a vault that does: a stable code, nothing lost, no card shown.

The gateway never repeats a request: what the partner got is counted. The partner's answers hold the
canary, a card number, which nobody on this side may see.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gateway.sandbox.cards import VISA_TWO as CANARY
from gateway.sandbox.faults import FAULTS, FaultServer
from gateway.sandbox.pull import read_request
from gateway.sandbox.push import Credential, push_json
from gateway.sandbox.tls import server_context
from tests.e2e.process import until
from tests.e2e.test_charge import PAN, intent, keep, stripe
from tests.pki import Authority
from tests.running import Running

COUNTS = r"found=\d+ tokenized=\d+ failed=\d+"
TIMES = r"upstream;dur=[\d.]+, gateway;dur=[\d.]+, vault;dur=[\d.]+"
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
LIMITS = {"upstream_seconds": 1, "upstream_connect_seconds": 1}


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


@pytest.fixture
def log_of():
    """What a gateway logs from here on."""
    starts = {}

    def read(gateway):
        return gateway.logs.getvalue()[starts[id(gateway)] :]

    def begin(gateway):
        starts[id(gateway)] = len(gateway.logs.getvalue())
        return read

    return begin


def seen(answer):
    """Every byte that the client got."""
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    return answer.reason + head + answer.text


def check_problem(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Gateway-Exchange"] == answer.json()["exchange"]
    assert re.fullmatch(COUNTS, answer.headers["X-Gateway-Cards"])
    assert re.fullmatch(TIMES, answer.headers["Server-Timing"])


def test_every_fault_of_the_sandbox_has_its_line_here():
    assert set(OUTCOMES) == set(FAULTS)
    assert set(CHARGED) <= set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_p03_p16_a_pull_from_a_broken_partner(faulty, log_of, fault):
    status, code = OUTCOMES[fault]
    log = log_of(faulty.gateway)
    answer = faulty.pull(fault)
    if code:
        check_problem(answer, status, code)
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
    with faulty.gateway.session(faulty.key) as session, pytest.raises(requests.Timeout):
        session.post(
            f"https://pay.sandbox.test:{faulty.servers['never_answer'].port}/v1/payment_intents",
            data=intent(faulty.token.alias),
            headers={
                "Authorization": "Bearer sk_test_sandbox",
                "X-Gateway-Exchange": "left-early-x",
            },
            timeout=0.4,
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
            check_problem(answer, *INVALID)
        assert faulty.gateway.pull("10107", session=session).status_code == 200
    assert len(faulty.requests("garbage")) == 2


def test_a_partner_that_never_shakes_hands(own_gateway, sandbox):
    with FaultServer("never_answer") as server:  # no TLS: the ClientHello is never answered
        gateway = own_gateway(test_hosts=host(sandbox, server), limits=LIMITS)
        answer = gateway.pull("10107", base=f"https://fault.sandbox.test:{server.port}")
    check_problem(answer, *SLOW)


def test_p05_a_partner_with_a_certificate_of_another_authority(own_gateway, sandbox, tmp_path):
    context = Authority(tmp_path).server_context("fault.sandbox.test")
    with FaultServer("two_answers", context=context) as server:
        gateway = own_gateway(test_hosts=host(sandbox, server), limits=LIMITS)
        answer = gateway.pull("10107", base=f"https://fault.sandbox.test:{server.port}")
        check_problem(answer, 502, "upstream_untrusted")
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
        limits={"upstream_seconds": 2}, hotels={"siteminder": {"SLOW-1": "seaside"}}
    )
    answer = gateway.pull("SLOW-1")
    assert answer.status_code == 200
    assert b"PaycometResponse" in answer.content


# --- the vault ------------------------------------------------------------------------------------


VAULT_HOTELS = {"siteminder": {"10107": "seaside", "BULK-100": "seaside"}
                | {f"BULK-14-{n}": "seaside" for n in range(1, 40)}, "channex": {"10107": "seaside"}}  # fmt: skip


class Vaulted:
    """A gateway with a key and a token made beforehand: with its vault down, neither can be made."""

    def __init__(self, gateway):
        self.gateway, self.key, self.token = gateway, gateway.key(), keep(gateway)
        self.database = gateway.config.database

    def pull(self, hotel="10107"):
        with self.gateway.session(self.key) as session:
            return self.gateway.pull(hotel, session=session)

    def charge(self):
        return stripe(self.gateway, "/v1/payment_intents", intent(self.token.alias), key=self.key)

    def write(self, statement):
        """Runs a statement on the connection that the gateway writes with."""

        def work(connection):
            connection.execute(statement)

        self.gateway.worker._vault._database.write("test", work).result(10)


@pytest.fixture
def vaulted(own_gateway):
    return Vaulted(own_gateway(hotels=VAULT_HOTELS))


def push(gateway):
    secret = Credential(header=("X-Push-Key", gateway.secret("push-key")))
    return push_json(f"{gateway.endpoints}/push/channex", credential=secret, ca=gateway.ca)


def check_down(vaulted):
    """Pull, push and charge are refused, the charge and the push before anything is forwarded."""
    gateway = vaulted.gateway
    gateway.sandbox.received.clear()
    with ThreadPoolExecutor(4) as pool:
        pulled, charged = pool.submit(vaulted.pull), pool.submit(vaulted.charge)
        pushed, ready = pool.submit(push, gateway), pool.submit(becomes, gateway, 503)
        check_problem(pulled.result(), 503, "vault_unavailable")
        check_problem(charged.result(), 503, "vault_unavailable")
        problem = json.loads(pushed.result().body)
        assert (pushed.result().status, problem["code"]) == (503, "vault_unavailable")
        assert "4444333322221111" not in pulled.result().text
        assert ready.result()["vault"] == "vault_unavailable"
    assert not gateway.sandbox.received.requests("pms")
    assert not gateway.sandbox.received.requests("stripe")
    assert gateway.control("/healthz").status_code == 200  # it is alive: a restart would not help


def check_up(vaulted):
    assert vaulted.pull().status_code == 200
    assert push(vaulted.gateway).accepted
    assert vaulted.charge().status_code == 200
    assert becomes(vaulted.gateway, 200)["vault"] == "ok"


def becomes(gateway, status):
    """The checks of /readyz once it answers `status`; what it said before stands for a second."""
    answers = []

    def there():
        answers.append(gateway.control("/readyz"))
        return answers[-1].status_code == status

    assert until(5, there) is not None
    return answers[-1].json()["checks"]


def test_p27_a_vault_whose_file_is_gone(vaulted):
    check_up(vaulted)
    aside = vaulted.database.with_suffix(".aside")
    vaulted.database.rename(aside)
    check_down(vaulted)
    assert not vaulted.database.exists()  # never a new and empty one
    aside.rename(vaulted.database)
    check_up(vaulted)


def test_p27_a_vault_that_is_full(vaulted):
    vaulted.write("PRAGMA max_page_count = 1")  # no further page, whatever it has now
    for series in range(1, 40):
        answer = vaulted.pull(f"BULK-14-{series}")
        if answer.status_code != 200:
            break
    check_problem(answer, 503, "vault_unavailable")
    cards = vaulted.gateway.rows("select count(*) from card")
    check_problem(vaulted.pull("BULK-100"), 503, "vault_unavailable")
    assert vaulted.gateway.rows("select count(*) from card") == cards  # a message, or nothing of it
    vaulted.write("PRAGMA max_page_count = 1000000")
    assert vaulted.pull("BULK-100").status_code == 200
    check_up(vaulted)


@pytest.fixture
def locked(vaulted):
    """Its vault, while another program holds the database; the wait for it is half a second."""
    vaulted.write("PRAGMA busy_timeout = 500")
    other = sqlite3.connect(vaulted.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield vaulted, other
    other.close()


def test_p27_a_vault_that_another_program_holds(locked):
    vaulted, other = locked
    check_down(vaulted)
    other.execute("ROLLBACK")
    check_up(vaulted)


def test_p27_a_held_vault_does_not_make_its_callers_wait_for_one_another(locked):
    """Whoever waits together is refused together: not each after the time of all before it."""
    vaulted, _ = locked
    started = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        answers = [each.result() for each in [pool.submit(vaulted.charge) for _ in range(12)]]
    spent = time.monotonic() - started
    assert {answer.status_code for answer in answers} == {503}
    assert spent < 3.0, f"12 callers waited {spent:.1f} s for a lock of half a second"


def forbid_audit(vaulted, when="1"):
    on_database(
        vaulted,
        f"CREATE TRIGGER no_audit BEFORE INSERT ON audit WHEN {when} "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
    )


def allow_audit(vaulted):
    on_database(vaulted, "DROP TRIGGER no_audit")


def on_database(vaulted, statement):
    other = sqlite3.connect(vaulted.database, isolation_level=None)
    other.execute(statement)
    other.close()


def test_p36_no_card_is_put_in_when_the_audit_can_not_be_written(vaulted):
    forbid_audit(vaulted)
    check_problem(vaulted.charge(), 503, "vault_unavailable")
    assert not vaulted.gateway.sandbox.received.requests("stripe")
    assert vaulted.gateway.rows("select count(*) from audit where exchange <> ''") == [(0,)]
    allow_audit(vaulted)
    assert vaulted.charge().status_code == 200


def test_p27_a_vault_that_keeps_no_card_costs_no_card_its_token(vaulted):
    """The rest of it works: the message is refused all the same, not answered with failed cards."""
    refuse = "CREATE TRIGGER no_card BEFORE INSERT ON card BEGIN SELECT RAISE(ABORT, 'no'); END"
    vaulted.gateway.sandbox.reset()
    on_database(vaulted, refuse)
    try:
        check_problem(vaulted.pull("BULK-14-39"), 503, "vault_unavailable")
    finally:
        on_database(vaulted, "DROP TRIGGER no_card")


def test_p24_p36_no_token_leaves_when_its_audit_can_not_be_written(vaulted):
    before = vaulted.gateway.rows("select count(*) from card")
    forbid_audit(vaulted)
    check_problem(vaulted.pull(), 503, "vault_unavailable")
    assert vaulted.gateway.rows("select count(*) from card") == before
    allow_audit(vaulted)
    assert vaulted.pull().status_code == 200


def test_p36_a_lost_outcome_is_told_and_the_charge_stays_done(vaulted, log_of):
    gateway = vaulted.gateway
    log = log_of(gateway)
    forbid_audit(vaulted, when="NEW.outcome <> 'intent'")
    assert vaulted.charge().status_code == 200
    assert len(gateway.sandbox.received.requests("stripe")) == 1
    for _ in range(100):
        if "audit_outcome_lost" in log(gateway):
            break
        time.sleep(0.02)
    assert "audit_outcome_lost" in log(gateway)
    assert gateway.rows("select outcome from audit where exchange <> ''") == [("intent",)]


def test_p27_what_failed_in_the_database_is_in_the_log(vaulted, log_of):
    """The operator is told what SQLite said, by its name: the disk, the lock, the file."""
    log = log_of(vaulted.gateway)
    forbid_audit(vaulted)
    vaulted.charge()
    assert "SQLITE_CONSTRAINT_TRIGGER" in log(vaulted.gateway)


# --- many at once ---------------------------------------------------------------------------------


def test_p25_many_clients_that_pull_one_card_get_one_token(own_gateway):
    gateway = own_gateway()
    settings = gateway.sandbox.siteminder.settings
    settings.one_at_a_time = False
    key, together = gateway.key(), threading.Barrier(32)

    def pull(_):
        with gateway.session(key) as session:
            together.wait(30)
            answer = gateway.pull("10107", session=session)
        assert answer.status_code == 200, answer.text
        return between(answer.text, "<iduser>"), between(answer.text, "<tokenuser>")

    try:
        with ThreadPoolExecutor(32) as pool:
            tokens = set(pool.map(pull, range(32)))
    finally:
        settings.one_at_a_time = True
    assert len(tokens) == 1
    assert gateway.rows("select count(*) from card") == [(1,)]
    assert gateway.rows("select count(*) from audit where action = 'tokenize'") == [(32,)]


def between(text, start):
    return text.partition(start)[2].partition("<")[0]


def test_a_client_that_leaves_costs_the_partner_no_second_request(own_gateway, log_of):
    gateway = own_gateway()
    log, who = log_of(gateway), gateway.sandbox.siteminder.settings
    with gateway.session(gateway.key()) as session, pytest.raises(requests.Timeout):
        session.post(
            f"{gateway.sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX",
            data=read_request("SLOW-1", who.username, who.password),
            headers={"Content-Type": "text/xml"},
            timeout=0.4,
        )
    for _ in range(100):
        if "client_gone" in log(gateway):
            break
        time.sleep(0.02)
    assert "client_gone" in log(gateway)
    assert len(gateway.sandbox.received.requests("siteminder")) == 1
    assert gateway.rows("select count(*) from card") == [(0,)]


def test_p18_a_damaged_record_costs_no_other_card_its_token(own_gateway):
    """One flipped bit in one stored card: that card fails, the rest of the pull comes."""
    import sqlite3

    gateway = own_gateway()
    first = gateway.pull("BULK-14")
    assert first.headers["X-Gateway-Cards"] == "found=14 tokenized=14 failed=0"
    with sqlite3.connect(gateway.config.database) as database:
        (iduser, sealed) = database.execute(
            "select iduser, sealed from card limit 1 offset 6"
        ).fetchone()
        damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
        database.execute("update card set sealed = ? where iduser = ?", (damaged, iduser))
    database.close()
    again = gateway.pull("BULK-14")
    assert again.status_code == 200, again.text
    assert again.headers["X-Gateway-Cards"] == "found=14 tokenized=13 failed=1"
    assert again.text.count("1099</ds_error_id>") == 1
    assert gateway.rows(
        "select count(*) from audit where outcome = 'failed' and detail = 'vault'"
    ) == [(1,)]
