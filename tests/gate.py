"""A gate at which processes wait until all of them are there: what they do behind it they begin at once."""

from __future__ import annotations

import secrets
import socket

from tests.children import at_once

_SECONDS = 60


class Gate:
    """For `count` processes; each is told `name`, and asks `wait` of it."""

    def __init__(self, count: int) -> None:
        self.name, self._count = f"card-gateway-{secrets.token_hex(8)}", count
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(_address(self.name))
        self._listener.listen(count)
        self._listener.settimeout(_SECONDS)

    def open(self) -> None:
        """Waits for all of them, and lets them through. Raises TimeoutError where one does not come."""
        with self._listener:
            there = [self._listener.accept()[0] for _ in range(self._count)]
        for one in there:
            with one:
                one.sendall(b"+")


def together(script: str, count: int, *words: object) -> list[bytes]:
    """What each of `count` processes printed that ran the script with these words and a gate's name."""
    gate = Gate(count)
    ended = at_once(script, [(*words, gate.name)] * count, gate.open)
    assert [one.returncode for one in ended] == [0] * count, [one.stderr for one in ended]
    return [one.stdout for one in ended]


def wait(name: str) -> None:
    """Waits until the gate of that name is opened."""
    with socket.socket(socket.AF_UNIX) as gate:
        gate.settimeout(_SECONDS)
        gate.connect(_address(name))
        assert gate.recv(1) == b"+"


def _address(name: str) -> str:
    return f"\0{name}"  # in no directory: a test's may be too long for one
