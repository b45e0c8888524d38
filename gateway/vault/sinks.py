"""Where the audit goes besides the database: a file, a named pipe, standard output.

P36: what can not be written to each of them is not committed, so no card is put in. None is waited for
longer than a second, and once one was not written it is not waited for until it was again: whoever
stops reading a pipe makes the gateway refuse, never hang.

Entries are written just before they are committed. If the process dies between the two, the newest lines
say what did not happen; what happened is never missing.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path
from time import monotonic
from typing import Final

from gateway.errors import ConfigurationError, Problem

_SECONDS: Final = 1.0
# A pipe that can be written takes so many bytes without waiting; of a file there is no such limit.
_PIPE_PORTION: Final = select.PIPE_BUF
_FILE_PORTION: Final = 1 << 20
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CLOSED: Final = -1


class Sink:
    """One of them. Used by one thread."""

    def __init__(self, path: Path | None) -> None:
        """Opens it; without a path, standard output. A file is made, mode 0600. Raises
        ConfigurationError when it can not be written, as a pipe that nobody reads.
        """
        self._path = path
        self._descriptor, self._file = _CLOSED, (0, 0)
        self._portion = _PIPE_PORTION
        self._waits, self._torn = True, False
        try:
            self._open()
        except OSError as error:
            reason = error.strerror or "it is no file and no pipe"
        else:
            return
        hint = "Let something read the pipe, or make the file writable, before the gateway starts."
        raise ConfigurationError([Problem(self.name, 0, f"the audit's sink: {reason}", hint)])

    @property
    def name(self) -> str:
        """For the log."""
        return "standard output" if self._path is None else str(self._path)

    def write(self, text: bytes) -> None:
        """Writes whole lines. Raises OSError when not all of it could be written; what was begun is
        ended by a newline later.
        """
        patience = _SECONDS if self._waits else 0.0
        self._waits = False
        if self._moved():
            self.close()
            self._open()
        self._send(b"\n" + text if self._torn else text, monotonic() + patience)
        self._waits = True

    def check(self) -> None:
        """Raises OSError when no line could be written now. Writes nothing, but a newline to a file that
        refused the last line: what a quota, a limit of size or a broken disk say is said to a write alone.
        """
        if self._moved():
            self.close()
            self._open()
        if self._portion == _FILE_PORTION:
            disk = os.fstatvfs(self._descriptor)
            if disk.f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, "it can not be written any more")
            if not disk.f_bavail:
                raise OSError(errno.ENOSPC, "no room")
            if not self._waits:
                self._send(b"\n", monotonic())
                self._waits = True
            return
        found = _events(self._descriptor, 0)
        if not found & select.POLLOUT or found & select.POLLERR:  # full, or nobody reads it
            raise TimeoutError

    def close(self) -> None:
        """Closes it; the next write opens it again."""
        if self._descriptor != _CLOSED:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _open(self) -> None:
        if self._path is None:
            self._descriptor = os.dup(1)
        else:
            self._descriptor = os.open(self._path, _FLAGS, 0o600)
        status = os.fstat(self._descriptor)
        self._file = status.st_dev, status.st_ino
        if not stat.S_ISREG(status.st_mode):
            if self._path is not None and not stat.S_ISFIFO(status.st_mode):
                self.close()
                raise OSError
            return
        self._portion = _FILE_PORTION
        if self._path is not None and status.st_size:
            with self._path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                self._torn = file.read(1) != b"\n"

    def _moved(self) -> bool:
        """Whether the path leads elsewhere by now: logs are rotated."""
        if self._descriptor == _CLOSED:
            return True
        if self._path is None:
            return False
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return True
        return (status.st_dev, status.st_ino) != self._file

    def _send(self, text: bytes, until: float) -> None:
        left = memoryview(text)
        while left:
            if not _events(self._descriptor, until - monotonic()):
                raise TimeoutError
            try:
                count = os.write(self._descriptor, left[: self._portion])
            except BrokenPipeError:  # another reader may come
                self.close()
                raise
            left = left[count:]
            self._torn = bool(left)


def _events(descriptor: int, seconds: float) -> int:
    """What there is to say of writing to it within so long; 0: it takes nothing."""
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    found = ready.poll(max(0.0, seconds) * 1000)
    return found[0][1] if found else 0
