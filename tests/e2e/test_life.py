"""The gateway as a process: it boots whole or not at all, drains, survives being killed, reloads.

Everything is done as an operator does it: the command, signals, files, the control port.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gateway.config import load_config
from gateway.errors import VaultUnavailable
from gateway.worker import Worker
from tests.e2e.process import Site, environment, until
from tests.pki import Authority
from tests.running import ROOT, LoopThread

IDUSER = re.compile(r"<iduser>([0-9]+)</iduser><tokenuser>(\w+)</tokenuser>")
BULK = {"siteminder": {"10107": "seaside", "SLOW": "seaside"}
        | {f"BULK-5-{n}": "seaside" for n in range(1, 400)}}  # fmt: skip


@pytest.fixture
def site(sandbox, tmp_path):
    made = Site(tmp_path / "site", sandbox, hotels=BULK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def steady(sandbox, tmp_path_factory):
    """A process for the tests that leave it as it was, with rules of its own; and a key."""
    directory = tmp_path_factory.mktemp("steady")
    shutil.copytree(ROOT / "rules", directory / "rules")
    made = Site(directory / "site", sandbox, rules=str(directory / "rules"), hotels=BULK)
    key = made.key("first")
    yield made.start(), key
    made.close()


# --- it boots whole or not at all (P38) -----------------------------------------------------------


def misspell(site):
    text = site.config_file.read_text(encoding="utf-8")
    site.config_file.write_text(text.replace("products:", "prodcuts:"), encoding="utf-8")
    line = text[: text.index("products:")].count("\n") + 1
    return f"gateway.yaml:{line}: ", "products"


def open_the_kek(site):
    site.key()  # makes vault and KEK
    site.config.kek.chmod(0o640)
    return "kek", "chmod 600"


def remove_a_secret(site):
    (site.directory / "state" / "push-key").unlink()
    return "push-key", "gateway.yaml:"


def remove_the_authority(site):
    shutil.rmtree(site.config.authority)
    return "mitmproxy-ca.pem", "certs init"


def exchange_a_key(site):
    other = Authority(site.directory).issue("localhost")
    shutil.copy(other.key, site.config.endpoints_tls.key)
    return ("endpoints-cert.pem",)


def break_a_rule(site):
    rules = site.directory / "rules"
    shutil.copytree(ROOT / "rules", rules)
    pack = rules / "stripe.yaml"
    pack.write_text(
        pack.read_text(encoding="utf-8").replace("methods:", "method:", 1), encoding="utf-8"
    )
    text = site.config_file.read_text(encoding="utf-8")
    site.config_file.write_text(re.sub("(?m)^rules: .*$", "rules: rules", text), encoding="utf-8")
    line = pack.read_text(encoding="utf-8").split("method:")[0].count("\n") + 1
    return f"stripe.yaml:{line}: ", "methods"


@pytest.mark.parametrize(
    "mistake",
    [
        misspell, open_the_kek, remove_a_secret, remove_the_authority, exchange_a_key, break_a_rule,
    ],
)  # fmt: skip
def test_p38_a_mistake_ends_the_start_and_is_named(site, mistake):
    told = mistake(site)
    ended = site.boot()
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    for text in told:
        assert text in ended.stderr
    assert "Traceback" not in ended.stderr
    assert site.listening() == set()


def test_p38_a_port_that_is_taken(site):
    name = "metrics"  # the last that is opened: all others were open by then, and are closed again
    with socket.create_server(("127.0.0.1", site.ports[name])):
        ended = site.boot()
    assert ended.returncode == 2, ended.stderr
    assert str(site.ports[name]) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert site.listening() == set()


def test_p16_an_unforeseen_error_of_a_command_is_told_without_its_text():
    canary = "4539148803436467"
    code = f"""
import typer
from gateway.cli import main
def broken(): raise ValueError("{canary}")
main.app.command("broken")(broken)
main.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "broken"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "ValueError" in ended.stderr
    assert canary not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_process_that_does_not_serve_is_not_left_behind(site, monkeypatch):
    """The tests' own: whoever starts one that fails has nothing to stop it by."""
    empty = (
        "import os, sys, time; print(os.getpid(), file=sys.stderr); print('\\n' * 9, flush=True)"
    )
    monkeypatch.setattr(
        "tests.e2e.process.COMMAND", [sys.executable, "-c", f"{empty}; time.sleep(60)"]
    )
    with pytest.raises(AssertionError):
        site.start()
    with pytest.raises(ProcessLookupError):
        os.kill(int((site.directory / "log-0").read_text(encoding="utf-8")), 0)


@pytest.fixture
def worker(site):
    """A gateway of the site in this process: what happens when its start fails and nobody exits."""
    loop = LoopThread()
    made = Worker(load_config(site.config_file))
    yield lambda: loop.call(made.start())
    loop.call(made.stop(0))
    loop.stop()


def test_p38_a_start_that_fails_leaves_nothing_open(site, worker):
    with socket.create_server(("127.0.0.1", site.ports["metrics"])):
        with pytest.raises(OSError):
            worker()
        assert site.listening() == {"metrics"}


def test_p38_a_vault_that_takes_no_write(site, worker):
    database = sqlite3.connect(site.config.database)
    database.execute(
        "CREATE TRIGGER no_probe BEFORE INSERT ON probe BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    database.close()
    with pytest.raises(VaultUnavailable):
        worker()
    assert site.listening() == set()


@pytest.mark.parametrize("loop", ["asyncio"])  # all others here run on uvloop, where there is one
def test_it_serves_and_stops_on_the_other_loop(site, loop):
    key = site.key()
    process = site.start(CARD_GATEWAY_LOOP=loop)
    assert process.told == [[name, f"127.0.0.1:{port}"] for name, port in site.ports.items()]
    with process.session(key) as session:
        assert IDUSER.search(process.pull(session, "10107").text)
    assert process.get("control", "/readyz").status_code == 200
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert site.listening() == set()


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
        late = pool.submit(running.pull, session, "SLOW")  # two seconds: in hand when it is told
        time.sleep(0.3)
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


def test_p40_while_it_drains_it_is_alive_and_not_ready(site):
    """Whoever sends it traffic must learn that it stops before it has stopped."""
    key = site.key()
    running = site.start()
    with ThreadPoolExecutor(1) as pool, running.session(key) as session:
        assert running.get("control", "/readyz").status_code == 200
        late = pool.submit(running.pull, session, "SLOW")
        time.sleep(0.3)
        running.signal(signal.SIGTERM)
        answers = []

        def told():
            answers.append(running.get("control", "/readyz"))
            return answers[-1].status_code == 503

        assert until(1, told) is not None
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
            assert (answer.status_code, answer.json()["code"]) == (503, "vault_unavailable")
            assert until(5, lambda: process.get("control", "/readyz").status_code == 503)
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
        assert until(5, lambda: process.get("control", "/readyz").status_code == 200)


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
        assert until(2, answers("<Business>")) is not None
        loaded = running.metric("card_gateway_rules_loaded_timestamp_seconds")
        assert loaded > time.time() - 10

        failures = running.metric("card_gateway_rules_reload_failures_total")
        pack.write_text(
            changed.replace("<Business>", "<Other>").replace("methods:", "method:"),
            encoding="utf-8",
        )
        assert until(
            2, lambda: running.metric("card_gateway_rules_reload_failures_total") > failures
        )
        assert answers("<Business>")()
        assert "siteminder.yaml:" in running.log()

        failures = running.metric("card_gateway_rules_reload_failures_total")
        (rules / "stripe.yaml").unlink()  # a card route does not vanish by a slip of the hand
        assert until(
            2, lambda: running.metric("card_gateway_rules_reload_failures_total") > failures
        )
        assert answers("<Business>")()

        shutil.copy(ROOT / "rules" / "stripe.yaml", rules)
        pack.write_text(good, encoding="utf-8")
        assert until(2, answers("<B2B>")) is not None


def test_p28_keys_come_and_go_without_a_restart(steady):
    running, first = steady
    site = running.site
    second, id = site.key_by_command("second")
    with running.session(second) as session:

        def status():
            return running.pull(session, "10107").status_code

        assert until(3, lambda: status() == 200) is not None
        site.cli("keys", "revoke", id)
        assert until(3, lambda: status() == 401) is not None
    with running.session(first) as session:
        assert running.pull(session, "10107").status_code == 200
