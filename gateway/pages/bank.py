"""Where a challenge leads, checked before a guest is sent there. Pure.

1. https alone, a host that is one, no user or password; the URL that is used is put together from the
   parts that were checked.
2. What a processor says is never more than a value: its host stands in a policy, its fields in a form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.config_values import Https, parse_host_and_port
from gateway.processors.model import Challenge

_LONGEST: Final = 4096
_URL: Final = re.compile(r"https://([^/?#@\\]+)((?:[/?#][!-~]*)?)")


@dataclass(frozen=True, slots=True)
class Bank:
    """An address outside: `origin` alone, and all of it."""

    origin: str
    url: str


def bank_of(challenge: Challenge) -> Bank | None:
    """Where it leads; None: nowhere that a guest may be sent to."""
    url = challenge.url
    found = _URL.fullmatch(url) if url is not None and len(url) <= _LONGEST else None
    if found is None:
        return None
    try:
        where = parse_host_and_port(found[1])
    except ValueError:
        return None
    origin = Https(where.host, where.port, "/").base
    return Bank(origin, origin + found[2])
