"""What a request is for: one target, whichever way it is named (P04)."""

from __future__ import annotations

from typing import Final

from gateway.authority import normalize_host, parse_authority
from gateway.engine.http1 import RequestHead
from gateway.errors import HttpInvalid, TargetAmbiguous
from gateway.exchange import Authority, Listener, Tunnel

_PORTS: Final = {"http": 80, "https": 443}


def read_target(
    head: RequestHead, listener: Listener, tunnel: Tunnel | None, sni: str | None
) -> tuple[Authority | None, str]:
    """The target and the path of a request, once scheme, CONNECT target, SNI, Host and URL agree.

    The target is None on the endpoints listener, where a route will name it. Raises TargetAmbiguous
    where two of them differ, HttpInvalid where the request's form is not the place's.
    """
    authority, path = None, head.target
    if tunnel is not None:
        # 1. The server name, if any, is the CONNECT target's.
        if sni is not None and normalize_host(sni) != tunnel.host:
            raise TargetAmbiguous
        authority = Authority("https", tunnel.host, tunnel.port)
    elif listener == "proxy":
        # 2. A proxy's request names its target; https goes through CONNECT.
        scheme, mark, rest = head.target.partition("://")
        if not mark or scheme.lower() != "http":
            raise HttpInvalid
        place, slash, below = rest.partition("/")
        authority = Authority("http", *parse_authority(place, 80))
        path = slash + below or "/"
    # 3. What is left is a path. A fragment is none of a request's, and servers differ on it.
    if not path.startswith("/") or "#" in path:
        raise HttpInvalid
    # 4. Host names the same target. (`parse_request` saw to it that there is only one.)
    host = head.headers.get("Host")
    if host is not None:
        named = parse_authority(host, _PORTS[authority.scheme] if authority else 443)
        if authority is not None and named != (authority.host, authority.port):
            raise TargetAmbiguous
    return authority, path
