"""How late the machine wakes a thread that has nothing to do: the noise of what else runs on it."""

from __future__ import annotations

import threading
import time
from typing import Self

_BEAT = 0.002


class Bystander:
    """A thread that only sleeps, in a process that only waits. `worst`: how late it woke, seconds."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sleep, name="bystander", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sleep(self) -> None:
        while not self._ended.is_set():
            began = time.perf_counter()
            time.sleep(_BEAT)
            self.worst = max(self.worst, time.perf_counter() - began - _BEAT)
