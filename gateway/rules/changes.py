"""When the files of rules change: told by the system, and looked at by ourselves every few seconds.

The system tells of a directory, not of its name: where another directory takes its place (renamed, or a
link that leads elsewhere), or a file that a link leads to is written, it says nothing; it says nothing of
some file systems either, and may have no room to watch at all. Whoever saves rules must not go on with
the old ones unaware (P37).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import watchfiles

from gateway.log import event

SECONDS: Final = 5.0  # between two looks

# Device, inode, size, and when its content and its inode changed; None: it can not be had.
_State = tuple[int, int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a directory. `place`: which directory it is; `files`: path → state."""

    place: _State
    files: tuple[tuple[str, _State], ...]


def look(directory: Path) -> Look:
    """The YAML files in `directory` and in its folders, and where links lead, by their states alone. Blocks."""
    here = _inside(directory)
    below = [path for folder in here for path in _inside(folder)]  # of a file: none
    files = [(str(path), _state(path)) for path in (*here, *below) if _is_yaml(path.name)]
    place = _state(directory)
    return Look(place and (*place[:2], 0, 0, 0), tuple(sorted(files)))


async def changes(
    directory: Path, before: Look, *, stop: asyncio.Event | None, settle_ms: int
) -> AsyncIterator[None]:
    """Yields whenever something may have changed since `before`, until `stop` is set or cancelled.

    Several changes within `settle_ms` are one, where the system tells of them.
    """
    seen = before
    while stop is None or not stop.is_set():
        watched = (await asyncio.to_thread(look, directory)).place
        async with aclosing(_stirred(directory, stop, settle_ms)) as stirred:
            async for told in stirred:
                now = await asyncio.to_thread(look, directory)
                changed, seen = now != seen, now
                if told or changed:
                    yield
                if now.place != watched:
                    break  # another one stands there: from now on that one is watched


async def _stirred(
    directory: Path, stop: asyncio.Event | None, settle_ms: int
) -> AsyncGenerator[bool]:
    """True where the system tells of a YAML file, False for any other and every few seconds. Ends where `stop`
    is set, or where the system does not tell any more."""
    try:
        async for told in watchfiles.awatch(
            directory,
            watch_filter=None,  # the default looks away from `.git`, `.venv` and others anywhere in the path
            stop_event=stop,
            debounce=settle_ms,
            recursive=True,
            rust_timeout=round(SECONDS * 1000),
            yield_on_timeout=True,
        ):
            yield any(_is_yaml(path) for _, path in told)
    except* (OSError, RuntimeError) as failed:  # what its Rust part raises is a RuntimeError
        # Gone for a moment, no room for another watch, or a file's name that is not UTF-8.
        event("rules_not_watched", level=logging.WARNING, exception=_kind(failed))
    if stop is None or not stop.is_set():
        await asyncio.sleep(SECONDS)
        yield False


def _kind(failed: BaseExceptionGroup[Any]) -> str:
    first: BaseException = failed
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return type(first).__name__


def _inside(directory: Path) -> list[Path]:
    try:
        return [path for path in directory.iterdir() if not path.name.startswith(".")]
    except OSError:  # whoever reads the rules says so
        return []


def _is_yaml(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml"))


def _state(path: Path) -> _State:
    try:
        found = path.stat()  # where a link leads
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
