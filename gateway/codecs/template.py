"""Filling `{name}` in the small templates that rules carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.errors import MessageUnfit

_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def split(template: str) -> list[str]:
    """What stands between the places of `template`, and at the odd indices the places' names."""
    return _PLACE.split(template)


def fill(template: str, values: Mapping[str, str], position: int | None) -> str:
    """`template` with each `{name}` replaced by its value; `{position}` counts from 1.

    Braces around anything but a name stand for themselves. Raises `MessageUnfit` for a name that
    has no value: half a token must not look like one.
    """
    known = {"position": str(position or 1), **values}
    try:
        return _PLACE.sub(lambda match: known[match[1]], template)
    except KeyError:
        raise MessageUnfit from None
