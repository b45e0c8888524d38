"""The three standard streams of a gateway, which whoever starts it may have closed or led to a full disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from gateway.cli.output import say
from gateway.log import event

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_streams() -> None:
    """Opens those that are closed, on nothing. To be called before anything else is opened.

    Else the vault, or a caller's connection, gets the number of a standard stream: what is printed goes into it,
    and libuv ends the process when it closes one.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            setattr(sys, name, os.fdopen(opened, mode, encoding="utf-8"))


def announce(text: str) -> None:
    """Says `text` on standard output; a gateway that serves does not end because nobody can be told so. Nothing
    more is written there."""
    try:
        say(text)
        sys.stdout.flush()
    except OSError as error:
        event("not_announced", code=error.errno)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # Python flushes it at its end
