"""A gateway on one file moves to PostgreSQL while it serves, and its old tokens are charged there."""

from __future__ import annotations

import threading

import pytest
from psycopg.conninfo import conninfo_to_dict

from gateway.vault import closing
from gateway.vault.closing import Closed
from tests import children, postgres
from tests.e2e.problem import check_problem, check_pull
from tests.e2e.process import IDUSER, until
from tests.e2e.test_charge import PAN, intent, keep, stripe
from tests.running import Running


@pytest.fixture
def url(tmp_path):
    """An empty database of PostgreSQL's, as gateway.yaml names one."""
    said = conninfo_to_dict(postgres.place_of(tmp_path / "postgres").url)
    options = "&".join(f"{name}={said[name]}" for name in ("host", "port") if said.get(name))
    yield f"postgresql://{said['user']}@/{said['dbname']}?{options}"
    postgres.forget_databases(tmp_path)


class Pulling:
    """A PMS that pulls all the time."""

    def __init__(self, gateway) -> None:
        self.gateway, self.key = gateway, gateway.key()
        self.answers, self._stop = [], threading.Event()
        self._thread = threading.Thread(target=self._pull)

    def _pull(self):
        with self.gateway.session(self.key) as session:
            while not self._stop.wait(0.02):  # two cores are not for the load alone
                self.answers.append(self.gateway.pull("10107", session=session))

    def __enter__(self):
        self._thread.start()
        assert until(20, lambda: len(self.answers) > 2)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def readiness(gateway):
    return gateway.control("/readyz").json()


def migrate(gateway, *words):
    done = children.command(
        "vault", "migrate", *words, "--notice", "1", "--config", gateway.config_file
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_p24_p27_a_gateway_moves_to_postgresql_while_it_serves(own_gateway, sandbox, url):
    gateway = own_gateway()
    token, key = keep(gateway), gateway.key()
    assert stripe(gateway, "/v1/payment_intents", intent(token.alias), key=key).status_code == 200
    with Pulling(gateway) as pms:
        code, out, err = migrate(gateway, gateway.config.database, url)
        assert code == 0, err
        assert until(20, lambda: pms.answers[-1].status_code == 503)
    assert "counted and summed" in out
    assert "Exchanges with cards were refused for" in out
    # Whoever has the old file open is told so, and nothing is forwarded.
    for answer in pms.answers:
        if answer.status_code != 200:
            check_pull(answer, 503, "vault_closed")
            assert answer.headers["Retry-After"]
    sandbox.received.clear()
    refused = stripe(gateway, "/v1/payment_intents", intent(token.alias), key=key)
    check_problem(refused, 503, "vault_closed")
    assert not sandbox.received.requests("stripe")
    assert until(20, lambda: readiness(gateway)["checks"]["vault"] == "vault_closed")
    assert "moved to another place" in readiness(gateway)["why"]["vault"]
    gateway.stop(grace=0.5)
    gateway.stop = lambda *_, **__: None
    # It does not start either, until gateway.yaml says where the vault is.
    again = children.command("run", "--config", gateway.config_file)
    assert again.returncode == 2
    assert b"moved to another place" in again.stderr

    there = Running(gateway.directory, sandbox, vault={"url": url})
    try:
        assert readiness(there)["status"] == "ready"
        answer = stripe(there, "/v1/payment_intents", intent(token.alias), key=key)
        assert answer.status_code == 200, answer.text
        assert sandbox.received.cards("stripe")[-1].number == PAN
        with there.session(key) as session:
            pulled = there.pull("10107", session=session)
        before = [one.text for one in pms.answers if one.status_code == 200]
        assert IDUSER.findall(pulled.text) == IDUSER.findall(before[-1])
        verified = children.command("audit", "verify", "--config", there.config_file)
        assert (verified.returncode, verified.stderr) == (0, b"")
        moves = children.command(
            "audit", "export", "--action", "vault_move", "--config", there.config_file
        )
        assert moves.stdout.count(b'"outcome": "done"') == 1, moves.stdout
    finally:
        there.stop()


def test_p27_a_gateway_goes_on_once_a_move_is_given_up(own_gateway, tmp_path):
    gateway = own_gateway()
    token, key = keep(gateway), gateway.key()
    stopped = children.run(STOPPED, gateway.config_file, tmp_path / "new" / "vault.db")
    assert stopped.returncode == -9, stopped.stderr
    refused = stripe(gateway, "/v1/payment_intents", intent(token.alias), key=key)
    check_problem(refused, 503, "vault_closed")
    assert until(
        20,
        lambda: "card-gateway vault migrate" in readiness(gateway).get("why", {}).get("vault", ""),
    )
    status = children.command("vault", "status", "--config", gateway.config_file)
    assert status.returncode == 1
    assert b"--abandon" in status.stderr
    code, out, _ = migrate(gateway, gateway.config.database, "--abandon")
    assert (code, "takes writes again" in out) == (0, True)
    assert until(20, lambda: readiness(gateway)["status"] == "ready")
    assert stripe(gateway, "/v1/payment_intents", intent(token.alias), key=key).status_code == 200


def test_p27_nothing_is_asked_of_a_partner_that_could_not_be_kept(own_gateway, sandbox):
    """Some give a card once. What a gateway has begun by then it may end."""
    gateway = own_gateway()
    token, key = keep(gateway), gateway.key()

    def say(why):
        gateway.worker._vault._database.write("test", lambda c: closing.close(c, why)).result(10)

    say(Closed.CLOSING)
    assert keep(gateway, "4111111111111111")  # it has begun
    sandbox.received.clear()
    with gateway.session(key) as session:
        check_pull(gateway.pull("10107", session=session), 503, "vault_closed")
    refused = stripe(gateway, "/v1/payment_intents", intent(token.alias), key=key)
    check_problem(refused, 503, "vault_closed")
    assert refused.headers["Retry-After"]
    assert not sandbox.received.requests()
    say(Closed.OPEN)
    # A gateway looks every five seconds, and whenever it writes.
    assert until(20, lambda: gateway.pull("10107").status_code == 200)
    assert stripe(gateway, "/v1/payment_intents", intent(token.alias), key=key).status_code == 200


# Killed while the source takes no writes.
STOPPED = """
import os, signal, sys
from gateway.cli.vault_migrate import mover
from gateway.config import read_config
from gateway.vault.moving import Moving
from gateway.vault.moving_ends import Filling, Leaving
from gateway.vault.places import open_database
from pathlib import Path
settings = read_config(Path(sys.argv[1]))
here, there = settings.database, Path(sys.argv[2])
who = mover(settings)
source, target = open_database(here, now="2026"), open_database(there, now="2026")
def step(name):
    if name == "move:closed":
        os.kill(os.getpid(), signal.SIGKILL)
Moving(Leaving(source, here, there, who), Filling(target, there, who), here, step=step).run()
"""
