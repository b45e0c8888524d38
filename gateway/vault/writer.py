"""The one thread that writes: jobs in order, those that wait together in one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from gateway.errors import VaultBusy, VaultUnavailable

C = TypeVar("C")  # the connection

# One fsync for what waited together. More would only make the first of them wait longer.
_TOGETHER: Final = 32


@dataclass(frozen=True, slots=True)
class Job(Generic[C]):
    """`work` changes the database and may run twice; `future` is done after the commit. `entries`: how
    many audit entries it appends, as far as is known beforehand. `large`: it would meet whatever is written
    beside it, where several write at a time.
    """

    name: str
    work: Callable[[C], object]
    future: Future[object]
    entries: int = 0
    large: bool = False


class Writer(Generic[C]):
    """Runs jobs on a thread of its own. `commit` makes a group durable, or raises and leaves
    nothing of it; a group that fails is tried again job by job, so that none harms another.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Job[C]]], list[object]],
        finish: Callable[[], None],
        step: Callable[[str], None],
    ) -> None:
        self._commit = commit
        self._finish = finish
        self._step = step
        self._queue: SimpleQueue[Job[C] | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="vault-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[C]) -> None:
        """Queues `job`. Raises VaultUnavailable after `close`."""
        with self._closing:
            if self._closed:
                raise VaultUnavailable
            self._queue.put(job)

    def close(self) -> None:
        """Does what is queued, then stops. Further calls do nothing."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            waiting = [self._queue.get()]
            try:
                while waiting[-1] is not None and len(waiting) < _TOGETHER:
                    waiting.append(self._queue.get_nowait())
            except Empty:
                pass
            stopping = waiting[-1] is None
            # A job whose caller has gone before it began is not worth doing.
            self._serve([j for j in waiting if j and j.future.set_running_or_notify_cancel()])
        self._finish()

    def _serve(self, jobs: Sequence[Job[C]]) -> None:
        if not jobs:
            return
        failure: BaseException | None = None
        results: list[object] = []
        try:
            results = self._commit(jobs)
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits, never swallowed
            failure = error
        # One of them may be at fault, unless the database was held: each would wait for it alone.
        if failure is not None and len(jobs) > 1 and not isinstance(failure, VaultBusy):
            for job in jobs:
                self._serve([job])
            return
        for place, job in enumerate(jobs):
            if failure is not None:
                job.future.set_exception(failure)
            else:
                self._step(f"{job.name}:answer")
                job.future.set_result(results[place])
