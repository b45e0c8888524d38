"""`card-gateway`, in a process that kills itself at a named step of a message.

    python -m tests.e2e.stopped STEP FILE run --config gateway.yaml

It writes the step's name into FILE, and dies of SIGKILL. The product knows nothing of it: what is
called at a step is wrapped here, before its command begins. In the order of a pull:

    read             the partner's answer is whole, in memory alone
    rewritten        it is as it will be sent and kept; nothing is written
    keep:written     all of it is written, and not committed
    keep:committed   it is durable; nobody was told yet
    cleared          it may be sent; not a byte has left
    head             its head has left, and nothing else
    slice            a part of its body has left
    whole            its last byte has left; nothing was noted
    noted            "delivered" is noted in memory
    flushed          the note is durable
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path

from mitmproxy.proxy.commands import SendData

from gateway import upkeep
from gateway.cli import main
from gateway.engine.boundary import Boundary
from gateway.engine.handler import Handler
from gateway.engine.http import Http
from gateway.pipeline import Pipeline
from gateway.stages.inbox import Inbox
from gateway.vault.service import Vault

STEPS = (
    "read", "rewritten", "keep:written",
    "keep:committed", "cleared", "head", "slice", "whole", "noted", "flushed",
)  # fmt: skip

Step = Callable[[str], None]


def step_of(at: str, file: Path) -> Step:
    """Kills this process at the step `at`."""

    def step(name: str) -> None:
        if name == at:
            file.write_text(name, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    return step


class Sending:
    """What has left of the answer that is being sent."""

    def __init__(self) -> None:
        self.client = None
        self.transport = None
        self.parts = 0

    async def emptied(self) -> None:
        """All that was written until now is the operating system's."""
        while self.transport.get_write_buffer_size():  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


def before(owner: type, name: str, act: Callable[..., None]) -> None:
    """`act` is called with the arguments of `owner.name` each time, and then that."""
    original = getattr(owner, name)

    @wraps(original)
    def wrapped(*args, **more):
        act(*args)
        return original(*args, **more)

    setattr(owner, name, wrapped)


def wrap(step: Step) -> None:
    """Puts the steps around what the product does."""
    sending = Sending()
    Vault.open = partial(Vault.open, step=step)  # the steps that it has itself: `keep:…`
    wrap_keeping(step)
    wrap_sending(step, sending)
    wrap_noting(step, sending)


def wrap_keeping(step: Step) -> None:
    """Between the partner's last byte and the commit."""
    before(Boundary, "answer", lambda *_: step("read"))
    answer = Inbox.answer

    def rewritten(*args):
        made = answer(*args)
        step("rewritten")
        return made

    Inbox.answer = rewritten


def wrap_sending(step: Step, sending: Sending) -> None:
    """Between the commit and the last byte. A large answer leaves as its head, then slice by slice."""

    def cleared(http: Http, *_) -> None:
        step("cleared")
        sending.client = http.context.client

    before(Http, "_reply", cleared)
    obey, pause = Handler._obey_connection, Handler.pause

    def sent(handler: Handler, command) -> None:
        obey(handler, command)
        if isinstance(command, SendData) and command.connection is sending.client:
            sending.transport = handler.transports[command.connection].writer.transport
            sending.parts += 1
            if sending.parts == 1 and not sending.transport.get_write_buffer_size():
                step("head")

    async def paused(handler: Handler) -> None:
        await pause(handler)
        if handler.client is sending.client:
            await sending.emptied()
            step("slice")

    Handler._obey_connection, Handler.pause = sent, paused


def wrap_noting(step: Step, sending: Sending) -> None:
    """After the last byte."""
    end, ended, flush = Pipeline.end, Inbox.ended, Inbox.flush

    async def over(pipeline: Pipeline, exchange, error) -> None:
        if sending.client is not None and error is None:
            await sending.emptied()
            step("whole")
        await end(pipeline, exchange, error)

    def noted(inbox: Inbox, exchange, error) -> None:
        ended(inbox, exchange, error)
        if inbox._reached:
            step("noted")

    async def flushed(inbox: Inbox) -> None:
        noted_before = bool(inbox._reached)
        await flush(inbox)
        if noted_before and not inbox._reached:
            step("flushed")

    Pipeline.end, Inbox.ended, Inbox.flush = over, noted, flushed
    upkeep._HOUSEKEEPING_SECONDS = 0.2  # how often it flushes


if __name__ == "__main__":
    wrap(step_of(sys.argv[1], Path(sys.argv[2])))
    del sys.argv[1:3]
    main.main()
