"""Waiting on the event loop for what a thread does: as `asyncio.wrap_future` does it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from gateway.vault.waiting import result_of

# What is waited for in the same words, so that ours can be held against the one it stands for.
WAYS = pytest.mark.parametrize("wait", [result_of, asyncio.wrap_future], ids=["ours", "asyncio's"])


@WAYS
def test_what_a_thread_does_is_waited_for(wait):
    async def go() -> int:
        with ThreadPoolExecutor(1) as pool:
            return await wait(pool.submit(threading.get_ident))

    assert asyncio.run(go()) != threading.get_ident()


@WAYS
def test_what_is_done_already_is_there(wait):
    async def go() -> str:
        done: Future[str] = Future()
        done.set_result("done")
        return await wait(done)

    assert asyncio.run(go()) == "done"


@WAYS
def test_what_it_raises_is_raised(wait):
    async def go() -> None:
        failed: Future[None] = Future()
        failed.set_exception(ZeroDivisionError())
        await wait(failed)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(go())


def test_p16_what_it_raised_is_let_go_of_at_once():
    """With it go the frames that it came through, and the cards in them; the collector may take ten minutes."""

    class Failed(Exception):
        pass

    def failing() -> Future[None]:
        future: Future[None] = Future()
        error = Failed()
        seen.append(weakref.ref(error))
        future.set_exception(error)
        return future

    async def go() -> None:
        with contextlib.suppress(Failed):
            await result_of(failing())

    seen: list[weakref.ref[Failed]] = []
    gc.disable()
    try:
        asyncio.run(go())
        assert seen[0]() is None
    finally:
        gc.enable()


@WAYS
def test_who_goes_stops_what_has_not_begun(wait):
    async def go() -> bool:
        queued: Future[None] = Future()
        waiting = asyncio.ensure_future(_waits(wait, queued))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await asyncio.sleep(0)  # asyncio's tells it one turn later
        return not queued.set_running_or_notify_cancel()

    assert asyncio.run(go())


@WAYS
def test_who_goes_does_not_stop_what_has_begun(wait):
    async def go() -> str:
        running: Future[str] = Future()
        running.set_running_or_notify_cancel()
        waiting = asyncio.ensure_future(_waits(wait, running))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        running.set_result("written")  # as the writer does, whoever has gone
        await asyncio.sleep(0)
        return running.result()

    assert asyncio.run(go()) == "written"


@WAYS
def test_what_somebody_else_cancels_is_cancelled_here(wait):
    async def go() -> bool:
        queued: Future[None] = Future()
        waiting = asyncio.ensure_future(_waits(wait, queued))
        await asyncio.sleep(0)
        queued.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert asyncio.run(go())


@WAYS
def test_a_loop_that_is_closed_is_told_nothing(wait, caplog):
    late: Future[None] = Future()
    late.set_running_or_notify_cancel()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(_waits(wait, late))
    loop.run_until_complete(asyncio.sleep(0))
    waiting.cancel()
    loop.run_until_complete(asyncio.wait([waiting]))
    loop.close()
    late.set_result(None)
    del waiting
    gc.collect()
    assert not caplog.records  # concurrent.futures logs what a callback raises


async def _waits(wait, future):
    return await wait(future)
