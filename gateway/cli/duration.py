"""A length of time on the command line: 90d, 12h, 8w."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import typer

_FORM: Final = re.compile(r"([1-9][0-9]{0,4})([dhw])")
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


def parse(text: str, option: str) -> timedelta:
    """The time that `text` says. Raises `typer.BadParameter` for the option that it was given to."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise typer.BadParameter(
            f"`{text}` is not a time; write it like 90d, 12h or 8w", param_hint=option
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
