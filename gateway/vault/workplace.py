"""A directory in which a backup is opened for a while: beside the vault, closed to others, empty afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.errors import BackupRefused
from gateway.private_directory import make_private

_NAME: Final = "restoring"
_TRIES: Final = 10


@contextmanager
def workplace(state: Path) -> Iterator[Path]:
    """An empty directory for one process at a time. What a process left that was killed goes first: nothing
    in it is clear. Raises BackupRefused while another process has it; OSError.
    """
    place = state / _NAME
    descriptor = _locked(place)
    try:
        _clear(place)
        yield place
    finally:
        _clear(place)
        place.rmdir()
        os.close(descriptor)


def _locked(place: Path) -> int:
    for _ in range(_TRIES):
        make_private(place)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            break
        # Whoever had it last may have taken it away since it was opened.
        if place.exists() and place.stat().st_ino == os.fstat(descriptor).st_ino:
            place.chmod(0o700)
            return descriptor
        os.close(descriptor)
    raise BackupRefused(
        "in_use",
        "another restore or drill runs here",
        "Wait until it has ended.",
        place=str(place),
    )


def _clear(place: Path) -> None:
    for one in place.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()
