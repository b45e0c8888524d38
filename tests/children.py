"""Children that are killed: each a process of its own, which need not import everything by itself.

`run(script, *arguments)` is `subprocess.run([sys.executable, "-c", script, *arguments])` with its
output captured, and the same result. The child is forked from a parent that has done nothing but
import the vault, has opened nothing and has one thread; what takes 0.3 seconds is done once.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).parent.parent
_SECONDS = 60


def run(script, *arguments):
    """Runs a script with these arguments; its `subprocess.CompletedProcess`, output as bytes."""
    return _parent().child(script, [str(one) for one in arguments])


@functools.cache
def _parent():
    return _Parent()


class _Parent:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.children"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        atexit.register(self._end)

    def child(self, script, arguments):
        with tempfile.TemporaryDirectory() as directory:
            out, err = Path(directory, "out"), Path(directory, "err")
            print(
                json.dumps([script, arguments, str(out), str(err)]),
                file=self._process.stdin, flush=True,
            )  # fmt: skip
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(
                [script, *arguments], code, out.read_bytes(), err.read_bytes()
            )

    def _end(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve():
    """What the parent does: a fork for each line that comes in, its exit code for each that goes out."""
    for module in ("pytest", "tests.vault.makers"):  # scripts import from modules of tests
        importlib.import_module(module)
    for line in sys.stdin:
        script, arguments, out, err = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(script, arguments, out, err)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(script, arguments, out, err):
    """Runs the script in the forked process, as `python -c` would, and ends it."""
    signal.alarm(_SECONDS)
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT),
        (2, err, os.O_WRONLY | os.O_CREAT),
    ):
        file = os.open(name, flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["-c", *arguments]
    code = 0
    try:
        exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
