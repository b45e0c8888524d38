"""The gateway as a process: it boots whole or not at all, and a mistake is named.

Everything is done as an operator does it: the command, files, the environment.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from gateway.config import load_config
from gateway.errors import VaultUnavailable
from gateway.worker import Worker
from tests import children
from tests.e2e.process import IDUSER, environment, until
from tests.pipes import fill
from tests.pki import Authority
from tests.running import ROOT, LoopThread


def misspell(site):
    text = site.config_file.read_text(encoding="utf-8")
    site.config_file.write_text(text.replace("products:", "prodcuts:"), encoding="utf-8")
    line = text[: text.index("products:")].count("\n") + 1
    return f"gateway.yaml:{line}:1: ", "products"


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
    return f"stripe.yaml:{line}:5: ", "methods"


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


def test_p38_the_pages_port_that_is_taken(site):
    said = yaml.safe_load(site.config_file.read_text(encoding="utf-8"))
    said["products"]["seaside"]["pages"] = {"name": "Hotel Seaside"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said["listen"]["pages"] = f"127.0.0.1:{port}"
        site.config_file.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
        ended = site.boot()  # a state from before there were pages
        assert (ended.returncode, "card-gateway certs init" in ended.stderr) == (2, True)
        assert "pages-cert.pem" in ended.stderr
        site.cli("certs", "init")
        ended = site.boot()
    assert ended.returncode == 2, ended.stderr
    assert str(port) in ended.stderr
    assert "Stop what listens there" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert site.listening() == set()


def test_p36_an_audit_that_takes_nothing_ends_the_start_and_is_named(site):
    """Its pipe has a reader, and is full."""
    os.mkfifo(pipe := site.directory / "audit.pipe")
    said = yaml.safe_load(site.config_file.read_text(encoding="utf-8"))
    site.config_file.write_text(
        yaml.safe_dump({**said, "audit": {"file": str(pipe)}}), encoding="utf-8"
    )
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0):
        fill(pipe)
        ended = site.boot()
        command = children.command("keys", "list", "--config", site.config_file)
        refused = children.command(
            "keys", "create", "--client", "pms", "--name", "x", "--config", site.config_file
        )
    assert command.returncode == 0, command.stderr  # it only reads
    assert refused.returncode == 2
    told = refused.stderr.decode().splitlines()
    assert told[0] == f"audit_not_written: sink={pipe}, error=TimeoutError"
    assert told[1].startswith("The audit can not be written")
    assert ended.returncode == 2, ended.stderr
    assert "The audit can not be written to where it is to go" in ended.stderr
    assert "audit.pipe" in ended.stderr  # in the log
    assert "vault can not be reached" not in ended.stderr
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


def test_p16_what_a_library_warns_of_in_a_command_is_told_without_its_text():
    canary = "4539148803436467"
    code = f"""
import logging
from gateway.cli import main
def warned(): logging.getLogger("psycopg.pool").warning("could not send %s", "{canary}")
main.app.command("warned")(warned)
main.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "warned"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "library_message: logger=psycopg.pool\n")


def test_a_process_that_does_not_serve_is_not_left_behind(site):
    """The tests' own: whoever starts one that fails has nothing to stop it by."""
    empty = (
        "import os, sys, time; print(os.getpid(), file=sys.stderr); print('\\n' * 9, flush=True)"
    )
    with pytest.raises(AssertionError):
        site.start_anew([sys.executable, "-c", f"{empty}; time.sleep(60)"])
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
    process = site.start_anew(CARD_GATEWAY_LOOP=loop)
    assert process.told == [[name, f"127.0.0.1:{port}"] for name, port in site.ports.items()]
    with process.session(key) as session:
        assert IDUSER.search(process.pull(session, "10107").text)
    assert process.get("control", "/readyz").status_code == 200
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert site.listening() == set()


@pytest.mark.parametrize(
    "streams", ["<&- >&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full"]
)
def test_p40_it_serves_whatever_became_of_its_standard_streams(site, streams):
    command = [sys.executable, "-m", "gateway.cli.main", "run", "--config", str(site.config_file)]
    shell = ["/bin/sh", "-c", f'exec "$0" "$@" {streams}', *command]
    with subprocess.Popen(shell, env=environment()) as process:
        try:
            assert until(30, lambda: len(site.listening()) == len(site.ports)) is not None
            assert process.poll() is None
            url = f"http://127.0.0.1:{site.ports['control']}/readyz"
            assert requests.get(url, timeout=10).status_code == 200
            # Its memory and its files are closed to other processes of its user (`leave_no_dump`), but root's.
            for number in range(3) if os.geteuid() == 0 else ():
                opened = str(Path(f"/proc/{process.pid}/fd/{number}").readlink())
                assert not opened.startswith(("anon_inode", "socket")), opened
                assert str(site.directory) not in opened
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
