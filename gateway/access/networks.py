"""Which address a request comes from (P29)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.errors import NetworkNotAllowed
from gateway.networks import Address, Network, holds, normal, parse_address

# Some proxies write the port as well: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
_HOP: Final = re.compile(r"\[([^\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}|(\S+)")


def client_address(
    peer: Address, forwarded_for: Sequence[str], trusted: Sequence[Network]
) -> Address:
    """The client's address, normalised: IPv4-mapped IPv6 is IPv4.

    1. The socket's peer counts, whatever headers say, unless it is a trusted proxy: anyone can
       write X-Forwarded-For.
    2. Behind a trusted proxy the X-Forwarded-For values (`forwarded_for`, one per field, in order)
       are read from the right: each trusted proxy appended what it saw, so the first address that
       is not a trusted proxy is the client. What stands left of it was written by the client.
    3. A trusted proxy that names none is the client itself. One that names something else than an
       address is misconfigured: refused, for its own address might be allowed what the client is not.

    Raises NetworkNotAllowed for 3.
    """
    address = normal(peer)
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    while hops and holds(trusted, address):
        address = _hop(hops.pop())
    return address


def _hop(text: str) -> Address:
    match = _HOP.fullmatch(text)
    if match is None:
        raise NetworkNotAllowed
    try:
        return parse_address(match[1] or match[2] or match[3])
    except ValueError:
        raise NetworkNotAllowed from None
