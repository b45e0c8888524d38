"""`card-gateway sandbox` as a user runs it: a real process, a real Ctrl-C, real pushes."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys

import pytest
import requests
import typer
from typer.testing import CliRunner

from gateway.cli.sandbox import register
from tests.running import ROOT

PROGRAM = (
    "import typer; from gateway.cli.sandbox import register; a = typer.Typer(); register(a); a()"
)


@pytest.fixture
def app():
    made = typer.Typer()
    register(made)

    @made.command()
    def other():
        """A second command, so that `sandbox` keeps its name."""

    return made


@pytest.fixture
def run(app):
    return lambda *args: CliRunner().invoke(app, ["sandbox", *args])


def started(tmp_path):
    """A sandbox in a process of its own and what it said; its neighbouring ports may be taken."""
    for _ in range(10):
        base = random.randrange(
            12000, 19000
        )  # not the ports of e2e/process.py, nor the system's own
        command = [sys.executable, "-c", PROGRAM, "sandbox", "--directory", str(tmp_path)]
        process = subprocess.Popen(
            [*command, "--port-base", str(base), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = process.stdout.readline()
        if line:
            return process, json.loads(line)
        _, errors = process.communicate(timeout=10)
        assert "is taken" in errors
    raise AssertionError("no free ports")


def test_it_runs_until_ctrl_c(tmp_path):
    process, said = started(tmp_path)
    try:
        assert requests.get(said["urls"]["pms"], verify=said["ca"]).status_code == 200
        assert said["hosts"]["stripe"].startswith("https://stripe.sandbox.test:")
        assert any(key.startswith("siteminder.sandbox.test:") for key in said["test_hosts"])
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert errors == ""


def test_a_taken_port_is_told_and_exits_2(tmp_path, run):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run("--directory", str(tmp_path), "--port-base", str(port))
    assert result.exit_code == 2
    assert f"port {port}" in result.stderr


def test_pushes(sandbox, run, tmp_path):
    key = tmp_path / "key"
    key.write_text("secret\n")
    ca = ["--ca", str(sandbox.ca_file)]
    url = sandbox.url("pms")
    taken = run("push", "ota", "--to", url, *ca, "--user", "cm", "--password-file", str(key))
    assert (taken.exit_code, taken.stdout) == (0, "accepted, status 200\n")
    assert b">secret<" in sandbox.received.requests("pms")[-1].body
    basic = run(
        "push", "ota", "--to", url, *ca, "--user", "cm", "--password-file", str(key), "--basic"
    )
    assert basic.exit_code == 0
    assert sandbox.received.requests("pms")[-1].header("authorization").startswith("Basic ")
    as_json = run(
        "push",
        "json",
        "--to",
        url,
        *ca,
        "--header",
        "X-Key",
        "--header-value-file",
        str(key),
        "--json",
    )
    assert json.loads(as_json.stdout) == {"status": 200, "accepted": True, "errors": []}
    assert sandbox.received.requests("pms")[-1].header("x-key") == "secret"


def test_pushes_that_fail(sandbox, run, tmp_path):
    ca = ["--ca", str(sandbox.ca_file)]
    refused = run("push", "ota", "--to", sandbox.url("pms") + "/refuse", *ca)
    assert refused.exit_code == 1
    assert "The reservation could not be taken" in refused.stdout
    away = run("push", "json", "--to", "http://127.0.0.1:9/")
    assert (away.exit_code, away.stderr) == (1, "no answer: ConnectError\n")
    assert run("push", "ota", "--to", "http://127.0.0.1:9/", "--user", "cm").exit_code == 2
    gone = ["--user", "cm", "--password-file", str(tmp_path / "none")]
    assert run("push", "ota", "--to", "http://127.0.0.1:9/", *gone).exit_code == 2


def printed_calls(told):
    """Each call as it is printed, over as many lines as it has."""
    call = r"  (?:curl|card-gateway) (?:.*\\\n)*.*"
    return re.findall(rf"^{call}(?<=<<'XML')\n(?:.*\n)*?XML$|^{call}$", told, re.MULTILINE)


def test_what_it_prints_can_be_copied_into_a_shell(sandbox, tmp_path):
    from gateway.cli.sandbox import _told

    told = _told(sandbox)
    assert not re.search(r"\S {2,}-", told)  # an option of its own line stands on a line of its own
    calls = printed_calls(told)
    assert len(calls) == told.count("\n  curl ") + told.count("\n  card-gateway ") == 9
    command = tmp_path / "card-gateway"
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{PROGRAM}' \"$@\"\n")
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for call in calls:
        done = subprocess.run(
            ["bash", "-euc", call.replace("curl ", "curl -sS --fail --max-time 20 ", 1)],
            env=environment, capture_output=True, text=True, timeout=40, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (call, done.stdout, done.stderr)
        assert done.stdout, call
        assert not done.stderr, call
