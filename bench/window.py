"""The window before the commit: an answer is in the gateway's memory alone, and lost if it dies.

It begins when the engine has taken the partner's last byte, and ends when tokens and answer are
durable. `python -m bench.window GATEWAY.YAML` runs the worker as `card-gateway run` does, with two
clocks in it. It prints the proxy's port; each line that it reads is answered with the last window.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import messages
from bench.child import Child, python
from bench.gateway_process import proxy as proxy_of
from bench.load import Connection, Proxy
from bench.upstream import Upstream
from gateway import log
from gateway.cli.run import run_loop
from gateway.config import load_config
from gateway.engine.body import Body
from gateway.vault.service import Vault
from gateway.worker import Worker

SERIES = 200  # the cards of this measurement: nobody else uses these series, and all are new


@dataclass(frozen=True, slots=True)
class Window:
    """Messages with `count` new cards each. Seconds: the medians of the window, and of the whole
    exchange as its client saw it. `share` is the median of what the one is of the other. None: not
    done within the time limit."""

    count: int
    bytes: int
    window: float | None
    wall: float | None
    share: float | None


def measure(
    config_file: Path,
    server: Upstream,
    key: str,
    repeats: dict[int, int],
    *,
    limit: float,
    pinned: set[int],
) -> list[Window]:
    """Each number of cards in one message so many times. Raises RuntimeError, OSError."""
    child, proxy = start(config_file, pinned)
    windows: list[Window] = []
    try:
        series = SERIES
        for count, times in repeats.items():
            names = [messages.cards(count, series + n) for n in range(times)]
            series += times
            try:
                windows.append(_measure(child, proxy, server, key, count, names, limit))
            except TimeoutError:
                windows.append(Window(count, 0, None, None, None))
        return windows
    finally:
        child.close()


def start(config_file: Path, pinned: set[int]) -> tuple[Child, Proxy]:
    """The process and how it is reached; ask it anything for the last window."""
    child = Child(
        python("bench.window", str(config_file)), config_file.with_name("window.log"), pinned
    )
    try:
        return child, proxy_of(child, config_file, int(child.line()))
    except BaseException:
        child.close()
        raise


def _measure(
    child: Child,
    proxy: Proxy,
    server: Upstream,
    key: str,
    count: int,
    names: Sequence[str],
    limit: float,
) -> Window:
    requests = [messages.request(name, server.port, key) for name in names]
    seen, size = [], 0
    with Connection(proxy, server.port, proxy.context(), limit) as connection:
        connection.ask(messages.request("small", server.port, key))  # opens the connections
        for request in requests:
            server.prepare(request)
            answer = connection.ask(request)
            tokens = answer.body.count(b"<PaycometResponse>")
            if answer.status != 200 or tokens != count:
                raise RuntimeError(f"{count} cards: {answer.status}, {tokens} tokens")
            seen.append((child.ask("window")["seconds"], answer.seconds))
            size = len(answer.body)
    return Window(
        count,
        size,
        statistics.median(window for window, _ in seen),
        statistics.median(wall for _, wall in seen),
        statistics.median(window / wall for window, wall in seen),
    )


class Clocks:
    """When the last body was whole, and when the last batch of cards was durable."""

    def __init__(self) -> None:
        self.whole = self.durable = 0.0

    def wind(self) -> None:
        """Puts them where the product comes by; it does nothing else there."""
        feed = Body.feed

        def fed(body: Body, buffer: bytearray) -> None:
            feed(body, buffer)
            if body.done:
                self.whole = time.perf_counter()

        Body.feed = fed
        Vault.open = partial(Vault.open, step=self._step)

    def _step(self, name: str) -> None:
        if name == "keep:committed":
            self.durable = time.perf_counter()


async def _run(config_file: Path) -> None:
    clocks = Clocks()
    clocks.wind()
    worker = Worker(load_config(config_file))
    addresses = await worker.start()
    loop, asked = asyncio.get_running_loop(), asyncio.Queue()

    def listen() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(asked.put_nowait, line.strip())
        loop.call_soon_threadsafe(asked.put_nowait, "")

    threading.Thread(target=listen, name="window-questions", daemon=True).start()
    print(addresses.proxy[1], flush=True)
    while await asked.get():
        print(json.dumps({"seconds": clocks.durable - clocks.whole}), flush=True)
    await worker.stop(1.0)


if __name__ == "__main__":
    log.configure("info")
    run_loop(_run(Path(sys.argv[1])))
