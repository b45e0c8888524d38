"""The gateway as a process: it drains, survives being killed, reloads.

Everything is done as an operator does it: the command, signals, files, the control port.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import select
import shutil
import signal
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.e2e.problem import error_of
from tests.e2e.process import BULK, COMMAND, IDUSER, Site, until
from tests.running import ROOT


@pytest.fixture(scope="module")
def steady(sandbox, tmp_path_factory):
    """A process for the tests that leave it as it was, with rules of its own; and a key."""
    directory = tmp_path_factory.mktemp("steady")
    shutil.copytree(ROOT / "rules", directory / "rules")
    made = Site(directory / "site", sandbox, rules=str(directory / "rules"), hotels=BULK)
    key = made.key("first")
    yield made.start(), key
    made.close()


def test_p38_a_process_that_hangs_is_not_healthy(steady):
    process, _ = steady
    assert process.get("control", "/healthz").status_code == 200
    process.signal(signal.SIGSTOP)
    try:
        with pytest.raises(requests.Timeout):
            process.get("control", "/healthz", timeout=0.5)
    finally:
        process.signal(signal.SIGCONT)
    assert process.get("control", "/healthz").status_code == 200


def test_p33_a_log_that_nobody_reads_stops_nothing(site):
    """A stranger fills it: each one that is refused is a line."""
    pipe = site.directory / "log-0"
    os.mkfifo(pipe)
    unread = os.open(pipe, os.O_RDWR)
    try:
        fcntl.fcntl(unread, fcntl.F_SETPIPE_SZ, 4096)
        process = site.start()

        def refused():
            with socket.create_connection(
                ("127.0.0.1", site.ports["proxy"]), timeout=10
            ) as stranger:
                stranger.sendall(
                    b"CONNECT nowhere.example:443 HTTP/1.1\r\nHost: nowhere.example:443\r\n\r\n"
                )
                assert stranger.recv(100).startswith(b"HTTP/1.1 4")

        for _ in range(80):
            refused()
        assert process.get("control", "/healthz", timeout=10).status_code == 200
        assert os.read(unread, 4096)
        refused()  # the first line that there is room for again
        assert select.select([unread], [], [], 10)[0]
        line = json.loads(os.read(unread, 4096).splitlines()[0])
        assert line["left_out"] >= 80
    finally:
        os.close(unread)


# --- it ends well, and badly ----------------------------------------------------------------------


class Load:
    """Clients that pull as fast as they can until they can no more. What they saw is kept."""

    def __init__(self, running, key, clients=6):
        self.running, self.key = running, key
        self.tokens, self.cut, self.refused = [], [], []
        self.numbers = iter(range(1, 400))
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._pull) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _pull(self):
        with self.running.session(self.key) as session:
            while True:
                with self.lock:
                    number = next(self.numbers, None)
                if number is None:
                    return
                try:
                    answer = self.running.pull(session, f"BULK-5-{number}")
                except requests.ConnectionError as error:
                    self.cut.append(error)
                    return
                if answer.status_code != 200:
                    self.refused.append(answer.status_code)
                    return
                assert answer.text.rstrip().endswith("Envelope>")
                with self.lock:
                    self.tokens += IDUSER.findall(answer.text)

    def join(self):
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def begun(load):
    assert until(30, lambda: len(load.tokens) >= 60)


def slowly(pool, running, session):
    """A pull that takes two seconds, and is in hand: the partner has it."""
    late = pool.submit(running.pull, session, "SLOW")
    received = running.site.sandbox.received
    assert until(30, lambda: any(b'"SLOW"' in one.body for one in received.requests("siteminder")))
    return late


def check_kept(site, tokens):
    """The vault is sound and holds every token that a client has seen."""
    database = sqlite3.connect(site.config.database)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    kept = {str(iduser) for (iduser,) in database.execute("select iduser from card")}
    database.close()
    assert {iduser for iduser, _ in tokens} <= kept
    # A card, its link and its audit row are one transaction.
    assert site.rows("select count(*) from card where iduser not in (select iduser from link)") == [
        (0,)
    ]
    assert site.rows(
        "select count(*) from card where iduser not in (select iduser from audit where iduser is not null)"
    ) == [(0,)]


def test_p40_sigterm_under_load_drains(site):
    key = site.key()
    running = site.start()
    load = Load(running, key)
    begun(load)
    with ThreadPoolExecutor(1) as pool, running.session(key) as session:
        late = slowly(pool, running, session)
        running.signal(signal.SIGTERM)
        answer = late.result()
    assert answer.status_code == 200
    load.tokens += IDUSER.findall(answer.text)
    load.join()
    assert running.wait() == 0
    assert len(load.cut) + len(load.refused) == 6
    assert set(load.refused) <= {503}
    for error in load.cut:  # between two answers, or before the connection: never within one
        assert "IncompleteRead" not in repr(error)
        assert "ChunkedEncodingError" not in repr(error)
    check_kept(site, load.tokens)
    assert "internal_error" not in running.log()
    assert site.listening() == set()


def test_p40_a_lost_terminal_drains_too(site):
    """Whoever sends SIGHUP for new rules, as to other servers, cuts nothing off, either."""
    key = site.key()
    running = site.start()
    with ThreadPoolExecutor(1) as pool, running.session(key) as session:
        late = slowly(pool, running, session)
        running.signal(signal.SIGHUP)
        answer = late.result()
    assert answer.status_code == 200
    assert running.wait() == 0
    assert running.log().count('"stopped"') == 1


def test_a_lost_terminal_is_nothing_to_one_that_was_told_so(site):
    key = site.key()
    running = site.start_anew(["nohup", *COMMAND])
    with running.session(key) as session:
        running.signal(signal.SIGHUP)
        time.sleep(1)  # it would have closed its ports
        assert running.pull(session, "BULK-5-1").status_code == 200
    running.signal(signal.SIGTERM)
    assert running.wait() == 0


def test_p40_while_it_drains_it_is_alive_and_not_ready(site):
    """Whoever sends it traffic must learn that it stops before it has stopped."""
    key = site.key()
    running = site.start()
    with ThreadPoolExecutor(1) as pool, running.session(key) as session:
        assert running.get("control", "/readyz").status_code == 200
        late = slowly(pool, running, session)
        running.signal(signal.SIGTERM)
        answers = []

        def told():
            answers.append(running.get("control", "/readyz"))
            return answers[-1].status_code == 503

        assert until(30, told) is not None
        assert answers[-1].json()["checks"]["serving"] == "stopping"
        assert running.get("control", "/healthz").status_code == 200
        assert late.result().status_code == 200
    assert running.wait() == 0


def test_p24_what_a_client_has_seen_survives_a_kill(site):
    key = site.key()
    running = site.start()
    with running.session(key) as session:
        first = IDUSER.findall(running.pull(session, "10107").text)
    load = Load(running, key)
    begun(load)
    running.signal(signal.SIGKILL)
    load.join()
    assert running.wait() == -signal.SIGKILL
    assert load.cut
    check_kept(site, load.tokens)
    again = site.start()
    with again.session(key) as session:
        assert IDUSER.findall(again.pull(session, "10107").text) == first  # P25: the same card
        seen = []
        for number in range(1, 6):
            seen += IDUSER.findall(again.pull(session, f"BULK-5-{number}").text)
    assert set(seen) <= set(load.tokens)


def test_p27_p36_a_full_disk_while_it_runs(steady):
    process, key = steady
    received = process.site.sandbox.received
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    with process.session(key) as session:
        first = IDUSER.findall(process.pull(session, "10107").text)
        resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        try:
            answer = process.pull(session, "BULK-5-1")
            assert (answer.status_code, error_of(answer)) == (503, "vault_unavailable")
            assert until(30, lambda: process.get("control", "/readyz").status_code == 503)
            assert process.get("control", "/healthz").status_code == 200
            charge = session.post(
                f"{process.site.sandbox.named_url('stripe')}/v1/tokens",
                data={"card[number]": "tok_test_{}_{}".format(*first[0])},
                timeout=30,
            )
            assert (charge.status_code, charge.json()["code"]) == (503, "vault_unavailable")
            assert not received.requests("stripe")
        finally:
            resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, unlimited)
        assert len(IDUSER.findall(process.pull(session, "BULK-5-1").text)) == 5
        assert until(30, lambda: process.get("control", "/readyz").status_code == 200)


# --- what changes while it runs -------------------------------------------------------------------


def test_p37_rules_are_reloaded_all_or_nothing(steady):
    running, key = steady
    rules = running.site.config.rules
    pack = rules / "siteminder.yaml"
    good = pack.read_text(encoding="utf-8")
    changed = good.replace("<B2B>{b2b}</B2B>", "<Business>{b2b}</Business>")
    with running.session(key) as session:

        def answers(text):
            return lambda: text in running.pull(session, "10107").text

        assert answers("<B2B>")()
        pack.write_text(changed, encoding="utf-8")
        assert until(30, answers("<Business>")) is not None
        loaded = running.metric("card_gateway_rules_loaded_timestamp_seconds")
        assert loaded > time.time() - 10

        failures = running.metric("card_gateway_rules_reload_failures_total")
        pack.write_text(
            changed.replace("<Business>", "<Other>").replace("methods:", "method:"),
            encoding="utf-8",
        )
        assert until(
            30, lambda: running.metric("card_gateway_rules_reload_failures_total") > failures
        )
        assert answers("<Business>")()
        assert "siteminder.yaml:" in running.log()

        failures = running.metric("card_gateway_rules_reload_failures_total")
        (rules / "stripe.yaml").unlink()  # a card route does not vanish by a slip of the hand
        assert until(
            30, lambda: running.metric("card_gateway_rules_reload_failures_total") > failures
        )
        assert answers("<Business>")()

        shutil.copy(ROOT / "rules" / "stripe.yaml", rules)
        pack.write_text(good, encoding="utf-8")
        assert until(30, answers("<B2B>")) is not None


def test_p28_keys_come_and_go_without_a_restart(steady):
    running, first = steady
    site = running.site
    second, id = site.key_by_command("second")
    with running.session(second) as session:

        def status():
            return running.pull(session, "10107").status_code

        assert until(30, lambda: status() == 200) is not None
        site.cli("keys", "revoke", id)
        assert until(30, lambda: status() == 401) is not None
    with running.session(first) as session:
        assert running.pull(session, "10107").status_code == 200
