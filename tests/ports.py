"""Ports for processes that have to be told one before they listen."""

from __future__ import annotations

import os
import random
import socket
from collections import deque

# Those from 32768 on are the local ports of whoever connects to anything.
_FIRST, _BEHIND = 20_000, 32_000
# A server that starts anew finds its port as it left it: the tests that run beside have others, and these
# here get none of the last ones again.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_given: deque[int] = deque(maxlen=500)


def free_port():
    """A port that is free, and that nobody is given by chance while a server starts anew."""
    while True:
        port = random.randrange(_FIRST + _WORKER, _BEHIND, _WORKERS)
        if port in _given:
            continue
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        _given.append(port)
        return port
