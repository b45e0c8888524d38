"""The one thread that writes: jobs in order, those that wait together in one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Generic, NamedTuple, TypeVar

from gateway.errors import VaultBusy, VaultUnavailable

C = TypeVar("C")  # the connection

# One fsync for what waited together. More would only make the first of them wait longer.
_TOGETHER: Final = 32


@dataclass(frozen=True, slots=True)
class Job(Generic[C]):
    """`work` changes the database and may run twice. `entries`: how many audit entries it appends, as far as
    is known beforehand. `large`: it would meet whatever is written beside it, where several write at a time.
    """

    name: str
    work: Callable[[C], object]
    entries: int = 0
    large: bool = False


class _Waiting(NamedTuple, Generic[C]):
    """A job, and who waits for it. What a job raises holds each frame that it came through, or began in, and
    the future holds it: none of these frames may end with the future, or all that they have stays, cards too,
    until the collector comes.
    """

    job: Job[C]
    future: Future[object]


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
        self._queue: SimpleQueue[_Waiting[C] | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="vault-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[C]) -> Future[object]:
        """Queues `job`; the future is done after the commit. Raises VaultUnavailable after `close`."""
        future: Future[object] = Future()
        with self._closing:
            if self._closed:
                raise VaultUnavailable
            self._queue.put(_Waiting(job, future))
        return future

    def close(self) -> None:
        """Does what is queued, then stops. Further calls do nothing."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while self._turn():
            pass
        self._finish()

    def _turn(self) -> bool:
        """Waits for a job, and does it with those that wait by then. False: nothing comes any more. What a job
        had with it, a card, is let go of here, not when the next one comes.
        """
        waiting = [self._queue.get()]
        try:
            while waiting[-1] is not None and len(waiting) < _TOGETHER:
                waiting.append(self._queue.get_nowait())
        except Empty:
            pass
        goes_on = waiting[-1] is not None
        # A job whose caller has gone before it began is not worth doing.
        begun = [one for one in waiting if one and one.future.set_running_or_notify_cancel()]
        waiting.clear()
        self._serve(begun)
        return goes_on

    def _serve(self, waiting: list[_Waiting[C]]) -> None:
        """Does them all, and empties `waiting`: see `_Waiting`."""
        together = len(waiting)
        while some := waiting[:together]:
            results, failure = self._committed([one.job for one in some])
            # One of them may be at fault, unless the database was held: each would wait for it alone.
            if failure is not None and together > 1 and not isinstance(failure, VaultBusy):
                together = 1
            else:
                del waiting[:together]
                self._tell(some, results, failure)
            some.clear()
            del results, failure

    def _tell(
        self, some: Sequence[_Waiting[C]], results: Sequence[object], failure: BaseException | None
    ) -> None:
        for place, (job, future) in enumerate(some):
            if failure is not None:
                future.set_exception(failure)
            else:
                self._step(f"{job.name}:answer")
                future.set_result(results[place])

    def _committed(self, jobs: Sequence[Job[C]]) -> tuple[list[object], BaseException | None]:
        """What each gave, or what came instead."""
        try:
            return self._commit(jobs), None
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits, never swallowed
            return [], error
