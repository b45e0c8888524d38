"""One request and its response, as the pipeline sees them: no mitmproxy, no sockets."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Literal

from gateway.headers import Headers

if TYPE_CHECKING:
    from gateway.access.clients import Admission
    from gateway.rules.model import Route

Address = IPv4Address | IPv6Address
Listener = Literal["proxy", "endpoints"]

_SUPPLIED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")


@dataclass(frozen=True, slots=True)
class Authority:
    """A scheme, host and port, each normalised: lower case, IDNA, no trailing dot, port explicit."""

    scheme: Literal["http", "https"]
    host: str
    port: int

    def __str__(self) -> str:
        default = {"http": 80, "https": 443}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is on the client's socket. `certificate` is its SHA-256 (hex), verified, or None."""

    address: Address
    listener: Listener
    tls: bool
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What a CONNECT asked for, and who asked. `admission` is None when it carried no key."""

    host: str
    port: int
    sni: str | None
    admission: Admission | None


@dataclass(slots=True)
class Request:
    """A request's parts. `path` begins with `/` and holds the query. `body` is as it was sent."""

    method: str
    authority: Authority | None  # None on the endpoints listener until a route gives one
    path: str
    headers: Headers
    body: bytes = b""


@dataclass(slots=True)
class Response:
    """A response's parts; `body` is as it was sent."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""


@dataclass(slots=True)
class Counts:
    """What happened to the cards of one exchange: `X-Gateway-Cards` and the metrics read it."""

    found: int = 0
    tokenized: int = 0
    detokenized: int = 0
    failed: int = 0
    masks: int = 0  # already masked, sentinels, foreign tokens: left alone
    guarded: int = 0  # masked by the guard outside of every shape
    echoed: int = 0  # cards that this exchange put in, turned back into their alias


@dataclass(slots=True)
class Exchange:
    """All that is known of one exchange; each stage fills in its part."""

    peer: Peer
    request: Request
    tunnel: Tunnel | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    response: Response | None = None
    admission: Admission | None = None
    route: Route | None = None
    test_host: bool = False  # the target stands in for a partner's: test tokens may go there
    product_named: str | None = None  # X-Gateway-Product
    put_in: dict[str, str] = field(default_factory=dict, repr=False)  # PAN → alias
    audit_open: list[int] = field(default_factory=list)  # ids of intent rows without an outcome
    counts: Counts = field(default_factory=Counts)
    seconds: dict[str, float] = field(default_factory=dict)  # Server-Timing: vault, gateway
    outcome: str = ""


def supplied_id(value: str | None) -> str | None:
    """The exchange id that a client supplied, when it has the shape of one."""
    return value if value is not None and _SUPPLIED_ID.fullmatch(value) else None
