"""`make sabotage`: applies each breakage to a copy of the tree and runs the tests that should see it.

    python -m tests.sabotage                  all of them, two at a time
    python -m tests.sabotage guard P36        those whose name contains, or whose property is, a word

The same tests run once on an untouched copy first: where they fail by themselves, a red says
nothing. Exit code 1 when a breakage stayed green, when its place was not found exactly once (then
the list is out of date), when it leaves a name undefined, or when nothing but a fixture failed.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sabotage.breakage import Breakage
from tests.sabotage.breakages import BREAKAGES

ROOT = Path(__file__).parent.parent.parent
TREE = (
    "gateway",
    "rules",
    "tests",
    "docs",
    "deploy",
    "pyproject.toml",
    "gateway.yaml",
    "README.md",
    "certs",
)
SECONDS = 180
CONTROL_SECONDS = 1800  # half of most tests there are
AT_ONCE = 2
PYTEST = ("-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "--tb=line")
# A failure, or an assertion of a fixture that looks at what a test left behind.
FAILED = re.compile(r"^(?:FAILED ([^\s\[]+)|ERROR ([^\s\[]+)\S* - assert)", re.MULTILINE)


def apply(breakage: Breakage, root: Path) -> None:
    """Replaces the one place. Raises ValueError when it is not there exactly once."""
    file = root / breakage.file
    text = file.read_text(encoding="utf-8")
    if text.count(breakage.old) != 1:
        raise ValueError(
            f"{breakage.file} has {text.count(breakage.old)} places like that, not one"
        )
    file.write_text(text.replace(breakage.old, breakage.new), encoding="utf-8")
    if file.suffix == ".py":
        check_names(file)


def check_names(file: Path) -> None:
    """Raises ValueError when the file is no Python any more, or uses a name that nobody defines:
    every test would turn red for that, whatever it tests."""
    rules = ["--isolated", "--no-cache", "--quiet", "--select", "E9,F821,F823"]
    command = [sys.executable, "-m", "ruff", "check", *rules, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"the breakage is no sound code: {done.stdout.strip()[:200]}")


def copy_tree(source: Path, to: Path, *but: str) -> None:
    ignore = shutil.ignore_patterns("mitmproxy*", "*.pem", *but)
    for name in TREE:
        if (source / name).is_dir():
            shutil.copytree(source / name, to / name, ignore=ignore)
        elif (source / name).exists():
            shutil.copy(source / name, to / name)


def run_tests(tests: Sequence[str], root: Path, seconds: float) -> tuple[int, str]:
    """pytest's exit code and output; -1 when it did not end. What it started ends with it."""
    environment = os.environ | {
        "PYTHONPATH": str(root),
        "GATEWAY_SAMPLES": str(ROOT.parent / "shared" / "samples"),
    }
    # What the run without a breakage compiled goes along with each copy; it took longer than most tests.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    child = subprocess.Popen(
        [sys.executable, *PYTEST, *tests],
        cwd=root, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return -1, output
    return child.returncode, output


def control(tests: Sequence[str], sound: Path) -> str:
    """What fails without any breakage; empty when nothing does."""
    code, output = run_tests(tests, sound, CONTROL_SECONDS)
    return "" if code == 0 else output[-3000:]


def try_one(breakage: Breakage, sound: Path) -> tuple[Breakage, str, float]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sabotage-") as directory:
        root = Path(directory)
        copy_tree(sound, root)
        try:
            apply(breakage, root)
        except ValueError as error:
            return breakage, f"NOT APPLIED: {error}", 0.0
        code, output = run_tests(["-x", *breakage.tests], root, SECONDS)
    return breakage, judge(code, output), time.monotonic() - started


def judge(code: int, output: str) -> str:
    """`red …` with the test that saw it, or what is wrong."""
    failed = FAILED.search(output)
    if code == 1 and failed is not None:
        return f"red    {(failed[1] or failed[2]).rpartition('/')[2]}"
    if code == 0:
        return "GREEN: no test sees it"
    if code == -1:
        return "NO ANSWER: the tests hang"
    return f"BROKEN: pytest ended with {code}, and no test failed: {output[-400:]}"


def chosen_by(words: Sequence[str]) -> list[Breakage]:
    return [
        one
        for one in BREAKAGES
        if not words or any(word == one.property or word in one.name for word in words)
    ]


def main(words: Sequence[str]) -> int:
    chosen = chosen_by(words)
    if not chosen:
        print("no breakage is named so")
        return 1
    with tempfile.TemporaryDirectory(prefix="sabotage-") as directory:
        sound = Path(directory)  # copied once: whoever works on the tree meanwhile disturbs nothing
        copy_tree(ROOT, sound, "__pycache__")
        return 1 if fails_by_itself(chosen, sound) or stays_green(chosen, sound) else 0


def fails_by_itself(chosen: Sequence[Breakage], sound: Path) -> bool:
    """Runs all their tests without a breakage, and tells what fails."""
    tests = {test for one in chosen for test in one.tests}
    # A file, and a test in it, are one argument: pytest would run the test twice.
    tests -= {test for test in tests if "::" in test and test.partition("::")[0] in tests}
    ordered, started = sorted(tests), time.monotonic()
    shares = [share for share in (ordered[n::AT_ONCE] for n in range(AT_ONCE)) if share]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        troubles = [one for one in pool.map(lambda share: control(share, sound), shares) if one]
    for trouble in troubles:
        print(f"the tests fail without any breakage:\n{trouble}")
    if not troubles:
        spent = time.monotonic() - started
        print(f"without a breakage all their tests are green  ({spent:.0f} s)", flush=True)
    return bool(troubles)


def stays_green(chosen: Sequence[Breakage], sound: Path) -> bool:
    """Tries each, and tells whether anything but red came out."""
    red, started = 0, time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for breakage, outcome, spent in pool.map(lambda one: try_one(one, sound), chosen):
            red += outcome.startswith("red")
            told = f"{breakage.property} {breakage.name:<54} {outcome}  ({spent:.0f} s)"
            print(told, flush=True)
    spent = time.monotonic() - started
    print(f"\n{red} of {len(chosen)} breakages turned the suite red  ({spent:.0f} s)")
    return red != len(chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
