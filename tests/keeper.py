"""A server that no run of tests leaves behind: one small process starts it and ends it.

    python -I tests/keeper.py '{"command": […], "user": null, "stop": "SIGINT", "end": "SIGQUIT",
                                "log": "/…/log", "directory": "/…"}'

Whoever started the keeper says `start`, `stop` or `end` on its standard input, a line each, and gets the
server's process id or `0`. When that input ends, because whoever held it closed it, ended or was killed,
the server gets the signal `end` and the directory is removed. The keeper is a session of its own: what
is sent to all processes of the run does not reach it. `atexit` is not enough: xdist kills a worker that
ends slowly, and sabotage kills whole runs.

It imports nothing of the tests, so that it is there at once.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys

_SECONDS = 20


class Server:
    """The process that is kept, while it runs."""

    def __init__(self, command, user, log):
        self._command, self._user, self._log = command, user, log
        self._child = None

    def start(self):
        """Its process id."""
        with open(self._log, "ab") as log:  # noqa: PTH123 - what is not imported costs no time
            self._child = subprocess.Popen(
                self._command, user=self._user, extra_groups=[] if self._user else None,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self._child.pid

    def stop(self, how):
        """Returns when it is gone."""
        if self._child is None:
            return
        self._child.send_signal(how)
        try:
            self._child.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None


def main():
    said = json.loads(sys.argv[1])
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # its input alone ends it
        signal.signal(each, lambda *_: None)  # ignored, it would be by the server too
    server = Server(said["command"], said["user"], said["log"])
    try:
        for word in sys.stdin:
            if word == "start\n":
                number = server.start()
            else:
                server.stop(signal.Signals[said[word.strip()]])
                number = 0
            print(number, flush=True)
    finally:
        server.stop(signal.Signals[said["end"]])
        shutil.rmtree(said["directory"], ignore_errors=True)


if __name__ == "__main__":
    main()
