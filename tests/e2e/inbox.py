"""Answers that are kept: how the tests look at them, and a Booking.com that delivers once."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager

import pytest
import requests

from gateway.errors import MessageUnfit
from gateway.sandbox.faults import Fault, FaultServer
from gateway.vault.answer import AnswerState


def table(gateway):
    return gateway.worker._vault.answers


def listed(gateway, **filters):
    gateway.loop.call(gateway.worker._inbox.flush())
    return gateway.loop.call(table(gateway).listed(**filters))


def kept(gateway, row):
    return gateway.loop.call(table(gateway).open(row.exchange, client=row.client))


LEAVES = (30, 0.5)  # seconds: once it has sent its request, however long a handshake takes


@contextmanager
def slow_vault(gateway):
    """The commit of tokens takes so long that the client has left before it: it sets what it gets."""
    vault, original = gateway.worker._vault, gateway.worker._vault.keep_message
    left = threading.Event()

    async def keep(*args, **more):
        while not left.is_set():  # noqa: ASYNC110  # it is another thread's
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)  # the gateway hears of it
        return await original(*args, **more)

    vault.keep_message = keep
    try:
        yield left
    finally:
        left.set()
        vault.keep_message = original


def wait_for(gateway, **filters):
    """What is listed, once there is something."""
    for _ in range(600):
        if listed(gateway, **filters):
            time.sleep(0.2)  # the exchange ends a moment after its commit
            return listed(gateway, **filters)
        time.sleep(0.05)
    raise AssertionError("nothing was kept")


def at_booking_com(sandbox, server):
    """`test_hosts:` that put a server in Booking.com's place."""
    host = {
        "stands_for": "secure-supply-xml.booking.com", "address": "127.0.0.1",
        "ca": str(sandbox.ca_file),
    }  # fmt: skip
    return {f"booking.sandbox.test:{server.port}": host}


class Once(FaultServer):
    """Answers the first request with a card, all others with an empty list."""

    def __init__(self, context):
        super().__init__("close_after_request", context=context)
        self.bodies = [BODY]
        self.more = b""  # lines of the head
        self.pause = 0.0
        self.fault = Fault(self._next)

    def _next(self, card):
        del card
        body = self.bodies.pop() if self.bodies else b"<reservations/>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n%sContent-Length: %d\r\n\r\n"
        return (self.pause, head % (self.more, len(body)) + body)


BODY = (
    b"<reservations><reservation><hotel_id>1</hotel_id><id>7</id><customer>"
    b"<cc_number>4111111111111111</cc_number><cc_expiration_date>10/2030</cc_expiration_date>"
    b"</customer></reservation></reservations>"
)


def poll(gateway, partner, user="u", *, key=None, timeout=20, **headers):
    with gateway.session(key or gateway.key(products=("seaside",))) as session:
        return session.post(
            f"https://booking.sandbox.test:{partner.port}/hotels/xml/reservations",
            data=f"<request><username>{user}</username></request>",
            headers={"Content-Type": "text/xml"} | headers,
            timeout=timeout,
        )


def lose(gateway, partner):
    """A poll whose answer nobody waits for."""
    with slow_vault(gateway) as left:
        with pytest.raises(requests.ReadTimeout):
            poll(gateway, partner, timeout=LEAVES)
        left.set()
        wait_for(gateway, states=(AnswerState.UNDELIVERED,))


def replay(gateway, row):
    return gateway.loop.call(gateway.worker.replay(row.client, row.exchange))


def unreadable_at_first(gateway, partner, **more):
    """A refused answer that would come out today."""
    original = gateway.worker._pipeline._s.swap.find

    async def fail(*args):
        del args
        raise MessageUnfit

    gateway.worker._pipeline._s.swap.find = fail
    try:
        assert poll(gateway, partner, **more).status_code == 502
    finally:
        gateway.worker._pipeline._s.swap.find = original
    (refused,) = listed(gateway, states=(AnswerState.REFUSED,))
    return refused
