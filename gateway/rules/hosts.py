"""Hosts that no request can go to: names that are reserved, addresses that egress refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from gateway.networks import is_private, parse_networks
from gateway.rules.finding import Finding, Level
from gateway.rules.load import ReadPack
from gateway.rules.model import Route

# RFC 2606 and RFC 6761: nobody has these names.
_RESERVED: Final = (
    "example", "invalid", "localhost", "test", "example.com", "example.net", "example.org",
)  # fmt: skip


def unreachable(
    packs: Sequence[ReadPack], stood_for: Collection[str], private: Collection[str]
) -> Iterator[Finding]:
    """Routes whose host nobody has. `stood_for`: hosts that a stand-in under `test_hosts:` plays;
    `private`: those that `egress:` names."""
    for read in packs:
        told: set[str] = set()
        for n, route in enumerate(read.pack.routes):
            why = _why(route, stood_for, private)
            if route.to is None or not why or route.to.host.host in told:
                continue
            told.add(route.to.host.host)
            message = f"no request gets to `{route.to.host.host}`: {why}"
            problem = read.located.problem(("routes", n, "to"), message, _HINT)
            yield Finding(Level.LOOK, "no-such-host", route.id, problem)


_HINT: Final = (
    "Write the partner's host; or leave the pack out of `packs:`; or name a stand-in under "
    "`test_hosts:` in gateway.yaml."
)


def _why(route: Route, stood_for: Collection[str], private: Collection[str]) -> str:
    if route.to is None or route.at is not None:
        return ""
    host = route.to.host
    if any(host.matches(one) for one in (*stood_for, *private)):
        return ""
    if any(host.host == name or host.host.endswith(f".{name}") for name in _RESERVED):
        return "the name is reserved, nobody has it"
    if _is_private_address(host.host):
        return "egress refuses private addresses, unless `egress:` in gateway.yaml names them"
    return ""


def _is_private_address(host: str) -> bool:
    try:
        (network,) = parse_networks(host)
    except ValueError:
        return False
    return is_private(network)
