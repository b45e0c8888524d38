"""A server of another program for tests, which ends with the run that started it: see `keeper.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_KEEPER = Path(__file__).with_name("keeper.py")


class Kept:
    """What `command` starts, as `user` if that is said. `stop`: the signal with which it ends in order,
    `end`: the one with which it ends at once. What it prints is added to the file `log`; `directory` is
    removed at the end."""

    def __init__(self, command, directory, log, *, stop, end, user=None) -> None:
        said = {
            "command": [str(one) for one in command], "directory": str(directory), "log": str(log),
            "user": user, "stop": stop, "end": end,
        }  # fmt: skip
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_KEEPER), json.dumps(said)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.pid = 0

    def start(self):
        """Starts it; it may not serve yet when this returns."""
        self.pid = self._say("start")

    def stop(self):
        """Ends it in order; it may be started again."""
        self.pid = self._say("stop")

    def crash(self):
        """Ends it at once; it may be started again."""
        self.pid = self._say("end")

    def close(self):
        """Ends it at once, with all its files. May be called again."""
        if self._keeper.stdin.closed:
            return
        self._keeper.stdin.close()
        self._keeper.stdout.close()
        self._keeper.wait()

    def _say(self, word):
        self._keeper.stdin.write(word + "\n")
        self._keeper.stdin.flush()
        return int(self._keeper.stdout.readline())
