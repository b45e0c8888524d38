"""A gateway with a heartbeat on its event loop: how long does the loop stand still, and where?

`python -m bench.heartbeat GATEWAY.YAML` runs the worker as `card-gateway run` does, nothing of it
changed. It prints the proxy's port; then each line that it reads (`begin`, `end`) is answered with
a line of JSON. A watchdog thread looks at all threads' stacks while a beat is late.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from bench.child import Child, python
from bench.gateway_process import proxy as proxy_of
from bench.load import Proxy
from gateway import log
from gateway.cli.run import run_loop
from gateway.config import load_config
from gateway.worker import Worker

LIMIT = 0.020  # seconds: what the goal allows
_BEAT = 0.002
_LOOK = 0.004
_PLACES = 8


def start(config_file: Path, pinned: set[int]) -> tuple[Child, Proxy]:
    """The process and how it is reached; ask it `begin` and `end`."""
    command = python("bench.heartbeat", str(config_file))
    child = Child(command, config_file.with_name("heartbeat.log"), pinned)
    try:
        return child, proxy_of(child, config_file, int(child.line()))
    except BaseException:
        child.close()
        raise


class Heart:
    """Beats on the loop, and keeps by how much a beat was late at worst.

    Nothing in a beat may let go of the interpreter's lock: it would wait for it once more.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.last = time.perf_counter()
        self.worst = self.worst_own = self.total_over = 0.0
        self.over = self.beats = 0

    async def beat(self) -> None:
        while True:
            self.last, own = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_BEAT)
            late = time.perf_counter() - self.last - _BEAT
            self.beats += 1
            if late > self.worst:
                self.worst, self.worst_own = late, time.thread_time() - own
            if late > LIMIT:
                self.over += 1
                self.total_over += late


class Watchdog:
    """Samples where the threads are while the heart is late, and times garbage collections."""

    def __init__(self, heart: Heart, main: int) -> None:
        self._heart, self._main = heart, main
        self.begin()
        gc.callbacks.append(self._collect)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def begin(self) -> None:
        self.places: Counter[str] = Counter()  # seconds
        self.collections: list[float] = []
        # Threads that rest now, rest wherever they are found at the same place.
        self._resting = {_spot(*item) for item in sys._current_frames().items()}

    def _watch(self) -> None:
        me, before = threading.get_ident(), time.perf_counter()
        while True:
            time.sleep(_LOOK)
            # One call that never lets go of the lock stops this thread as well: whoever held it
            # stands where it was, or one line on.
            now = time.perf_counter()
            held, before = now - before, now
            late = max(held - _LOOK, now - self._heart.last - _BEAT)
            if late < LIMIT:
                continue
            frames = sys._current_frames()
            loop = _place(frames.pop(self._main))
            del frames[me]
            self.places[f"loop: {loop or 'waits for its turn'}"] += held
            for ident, frame in frames.items():
                place = "" if _spot(ident, frame) in self._resting else _place(frame)
                if place:
                    self.places[f"beside it: {place}"] += held

    def _collect(self, phase: str, _info: dict) -> None:
        if phase == "start":
            self._collecting = time.perf_counter()
        else:
            self.collections.append(time.perf_counter() - self._collecting)


def _spot(ident: int, frame) -> tuple[int, int, int]:
    return ident, id(frame), frame.f_lasti


def _place(frame) -> str:
    """The innermost lines of the product, or of what it uses, on a stack; empty for one that waits."""
    name = frame.f_code.co_filename
    if name.endswith(("threading.py", "selectors.py", "queue.py", "socketserver.py", "runners.py")):
        return ""
    if "concurrent/futures/thread" in name or name.endswith("bench/heartbeat.py"):
        return ""
    inner = f"{_short(name)}:{frame.f_lineno}"
    if name.endswith("cli/run.py"):
        return ""
    while frame is not None:
        name = frame.f_code.co_filename
        if "/gateway/" in name and "/site-packages/" not in name:
            own = f"gateway/{name.rpartition('/gateway/')[2]}:{frame.f_lineno}"
            own += f" {frame.f_code.co_name}"
            return own if inner.split(":", maxsplit=1)[0] in own else f"{own} > {inner}"
        frame = frame.f_back
    return inner


def _short(name: str) -> str:
    return "/".join(name.split("/")[-2:])


async def _run(config_file: Path) -> None:
    worker = Worker(load_config(config_file))
    addresses = await worker.start()
    heart = Heart()
    watchdog = Watchdog(heart, threading.main_thread().ident)
    beating = asyncio.create_task(heart.beat())
    loop, asked = asyncio.get_running_loop(), asyncio.Queue()

    def listen() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(asked.put_nowait, line.strip())
        loop.call_soon_threadsafe(asked.put_nowait, "")

    threading.Thread(target=listen, name="watchdog-questions", daemon=True).start()
    print(addresses.proxy[1], flush=True)
    while question := await asked.get():
        if question == "begin":
            gc.collect()
            heart.begin()
            watchdog.begin()
        print(json.dumps(_report(heart, watchdog)), flush=True)
    beating.cancel()
    await worker.stop(1.0)


def _report(heart: Heart, watchdog: Watchdog) -> dict:
    return {
        "worst_ms": heart.worst * 1000,
        "worst_own_ms": heart.worst_own * 1000,
        "over": heart.over,
        "over_ms": heart.total_over * 1000,
        "beats": heart.beats,
        "places": watchdog.places.most_common(_PLACES),
        "collections_over": sum(one > LIMIT for one in watchdog.collections),
        "collection_worst_ms": max(watchdog.collections, default=0.0) * 1000,
    }


if __name__ == "__main__":
    log.configure("info")
    run_loop(_run(Path(sys.argv[1])))
