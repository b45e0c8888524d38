"""A PMS's pull as bytes on a socket, for tests that break off in the middle: through the proxy, or at
PAYCOMET's endpoint."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from urllib.parse import urlencode

from gateway.sandbox.pull import read_request
from tests.engine.wire import Wire

PATH = "/pmsxchangev2/services/SANDBOX"
WAYS = ("proxy", "endpoint")


class Pms:
    """Whoever pulls from `sandbox`'s SiteMinder by the gateway on these ports. `ca` is its authority."""

    def __init__(self, sandbox, ca, key, *, proxy: int, endpoints: int, timeout: float = 30.0):
        self.sandbox, self.key, self.timeout = sandbox, key, timeout
        self.ports = {"proxy": proxy, "endpoint": endpoints}
        self.context = ssl.create_default_context(cafile=str(ca))

    def connect(self, way: str, *, url: str | None = None, tls: bool = True) -> Wire:
        """A connection that takes `ask`'s bytes. `tls`: with the listener of the endpoint."""
        wire = Wire(("127.0.0.1", self.ports[way]), self.timeout)
        with contextlib.ExitStack() as undo:
            undo.callback(wire.close)
            if way == "proxy":
                host = (url or self.sandbox.named_url("siteminder")).removeprefix("https://")
                answer = wire.ask(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert answer.status == 200, answer
                wire.start_tls(self.context, host.partition(":")[0])
            elif tls:
                wire.start_tls(self.context, "localhost")
            undo.pop_all()
        return wire

    def ask(self, way: str, hotel: str, name: str, *, extra: str = "") -> bytes:
        """The request for a hotel's reservations, as the exchange `name`; `extra` are lines of its head."""
        who, url = self.sandbox.siteminder.settings, self.sandbox.named_url("siteminder")
        if way == "proxy":
            body = read_request(hotel, who.username, who.password).encode()
            extra += f"X-Api-Key: {self.key}\r\n"
            return post(url.removeprefix("https://"), PATH, body, name, "text/xml", extra)
        asked = {
            "username": who.username, "password": who.password, "requestor_id": "SANDBOX",
            "requestor_type": "22", "hotel_code": hotel, "selection_criteria": "Undelivered",
        }  # fmt: skip
        fields = "".join(f"<{name}>{value}</{name}>" for name, value in asked.items())
        xml = (
            f"<root><booking><xml><request>{fields}</request></xml><url>{url}{PATH}</url></booking>"
            "<paytpv><ds_merchant_code>seaside01</ds_merchant_code>"
            "<ds_merchant_terminal>1</ds_merchant_terminal></paytpv></root>"
        )
        body = urlencode({"xml": xml}).encode()
        extra += f"PAYCOMET-API-TOKEN: {self.key}\r\n"
        form = "application/x-www-form-urlencoded"
        return post("localhost", "/api/v1/siteminder", body, name, form, extra)

    def pull(self, way: str, hotel: str, name: str):
        """A pull from its first byte to its last, once no other one is under way."""
        for _ in range(50):
            with self.connect(way) as wire:
                answer = wire.ask(self.ask(way, hotel, name))
            if answer.status == 200 and b"<fault" not in answer.body:
                return answer
            time.sleep(0.1)
        raise AssertionError((answer, answer.body[:300]))


def post(host: str, path: str, body: bytes, name: str, content_type: str, extra: str) -> bytes:
    """A POST as the exchange `name`."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nX-Gateway-Exchange: {name}\r\n{extra}\r\n"
    )
    return head.encode() + body


def reset(wire: Wire) -> None:
    """Ends the connection as a machine does that knows nothing of it any more: RST, not FIN."""
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()
