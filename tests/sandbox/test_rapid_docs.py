"""docs/sandbox-rapid.md is true: its lines run as they stand, in a shell, against the simulator."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.rapid import BAD, OTHER

TEXT = (Path(__file__).parent.parent.parent / "docs/sandbox-rapid.md").read_text("utf-8")


@pytest.mark.skipif(
    not all(shutil.which(tool) for tool in ("curl", "sha512sum", "python3")),
    reason="the lines want curl, sha512sum and python3",
)
def test_the_lines_run(sandbox, ca):
    setting, *rest = "\n".join(
        re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    ).splitlines()
    assert setting == "RAPID=https://127.0.0.1:9451 CA=state/sandbox/sandbox-ca.pem"
    lines = [f"RAPID={sandbox.url('rapid')} CA={ca}", *rest]
    done = subprocess.run(
        ["sh", "-eu"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"links": {}' in done.stdout
    assert [card.number for card in sandbox.received.cards("rapid")] == [BAD, OTHER]


def test_the_calls_of_everyone_else_are_the_ones_that_there_are(sandbox):
    from gateway.sandbox import rapid_control

    table = TEXT.partition("## What everyone else does")[2].partition("\n| a link")[0]
    named = set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE))
    assert named == set(re.findall(r"^([a-z-]+) +\{", rapid_control.__doc__, re.MULTILINE))
    for name in named:
        assert f'"{name}": self._' in Path(rapid_control.__file__).read_text("utf-8")
