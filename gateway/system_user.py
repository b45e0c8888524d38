"""Who runs a command, as the audit names it."""

from __future__ import annotations

import os
import pwd
import re
from typing import Final

from gateway.audit import COMMAND_LINE

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


def command_line() -> str:
    """The origin of what is done at the command line: `command line: alice`.

    The user is the system's, by the process's real id. Only of root's commands it says besides for
    whom sudo ran them: of anybody else's, SUDO_USER is what he likes.
    """
    number = os.getuid()
    name = f"uid {number}"
    try:
        known = pwd.getpwuid(number).pw_name
    except KeyError:  # a container's
        known = ""
    if _NAME.fullmatch(known):
        name = known
    behind = os.environ.get("SUDO_USER", "")
    if number == 0 and _NAME.fullmatch(behind):
        name += f", sudo of {behind}"
    return f"{COMMAND_LINE}: {name}"
