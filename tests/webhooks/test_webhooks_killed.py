"""P24: whoever is killed between an attempt and its mark sends the same delivery again."""

from __future__ import annotations

import signal

import pytest

from tests.children import run
from tests.webhooks.world import SECRET, new

# A process of its own, that sends what the test's vault holds, and is killed before it notes it.
KILLED = """
import asyncio, os, pathlib, signal, sys
from gateway.config_webhook import Webhook
from gateway.egress import Egress, StandIn
from gateway.metrics import Metrics
from gateway.outgoing import Outgoing
from gateway.webhooks import parts
from tests.vault.makers import Clock, open_vault
from tests.webhooks.world import LOOPBACK
directory, url, port, ca, secret, at = sys.argv[1:]
os.environ["HOOK_SECRET"] = secret
sent = []
def step(name):
    if sent and name == at:
        os.kill(os.getpid(), signal.SIGKILL)
clock = Clock()
vault = open_vault(pathlib.Path(directory), step=step, told=("pms",), clock=clock)
stand_in = StandIn("pms.test", int(port), "pms.example", LOOPBACK, pathlib.Path(ca))
outgoing = Outgoing(Egress(stand_ins=[stand_in], private=(), own=()), connect_seconds=20, seconds=30)
class Sender:
    async def call(self, call):
        answer = await outgoing.call(call)
        sent.append(answer.status)
        return answer
webhook = Webhook.model_validate({"url": url, "secret": {"env": "HOOK_SECRET"}})
jobs = parts.build({"pms": webhook}, table=vault.notices, sender=Sender(), metrics=Metrics(), clock=clock)
asyncio.run(jobs.lanes[0].turn())
"""


@pytest.mark.parametrize("at", ["notice:begun", "notice:written"])
def test_p24_killed_between_attempt_and_mark_the_same_delivery_comes_again(site, at):
    site.put(new())
    done = run(
        KILLED, site.directory, site.url, site.receiver.port, site.ca.certificate, SECRET,
        at,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (len(site.said()), site.rows()) == (1, [("sending", 1, "")])
    site.turn(179)
    assert len(site.said()) == 1
    site.turn(180)
    first, second = site.said()
    assert first == second
    assert len({headers["X-Gateway-Delivery"] for headers, _ in site.requests()}) == 1
    assert site.rows() == [("delivered", 2, "")]
