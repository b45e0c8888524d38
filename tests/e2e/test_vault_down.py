"""A vault that fails in every way: refused with 503, nothing forwarded, nothing lost, and told."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.sandbox.push import Credential, push_json
from tests.e2e.problem import check_problem, check_pull
from tests.e2e.process import until
from tests.e2e.test_charge import intent, keep, stripe
from tests.pipes import fill

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
        check_pull(pulled.result(), 503, "vault_unavailable")
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

    assert until(30, there) is not None
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
    check_pull(answer, 503, "vault_unavailable")
    cards = vaulted.gateway.rows("select count(*) from card")
    check_pull(vaulted.pull("BULK-100"), 503, "vault_unavailable")
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
    with ThreadPoolExecutor(24) as pool:
        answers = [each.result() for each in [pool.submit(vaulted.charge) for _ in range(24)]]
    spent = time.monotonic() - started
    assert {answer.status_code for answer in answers} == {503}
    assert spent < 8.0, f"24 callers waited {spent:.1f} s for a lock of half a second"


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


def test_p36_no_card_is_put_in_when_a_sink_of_the_audit_can_not_be_written(
    own_gateway, tmp_path, log_of
):
    """Its pipe is full: refused at once, nothing forwarded, and the gateway does not hang."""
    os.mkfifo(pipe := tmp_path / "audit.pipe")
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        vaulted = Vaulted(own_gateway(audit={"file": str(pipe)}))
        log = log_of(vaulted.gateway)
        fill(pipe)
        vaulted.gateway.sandbox.received.clear()
        start = time.monotonic()
        refused = vaulted.charge()
        check_problem(refused, 503, "vault_unavailable")
        assert "The audit can not be written" in refused.json()["title"]
        assert time.monotonic() - start < 10
        assert not vaulted.gateway.sandbox.received.requests("stripe")
        assert "audit_not_written" in log(vaulted.gateway)
        while reader.read(1 << 16):
            pass
        assert vaulted.charge().status_code == 200
        lines = [json.loads(line) for line in reader.read(1 << 16).splitlines() if line]
        assert "intent" in {one["outcome"] for one in lines if one["action"] == "detokenize"}


def test_p27_a_vault_that_keeps_no_card_costs_no_card_its_token(vaulted):
    """The rest of it works: the message is refused all the same, not answered with failed cards."""
    refuse = "CREATE TRIGGER no_card BEFORE INSERT ON card BEGIN SELECT RAISE(ABORT, 'no'); END"
    vaulted.gateway.sandbox.reset()
    on_database(vaulted, refuse)
    try:
        check_pull(vaulted.pull("BULK-14-39"), 503, "vault_unavailable")
    finally:
        on_database(vaulted, "DROP TRIGGER no_card")


def test_p24_p36_no_token_leaves_when_its_audit_can_not_be_written(vaulted):
    before = vaulted.gateway.rows("select count(*) from card")
    forbid_audit(vaulted)
    check_pull(vaulted.pull(), 503, "vault_unavailable")
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


def test_p18_a_damaged_record_costs_no_other_card_its_token(own_gateway):
    """One flipped bit in one stored card: that card fails, the rest of the pull comes."""
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
    assert again.headers["X-Gateway-Cards"] == (
        "found=14 tokenized=13 failed=1 left=0 ask_again=0; 7.1=vault"
    )
    assert again.text.count("1099</ds_error_id>") == 1
    assert gateway.rows(
        "select count(*) from audit where outcome = 'failed' and detail = 'vault'"
    ) == [(1,)]
