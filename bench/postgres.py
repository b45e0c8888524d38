"""A PostgreSQL server from the wheel that the tests use: durable, as an operator's is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.postgres import Server


@contextmanager
def server() -> Iterator[str]:
    """Starts one, gives its URL, and ends it. It may use every core."""
    started = Server(fsync="on")
    try:
        yield started.url
    finally:
        started.close()
