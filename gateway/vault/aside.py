"""Threads for what would keep the event loop waiting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from gateway.errors import VaultUnavailable
from gateway.vault.waiting import result_of

T = TypeVar("T")


class Aside:
    """A few threads of one name. One kind of work does not wait behind another's."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs `work` in a thread. Raises what it raises, and VaultUnavailable after `close`."""
        return await result_of(self._submit(work))

    async def follow(self, work: Callable[[], Future[T]]) -> T:
        """Runs `work` in a thread, then waits, in none, for the future that it gives: the event loop is
        woken once for both. Whoever goes meanwhile stops neither. Raises what either of them raises, and
        VaultUnavailable after `close`.
        """
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()
        self._submit(work).add_done_callback(partial(_followed, done))
        try:
            return await result_of(done)
        finally:
            # What it raises holds this frame, which would hold it, and with it the cards in its own frames.
            del done

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        try:
            return self._pool.submit(work)
        except RuntimeError:  # closed
            pass
        raise VaultUnavailable

    def begin(self, work: Callable[[], object]) -> None:
        """Has `work` done in a thread, sooner or later. Nobody waits for it, and it must not fail: nobody
        would be told. After `close` it is not done.
        """
        with suppress(VaultUnavailable):
            self._submit(work)

    def close(self) -> None:
        """Waits for what was begun. Further calls do nothing."""
        self._pool.shutdown()


def _followed(done: Future[T], begun: Future[Future[T]]) -> None:
    """On the thread that did it: `begun` has ended."""
    error = begun.exception()
    if error is not None:
        done.set_exception(error)
    else:
        begun.result().add_done_callback(partial(_ended, done))


def _ended(done: Future[T], written: Future[T]) -> None:
    error = written.exception()
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(written.result())
