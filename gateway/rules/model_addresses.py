"""Which requests a loaded rule is for, and where they go: patterns of hosts and paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class HostPattern:
    """`api.stripe.com`, or `*.siteminder.com`: any name below it, not itself. Normalised."""

    host: str  # without the `*.`
    any_below: bool

    def matches(self, host: str) -> bool:
        """Whether a normalised host fits."""
        return host.endswith("." + self.host) if self.any_below else host == self.host


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A path with `*` for one segment and a closing `**` for any rest; the query is not looked at.

    `literal` is how many characters stand before the first `*`: a longer one wins.
    """

    text: str
    literal: int


@dataclass(frozen=True, slots=True)
class Target:
    """`to:` — what a request must be sent to, scheme, host, port and path, for the route to apply."""

    scheme: Literal["http", "https"]
    host: HostPattern
    port: int
    path: PathPattern


@dataclass(frozen=True, slots=True)
class Forward:
    """`forward:` — where an endpoint's request goes. `path` may end in `**`: the part that `at:`'s
    `**` matched. The caller's query is kept."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
