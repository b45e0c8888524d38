"""Filling `{name}` in the small templates that rules carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from gateway.errors import MessageUnfit

_KEPT: Final = 1024  # templates; they are the rules'
_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def split(template: str) -> list[str]:
    """What stands between the places of `template`, and at the odd indices the places' names."""
    return _PLACE.split(template)


def fill(template: str, values: Mapping[str, str], position: int | None) -> str:
    """`template` with each `{name}` replaced by its value; `{position}` counts from 1.

    Braces around anything but a name stand for themselves. Raises `MessageUnfit` for a name that
    has no value: half a token must not look like one.
    """
    parts = _parts(template)
    if len(parts) == 1:
        return template
    filled = list(parts)
    for at in range(1, len(parts), 2):
        value = values.get(parts[at])
        if value is None:
            if parts[at] != "position":
                raise MessageUnfit from None
            value = str(position or 1)
        filled[at] = value
    return "".join(filled)


@lru_cache(_KEPT)
def _parts(template: str) -> tuple[str, ...]:
    return tuple(split(template))
