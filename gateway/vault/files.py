"""Making a file that appears complete or not at all, for its owner only."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def publish(path: Path, content: bytes) -> bool:
    """Writes a new file, mode 0600, durable. False when there is one already, which is left alone.

    Raises OSError when it can not be written.
    """
    # Written under another name and linked: nobody ever reads half of it, and of two processes that
    # start together one wins.
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)
        sync_directory(path.parent)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return True


def sync_directory(path: Path) -> None:
    """Has the names in it last. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
