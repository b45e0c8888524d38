"""No server outlives the run of tests that started it, however the run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = """
import sys, time
from tests.postgres import Server
server = Server()
print(server._kept.pid, server._kept._keeper.pid, server.directory, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("end", ["killed", "with all that it started", "told to", "by itself"])
def test_a_server_ends_with_the_run_that_started_it(end):
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    said = run.stdout.readline().split()
    started, directory = [int(one) for one in said[:2]], Path(said[2])
    assert all(is_there(pid) for pid in started)
    assert (directory / "data" / "PG_VERSION").exists()
    if end == "killed":
        run.kill()
    elif end == "with all that it started":  # as sabotage ends a run that hangs
        os.killpg(run.pid, signal.SIGKILL)
    elif end == "told to":
        run.terminate()
    run.communicate()
    until = time.monotonic() + 20
    while time.monotonic() < until and (any(map(is_there, started)) or directory.exists()):
        time.sleep(0.05)
    assert not any(map(is_there, started))
    assert not directory.exists()


def is_there(pid):
    """Whether it runs: who ended and was not asked for its exit code does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
