"""Threads for what would keep the event loop waiting: what is begun ends, and says how."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from concurrent.futures import Future
from threading import Event

import pytest

from gateway.errors import VaultUnavailable
from gateway.vault.aside import Aside


@pytest.fixture
def aside():
    one = Aside("test", 1)
    yield one
    one.close()


def test_what_is_followed_gives_what_its_future_gives(aside):
    written: Future[str] = Future()

    async def follow() -> str:
        waiting = asyncio.ensure_future(aside.follow(lambda: written))
        await aside.run(lambda: None)  # its one thread is free again: nobody waits in it
        assert not waiting.done()
        written.set_result("done")
        return await waiting

    assert asyncio.run(follow()) == "done"


def test_what_is_followed_raises_what_its_work_raises(aside):
    def work() -> Future[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(aside.follow(work))


def test_what_is_followed_raises_what_its_future_raises(aside):
    written: Future[str] = Future()
    written.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        asyncio.run(aside.follow(lambda: written))


@pytest.mark.parametrize("where", ["work", "written"])
def test_p16_what_was_raised_is_let_go_of_at_once(aside, where):
    """With it go the frames that it came through, and the cards in them; the collector may take ten minutes."""

    class Failed(Exception):
        pass

    def failed() -> Failed:
        error = Failed()
        seen.append(weakref.ref(error))
        return error

    def work() -> Future[None]:
        if where == "work":
            raise failed()
        written: Future[None] = Future()
        written.set_exception(failed())
        return written

    async def go() -> None:
        with contextlib.suppress(Failed):
            await aside.follow(work)

    seen: list[weakref.ref[Failed]] = []
    gc.disable()
    try:
        asyncio.run(go())
        asyncio.run(aside.run(lambda: None))  # its one thread is done with what was before
        assert seen[0]() is None
    finally:
        gc.enable()


def test_who_goes_stops_neither(aside):
    written: Future[str] = Future()
    begun, ended = Event(), Event()

    def work() -> Future[str]:
        begun.set()
        return written

    async def go() -> None:
        waiting = asyncio.ensure_future(aside.follow(work))
        await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(go())
    written.add_done_callback(lambda _: ended.set())
    assert not written.cancelled()
    written.set_result("done")
    assert ended.wait(10)


def test_what_nobody_waits_for_is_done(aside):
    done = Event()
    aside.begin(done.set)
    assert done.wait(10)


def test_p27_after_the_end_nothing_is_begun():
    aside = Aside("test", 1)
    aside.close()
    done = Event()
    with pytest.raises(VaultUnavailable):
        asyncio.run(aside.run(done.set))
    with pytest.raises(VaultUnavailable):
        asyncio.run(aside.follow(Future))
    aside.begin(done.set)
    assert not done.is_set()
