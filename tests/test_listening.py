"""Sockets that listen: what they accept sends at once."""

from __future__ import annotations

import socket

import pytest

from gateway.listening import listen


def test_what_is_accepted_does_not_wait_for_acknowledgements():
    with listen("127.0.0.1", 0, 5) as bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken():
    with listen("127.0.0.1", 0, 5) as bound, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", bound.getsockname()[1], 5)
