"""Processes of the tests' own: forked from one that has imported everything, so that each need not.

    run(script, *arguments)       `subprocess.run([sys.executable, "-c", script, *arguments])`, with
                                  its output captured and the same result
    at_once(script, each)         the same for each of several lists of arguments, all at one time
    command(*words)               `subprocess.run([sys.executable, "-m", "gateway", *words])`, likewise
    start(module, *words, …)      `subprocess.Popen([sys.executable, "-m", module, *words], …)`, as
                                  far as tests ask of it: see `Child`

What forks has done nothing but import: it has opened nothing and has one thread. The child is a
process like any other, with its own memory, files and signals; only importing, 0.3 seconds for the
vault, 2 for a gateway and 3 for what serves pages, and taking the shipped packs apart, 0.4 seconds,
is done once for all of them.
"""

from __future__ import annotations

import ast
import atexit
import functools
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from contextlib import ExitStack, suppress
from pathlib import Path

from tests import frozen

ROOT = Path(__file__).parent.parent
# A module that is started must not be imported before. The last two are what others import late.
GATEWAY = (
    "gateway.worker", "gateway.cli.run", "gateway.cli.output", "uvloop", "tests.parsed_packs",
    "anyio._backends._asyncio", "pydantic.v1",
)  # fmt: skip
SCRIPTS = ("pytest", "tests.vault.makers")
_SECONDS = 60
_STATUS = struct.Struct("i")


def run(script, *arguments):
    """Runs a script with these arguments; its `subprocess.CompletedProcess`, output as bytes."""
    (ended,) = at_once(script, [arguments])
    return ended


def at_once(script, each, meanwhile=lambda: None):
    """Runs it with each of these lists of arguments, and `meanwhile` here; the result of each."""
    parent, begun = _parent(SCRIPTS), []
    with ExitStack() as files:
        for arguments in each:
            said = {"script": script, "words": [str(one) for one in arguments]}
            said["modules"] = _of_tests(script)
            # the store that the test is run on is said in the environment
            said |= {"seconds": _SECONDS, "environment": dict(os.environ)}
            begun.append(_begun(parent, said, files))
        try:
            meanwhile()
        except BaseException:
            for child, *_ in begun:
                child.kill()
            raise
        return [_ended(*one) for one in begun]


def command(*words):
    """Runs the gateway's command; its `subprocess.CompletedProcess`, output as bytes."""
    said = {"module": "gateway.cli.main", "words": [str(one) for one in words]}
    said |= {"seconds": _SECONDS, "environment": dict(os.environ)}
    with ExitStack() as files:
        return _ended(*_begun(_parent(GATEWAY), said, files))


def start(module, *words, env=None, stdout=None, stderr):
    """Starts a module of the gateway's or of the tests'; `stdout` and `stderr` are open files, and
    without the first one the `stdout` of what comes back is a pipe of text."""
    said = {"module": module, "words": [str(one) for one in words], "environment": env}
    if stdout is not None:
        return _parent(GATEWAY).child(said, stdout.fileno(), stderr.fileno())
    read, write = os.pipe()
    try:
        child = _parent(GATEWAY).child(said, write, stderr.fileno())
    finally:
        os.close(write)
    child.stdout = os.fdopen(read, encoding="utf-8")
    return child


def _begun(parent, said, files):
    """A child, what it was told, and where its output and its errors go."""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - `files` closes them
    for file in (out, err):
        files.enter_context(file)
    return parent.child(said, out.fileno(), err.fileno()), said["words"], out, err


def _ended(child, words, out, err):
    code = child.wait()
    out.seek(0)
    err.seek(0)
    return subprocess.CompletedProcess(words, code, out.read(), err.read())


class Child:
    """A process that was forked, as `subprocess.Popen` has it."""

    def __init__(self, pid, status) -> None:
        self.pid, self.returncode, self.stdout = pid, None, None
        self._status = status

    def wait(self, timeout=None):
        """Its exit code; minus the signal's number where one ended it. Raises TimeoutExpired."""
        if self.returncode is None:
            ready, _, _ = select.select([self._status], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("a forked child", timeout)
            self.returncode = _STATUS.unpack(self._status.recv(_STATUS.size, socket.MSG_WAITALL))[0]
            self._status.close()
        return self.returncode

    def poll(self):
        """Its exit code; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


@functools.cache
def _parent(modules):
    return _Parent(modules)


def _of_tests(script):
    """The modules of tests that a script imports: what forks it imports them, and what those import."""
    tree = ast.walk(ast.parse(script))
    imported = {one.module for one in tree if isinstance(one, ast.ImportFrom)}
    return sorted(name for name in imported if name.startswith("tests."))


class _Parent:
    """The process that forks, seen from the tests."""

    def __init__(self, modules) -> None:
        self.modules = modules
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.children", str(theirs.fileno()), *modules],
                pass_fds=[theirs.fileno()], env=os.environ | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        atexit.register(self.end)

    def child(self, said, out, err):
        """One more; `out` and `err` are file descriptors."""
        status, theirs = socket.socketpair()
        with theirs:
            message = json.dumps(said).encode()
            self._ours.sendall(struct.pack("I", len(message)))
            socket.send_fds(self._ours, [b"+"], [out, err, theirs.fileno()])
            self._ours.sendall(message)
        pid = _STATUS.unpack(status.recv(_STATUS.size, socket.MSG_WAITALL))[0]
        return Child(pid, status)

    def end(self):
        """Ends it, once. No child of it runs: `run` waits for each, and a fixture for what it starts."""
        atexit.unregister(self.end)
        self._ours.close()
        self._process.wait()


def _serve(inherited, modules):
    """What the parent does: a fork for each message that comes in, and each child's exit code."""
    _imported(modules)
    ours = socket.socket(fileno=inherited)
    running = {}  # pidfd → (pid, where its status goes)
    while True:
        ready, _, _ = select.select([ours, *running], [], [])
        for one in ready:
            if one is not ours:
                pid, status = running.pop(one)
                os.close(one)
                _, code = os.waitpid(pid, 0)
                status.sendall(_STATUS.pack(os.waitstatus_to_exitcode(code)))
                status.close()
                continue
            size = ours.recv(4, socket.MSG_WAITALL)
            if not size:
                return
            _, fds, _, _ = socket.recv_fds(ours, 1, 3)
            said = json.loads(ours.recv(struct.unpack("I", size)[0], socket.MSG_WAITALL))
            _imported(said.get("modules", ()))
            pid = os.fork()
            if pid == 0:
                for mine in (ours, *(status for _, status in running.values())):
                    mine.close()
                for pidfd in running:
                    os.close(pidfd)
                _become(said, fds)
            for fd in fds[:2]:
                os.close(fd)
            status = socket.socket(fileno=fds[2])
            status.sendall(_STATUS.pack(pid))
            running[os.pidfd_open(pid)] = (pid, status)


def _imported(modules):
    """For all children from now on. What can not be imported the child that asks for it says by itself."""
    missing = [module for module in modules if module not in sys.modules]
    for module in missing:
        with suppress(ImportError):
            importlib.import_module(module)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError(f"one of {modules} starts a thread, and a fork would lose it")
    if missing:
        frozen.freeze()  # no child looks through what is there to stay


def _become(said, fds):
    """Runs what was said in the forked process, as a new Python would, and ends it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "seconds" in said:
        signal.alarm(said["seconds"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, fd in enumerate((nothing, *fds[:2])):
        os.dup2(fd, number)
    for fd in (nothing, *fds):
        os.close(fd)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # the process's own, never closed
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # the process's own, never closed
    if said.get("environment") is not None:
        os.environ.clear()
        os.environ.update(said["environment"])
    code = 0
    try:
        if "script" in said:
            sys.argv = ["-c", *said["words"]]
            exec(compile(said["script"], "<script>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = [said["module"], *said["words"]]
            runpy.run_module(said["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2:])
