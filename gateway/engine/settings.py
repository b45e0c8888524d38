"""What the engine is told: listeners, limits, the directory of its CA."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

from gateway.networks import Network


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """One listener. `port` 0 takes any free one.

    `tls` offers TLS with `certificate` and `key` (PEM). Plain text is spoken with loopback (not on
    an endpoints listener that has TLS) and with `plain_text_networks`; elsewhere it is closed.
    `authorization_required` is the pipeline's business; the engine carries it along.
    """

    host: str
    port: int
    tls: bool = False
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None
    plain_text_networks: tuple[Network, ...] = ()
    authorization_required: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    head: int = 64 * 1024
    body: int = 48 * 1024 * 1024
    request_seconds: float = 30.0  # for a head; for a body, this plus a second per 16 KiB
    idle_seconds: float = 120.0  # between requests, once one was admitted
    upstream_connect_seconds: float = 10.0
    upstream_seconds: float = 120.0  # for an answer's head; its body as above
    connections: int = 1000
    backlog: int = 1024


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Everything the engine needs to know. `confdir` holds the CA (made there if it is missing)."""

    confdir: pathlib.Path
    proxy: ListenerSettings | None = None
    endpoints: ListenerSettings | None = None
    limits: Limits = field(default_factory=Limits)
