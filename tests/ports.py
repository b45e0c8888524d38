"""Ports for processes that have to be told one before they listen."""

from __future__ import annotations

import random
import socket


def free_port():
    """A port that is free, and that nobody is given by chance while a server starts anew: those from
    32768 on are the local ports of whoever connects to anything."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
