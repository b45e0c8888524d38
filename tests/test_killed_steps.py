"""P24: of every step that the gateway names there is a test that kills a process there.

A write to the vault has a name, and the steps `name:begun`, `name:written`, `name:committed` and
`name:answer`; others are named in between by a call of `step`. Both are read from the source, so that a
new one is missed until it has its test. What tests kill at stands in their parameters: in those of every
test with `killed` or `kills` in its name.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OF_A_WRITE = ("begun", "written", "committed", "answer")
# What makes a write, by the name that it is given: `Database.write`, and what is built on it.
WRITES = {"write", "change", "_write", "_change", "_decided", "_committed"}
# Whose writes are looked at: of other things than a database there are writes, too.
OWN = {"self", "table", "target", "database"}
# Of these the answer to a request is written as well, after `:done`.
REQUESTS = {"_requests.write", "self._change", "self._write", "_table.change"}
# A refusal is written, and nothing is done.
NEVER = {"charge_refuse:done"}
NAME = re.compile(r"[a-z_]+:[a-z_]+")
KILLS = re.compile(r"test_\w*(killed|kills)_")


@pytest.fixture(scope="module", autouse=True)
def _forgotten():
    """Hundreds of thousands of objects: each gateway that starts in this process would look at them."""
    yield
    calls.cache_clear()


@functools.cache
def calls():
    """Every call of a method in `gateway/`: of what, and its arguments."""
    return [
        (ast.unparse(node.func), node)
        for path in (ROOT / "gateway").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name))
    ]


def said(call):
    """The name that a call gives: its first argument or `name=`, where it is a plain text."""
    given = [*call.args[:1], *(more.value for more in call.keywords if more.arg == "name")]
    return [
        one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]


def named():
    """Every step that the gateway names."""
    found = set()
    for of, call in calls():
        method = of.rpartition(".")[2]
        if method in WRITES and of.partition(".")[0] in OWN:
            steps = [*OF_A_WRITE, "done"] if of.endswith(tuple(REQUESTS)) else OF_A_WRITE
            found |= {f"{name}:{step}" for name in said(call) for step in steps}
        elif method in {"step", "_step"}:
            found |= {name for name in said(call) if NAME.fullmatch(name)}
    return found - NEVER


def texts(value):
    if isinstance(value, str):
        return {value.partition("#")[0]}
    if isinstance(value, (tuple, list)):
        return set().union(*map(texts, value))
    return set()


def killed():
    """Every step that some test kills at."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if "SIGKILL" in (text := path.read_text(encoding="utf-8")) or "returncode == -9" in text:
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if KILLS.match(name):
                    for mark in getattr(function, "pytestmark", ()):
                        found |= texts(list(mark.args[1])) if mark.name == "parametrize" else set()
    return {name for name in found if NAME.fullmatch(name)}


def test_p24_every_step_that_is_named_has_a_test_that_kills_there():
    assert sorted(named() - killed()) == []


def test_p24_every_step_that_a_test_kills_at_is_named():
    assert sorted(killed() - named()) == []


def test_a_name_that_is_passed_on_comes_from_what_is_looked_at_here():
    """Else a write could have a name that `named` does not find."""
    for path in (ROOT / "gateway" / "vault").glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for call in ast.walk(function):
                if not isinstance(call, ast.Call) or said(call):
                    continue
                if ast.unparse(call.func) in {"self._database.write", "self._requests.write"}:
                    assert ast.unparse(call.args[0]) == "name", path
                    assert function.name in WRITES, path
