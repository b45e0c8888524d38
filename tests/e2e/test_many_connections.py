"""P33: strangers who connect and say nothing, more of them than the process may open files as it starts."""

from __future__ import annotations

import contextlib
import resource
import socket

import pytest

from tests.e2e.process import BULK, COMMAND, Site

AT_START = 128  # most systems give a process 1024, and a gateway has room for 1000 connections
WITH_FEW_FILES = ["sh", "-c", f'ulimit -S -n {AT_START}; exec "$@"', "sh", *COMMAND]
STRANGERS = 300
CONNECTIONS = 100
NEEDED = 2 * CONNECTIONS + 1024 + 256
MOST = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@pytest.fixture
def crowded(sandbox, tmp_path):
    made = Site(tmp_path / "site", sandbox, hotels=BULK, limits={"connections": CONNECTIONS})
    yield made
    made.close()


@pytest.mark.skipif(
    MOST != resource.RLIM_INFINITY and MOST < NEEDED,
    reason="this system lets no process open as many files as that needs",
)
def test_p33_silent_strangers_do_not_use_up_the_files(crowded):
    key = crowded.key()
    process = crowded.start_anew(WITH_FEW_FILES)
    assert "few_files" not in process.log()
    with contextlib.ExitStack() as stack:
        for _ in range(STRANGERS):
            port = crowded.ports["proxy"]
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        for number in range(1, 4):
            with process.session(key) as session:
                assert process.pull(session, f"BULK-5-{number}").status_code == 200
        assert process.get("control", "/readyz", timeout=10).status_code == 200
    assert "unhandled_error" not in process.log()
