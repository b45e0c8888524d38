"""A PostgreSQL server from the wheel that the tests use: durable, as an operator's is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import Server


@contextmanager
def server() -> Iterator[str]:
    """Starts one on a disk, gives its URL, and ends it. It may use every core."""
    started = Server(disk=Path(tempfile.gettempdir()), fsync="on")
    try:
        yield started.url
    finally:
        started.close()
