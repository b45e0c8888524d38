"""What holds for every run: where its files are, which file is first, which signals count, what the garbage
collector need not look at, and the one browser.

Time says nothing about a property on a machine that others use too: hypothesis has no deadline.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter

import pytest
from fastapi.dependencies import models
from hypothesis import settings

from tests import commands, frozen
from tests.browser import Browser, why_not
from tests.framing import Framing
from tests.memory import in_memory
from tests.parsed import remember
from tests.pki import Authority

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
remember()
commands.make_once()


def pytest_configure():
    """A shell that starts the suite in the background has it, and all that it starts, ignore Ctrl-C, and
    nohup a lost terminal. What is tested is not started so.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    memory = in_memory()
    if memory is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))  # the root of each `tmp_path`


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is made meanwhile stays, and nothing of it is garbage: a tenth of the time went to looking."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items):
    """Files that take longest come first, so that no worker is left with one at the end.

    A file stays together, in its own order. xdist would put files with many tests first, and those
    are the quick ones: `--no-loadscope-reorder` leaves the order to this. Those with a browser are
    spread among the others: four browsers at once have too little of two cores.
    """
    longest = Counter()
    for item in items:
        longest[item.path] += _seconds(item)
    with_browser = {item.path for item in items if "browser" in item.fixturenames}
    ranked = sorted(longest, key=lambda path: (-longest[path], str(path)))
    place = {}
    for kind, apart in ((with_browser, 4), (longest.keys() - with_browser, 4 / 3)):
        of_kind = (path for path in ranked if path in kind)
        place |= {path: apart * number for number, path in enumerate(of_kind)}
    items.sort(key=lambda item: (place[item.path], str(item.path)))


def _seconds(item):
    """About how long a test takes, by what it uses."""
    if item.get_closest_marker("slow"):
        return 4
    if "browser" in item.fixturenames:
        return 1.5
    if "site" in item.fixturenames:  # a gateway that is a process
        return 1
    if "killed" in item.name or getattr(item.obj, "is_hypothesis_test", False):
        return 0.5
    store = getattr(item, "callspec", None) and item.callspec.params.get("store")
    return 0.15 if store in {"postgres", "pooler"} or "e2e" in item.path.parts else 0.01


def pytest_collection_finish():
    """What the modules made while they were imported is there to stay. Each gateway that starts looks
    at everything there is: a quarter of a second each time."""
    gc.collect()
    frozen.freeze()


@pytest.fixture(autouse=True)
def forgotten():
    """FastAPI keeps what it was asked about each function: of a gateway's that stopped, all of it. The
    next one to start would look through hundreds of them."""
    yield
    for kept in vars(models).values():
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()


@pytest.fixture(scope="session")
def framing(tmp_path_factory):
    """The site of a PMS, and of a stranger."""
    authority = Authority(tmp_path_factory.mktemp("framing"))
    with Framing(authority.server_context("pms.example")) as site:
        yield site


@pytest.fixture(scope="session")
def chromium(framing):
    if why_not():
        pytest.skip(why_not())
    with Browser(framing.port) as started:
        yield started


@pytest.fixture
def browser(chromium):
    """A browser in which nothing was opened, as wide as a desk's screen."""
    chromium.fresh()
    return chromium
