"""The gateway as its operator has it: a process of its own, started and managed by its command."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import requests

from gateway.access.keys import NewKey, create
from gateway.cli.certs import initialise
from gateway.config import read_config
from gateway.sandbox.pull import read_request
from gateway.vault.configured import open_vault
from tests import children
from tests.ports import free_port
from tests.running import ROOT, as_yaml, session_through, settings_for

COMMAND = [sys.executable, "-m", "gateway.cli.main"]
START_SECONDS = 60
IDUSER = re.compile(r"<iduser>([0-9]+)</iduser><tokenuser>(\w+)</tokenuser>")
BULK = {"siteminder": {"10107": "seaside", "SLOW": "seaside"}
        | {f"BULK-5-{n}": "seaside" for n in range(1, 400)}}  # fmt: skip


def environment(**more):
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | more


class Site:
    """A directory with a gateway.yaml on free, fixed ports, and everything that it names."""

    def __init__(self, directory: Path, sandbox, **changes) -> None:
        self.directory, self.sandbox = directory, sandbox
        directory.mkdir(parents=True, exist_ok=True)
        self.config_file = directory / "gateway.yaml"
        self.ports = {name: free_port() for name in ("proxy", "endpoints", "control", "metrics")}
        listen = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        settings = settings_for(sandbox, directory, listen=listen, **changes)
        self.config_file.write_text(as_yaml(settings), encoding="utf-8")
        self.config = read_config(self.config_file)
        initialise(self.config, self.config.authority, [])
        self.running = []

    def cli(self, *words):
        """Runs another command beside the gateway; what it printed."""
        done = children.command(*words, "--config", self.config_file)
        done.check_returncode()
        return done.stdout.decode()

    def key(self, name="tests"):
        """A new key. A gateway that runs takes it within two seconds: better made before."""
        vault = open_vault(self.config)
        try:
            key, _ = create(vault.keys, NewKey(name, "pms"), datetime.now(UTC), "test")
        finally:
            vault.close()
        return key.reveal()

    def key_by_command(self, name):
        """The same as the operator does it: the key and its id."""
        made = json.loads(self.cli("keys", "create", "--client", "pms", "--name", name, "--json"))
        return made["key"], made["id"]

    def boot(self, **more):
        """Starts it and waits for its end; for starts that fail."""
        run = "run", "--config", self.config_file
        with (self.directory / "boot").open("w+b") as log:
            child = children.start("gateway.cli.main", *run, env=environment(**more), stderr=log)
            with child.stdout:
                printed = child.stdout.read()
            code = child.wait(START_SECONDS)
            log.seek(0)
            return subprocess.CompletedProcess(run, code, printed, log.read().decode())

    def start(self, module="gateway.cli.main", *words, **more):
        """A gateway in a process of its own, forked. `module` is another one than the gateway's own
        that runs it, with `words` of its own."""
        whole = *words, "run", "--config", self.config_file
        return self._started(
            lambda log: children.start(module, *whole, env=environment(**more), stderr=log)
        )

    def start_anew(self, command=COMMAND, **more):
        """The same from nothing, as whoever operates it starts it."""
        whole = [*command, "run", "--config", str(self.config_file)]
        return self._started(
            lambda log: subprocess.Popen(
                whole, env=environment(**more), stdout=subprocess.PIPE, stderr=log, text=True
            )
        )

    def start_sealed(self):
        """A gateway whose key can not be had yet: its ports are open when this returns."""
        run = "run", "--config", self.config_file
        return self._started(
            lambda log: children.start("gateway.cli.main", *run, env=environment(), stderr=log),
            Sealed,
        )

    def _started(self, begin, kind=None):
        process = (kind or Process)(self, begin)
        self.running.append(process)
        return process

    def rows(self, query):
        database = sqlite3.connect(f"file:{self.config.database}?mode=ro", uri=True)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def listening(self):
        """Which of its ports take a connection."""
        open_ports = set()
        for name, port in self.ports.items():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                continue
            open_ports.add(name)
        return open_ports

    def close(self):
        for process in self.running:
            process.kill()


class Process:
    """A gateway that runs. It serves when the constructor returns."""

    def __init__(self, site: Site, begin) -> None:
        self.site = site
        self.log_file = site.directory / f"log-{len(site.running)}"
        with self.log_file.open("wb") as log:
            self.child = begin(log)
        try:
            self.told = self._await_start(len(site.ports))
        except BaseException:  # nobody has this object to kill it by
            self.kill()
            raise

    def _await_start(self, lines):
        watchdog = threading.Timer(START_SECONDS, self.child.kill)
        watchdog.start()
        try:
            told = [self.child.stdout.readline().split() for _ in range(lines)]
        finally:
            watchdog.cancel()
            watchdog.join()
        if self.child.poll() is not None or not all(told):
            raise AssertionError(self.log())
        return told

    def log(self):
        return self.log_file.read_text(encoding="utf-8")

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=30):
        """Its exit code."""
        code = self.child.wait(seconds)
        self.child.stdout.close()
        return code

    def kill(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.child.kill()
        self.wait()

    # --- what a PMS and an operator do ------------------------------------------------------------

    def session(self, key=None):
        proxy = f"http://127.0.0.1:{self.site.ports['proxy']}"
        ca = str(self.site.config.authority / "mitmproxy-ca-cert.pem")
        session = session_through(proxy, ca)
        if key:
            session.headers["X-Api-Key"] = key
        return session

    def pull(self, session, hotel, timeout=60):
        who = self.site.sandbox.siteminder.settings
        return session.post(
            f"{self.site.sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX",
            data=read_request(hotel, who.username, who.password),
            headers={"Content-Type": "text/xml; charset=utf-8"},
            timeout=timeout,
        )

    def get(self, listener, path, timeout=60):
        return requests.get(f"http://127.0.0.1:{self.site.ports[listener]}{path}", timeout=timeout)

    def metric(self, name):
        """The value of an unlabelled metric."""
        for line in self.get("metrics", "/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise AssertionError(name)


class Sealed(Process):
    """One that waits for its key."""

    def _await_start(self, lines):
        if until(START_SECONDS, lambda: "listening_sealed" in self.log()) is None:
            raise AssertionError(self.log())

    def await_unsealed(self):
        """Returns when it serves."""
        self.told = super()._await_start(len(self.site.ports))


def until(seconds, condition):
    """Waits for `condition`; how long it took, or None when it did not come. What took a second may
    take a tenth more: most conditions ask a whole gateway."""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < seconds:
        if condition():
            return time.monotonic() - started
        time.sleep(min(0.25, 0.02 + waited / 10))
    return None
