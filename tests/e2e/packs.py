"""Gateways with one pack more than the shipped ones, which reads what a test's own Booking.com answers."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

from gateway.sandbox.faults import Fault, FaultServer
from tests.e2e.inbox import at_booking_com
from tests.running import ROOT, Running


class Partner(FaultServer):
    """Answers with what the test says."""

    def __init__(self, context):
        super().__init__("close_after_request", context=context)
        self.body, self.label = b"", b"text/csv; charset=utf-8"
        self.fault = Fault(self._written)

    def _written(self, card):
        del card
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
        return (head % (self.label, len(self.body)) + self.body,)


@contextmanager
def with_pack(directory, sandbox, name, pack, partner, **settings):
    """A running gateway with the pack of this name; `partner` is where Booking.com is, and its `partner`."""
    rules = directory / "rules"
    shutil.copytree(ROOT / "rules", rules)
    (rules / f"{name}.yaml").write_text(pack, encoding="utf-8")
    with partner:
        gateway = Running(
            directory / "gateway", sandbox, rules=str(rules),
            test_hosts=at_booking_com(sandbox, partner), **settings,
        )  # fmt: skip
        gateway.partner = partner
        try:
            yield gateway
        finally:
            gateway.stop()
