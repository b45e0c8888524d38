"""The command that typer makes of an app is made once for all tests of a process: making it takes longer
than most of what they run, and it keeps nothing of a run."""

from __future__ import annotations

import functools

from typer import main, testing


def make_once():
    """From now on, for `CliRunner`."""
    testing._get_command = functools.cache(main.get_command)
