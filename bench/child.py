"""A process of ours: started, found listening, ended by its id."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench import cpu

_STARTS = 30.0
_ENDS = 5.0
_started: list[Child] = []


class Child:
    """Runs `command` until `close`. Its standard output is ours to read, its errors go to a file."""

    def __init__(self, command: list[str], errors: Path, pinned: set[int]) -> None:
        self.errors = errors
        with errors.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is for us: we end it
            )
        _started.append(self)
        cpu.pin(self.process.pid, pinned)

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        """The next line that it prints. Raises RuntimeError when there is none."""
        text = self.process.stdout.readline()
        if not text:
            raise RuntimeError(f"a process of the bench ended early, see\n{self._told()}")
        return text

    def ask(self, question: str) -> dict:
        """Sends a line, and reads the JSON line that comes back."""
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def port(self) -> int:
        """The TCP port of 127.0.0.1 on which it listens, once it does."""
        end = time.monotonic() + _STARTS
        while time.monotonic() < end and self.process.poll() is None:
            found = _listening(self.pid)
            if found:
                return found
            time.sleep(0.05)
        raise RuntimeError(f"a process of the bench does not listen, see\n{self._told()}")

    def close(self) -> None:
        """Ends it, with force when it does not go. Doing so again does nothing."""
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_ENDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def _told(self) -> str:
        return self.errors.read_text("utf-8", "replace")[-2000:]


def close_all() -> None:
    """Ends every process that this one started, wherever it was interrupted."""
    while _started:
        _started.pop().close()


def python(*arguments: str) -> list[str]:
    """A command that runs a module with the interpreter that runs us."""
    return [sys.executable, "-m", *arguments]


def _listening(pid: int) -> int:
    """The lowest port on 127.0.0.1 whose socket `pid` has open for listening, or 0."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    rows = Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]
    ports = [
        int(fields[1].partition(":")[2], 16)
        for fields in map(str.split, rows)
        if fields[3] == "0A" and fields[9] in sockets and fields[1].startswith("0100007F:")
    ]
    return min(ports, default=0)
