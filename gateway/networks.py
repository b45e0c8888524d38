"""IP addresses and networks as configuration and headers spell them.

IPv4-mapped IPv6 (`::ffff:10.0.0.1`) is IPv4 throughout, so that one peer has one address whichever
family its socket has (P29). Hence `::/0` holds no IPv4 address: name both families.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED: Final = IPv6Network("::ffff:0:0/96")

# Where plain text may be allowed: loopback, private use (RFC 1918), carrier-grade NAT (RFC 6598),
# link-local, and IPv6's unique local addresses (RFC 4193).
_PRIVATE: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


def normal(address: Address) -> Address:
    """The address itself, without a zone, and as IPv4 when it is IPv4-mapped."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def parse_address(text: str) -> Address:
    """`10.0.0.1`, `2001:db8::1`. Raises ValueError for anything else, names among it."""
    try:
        return normal(ip_address(text))
    except ValueError:
        raise ValueError(f"`{text}` is not an IP address") from None


def parse_networks(text: str) -> tuple[Network, ...]:
    """What one entry of a list of networks stands for.

    `10.0.0.0/8`, `2001:db8::/32`, one address, or a range with both ends in it
    (`10.0.0.1-10.0.0.20`), which becomes the fewest networks that hold the same addresses.
    Raises ValueError with a text for whoever wrote it.
    """
    first, dash, last = (part.strip() for part in text.partition("-"))
    return _range(first, last) if dash else (_network(text.strip()),)


def holds(networks: Iterable[Network], address: Address) -> bool:
    """Whether `address` (normalised here) is in one of them."""
    plain = normal(address)
    return any(plain in network for network in networks)


def overlap(left: Iterable[Network], right: Iterable[Network]) -> bool:
    """Whether an address can be in both."""
    others = tuple(right)
    return any(
        one.version == other.version and one.overlaps(other) for one in left for other in others
    )


def is_private(network: Network) -> bool:
    """Whether no address of the network is reachable from the Internet at large."""
    return is_within(network, _PRIVATE)


def is_within(network: Network, networks: Iterable[Network]) -> bool:
    """Whether every address of `network` is in `networks`, be it in several neighbours at once."""
    if isinstance(network, IPv4Network):
        v4 = (outer for outer in networks if isinstance(outer, IPv4Network))
        return any(network.subnet_of(outer) for outer in collapse_addresses(v4))
    v6 = (outer for outer in networks if isinstance(outer, IPv6Network))
    return any(network.subnet_of(outer) for outer in collapse_addresses(v6))


def _network(text: str) -> Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"`{text}` is not a network, an address, or a range") from None
    written = ip_address(text.partition("/")[0])
    if written != network.network_address:
        raise ValueError(
            f"`{text}` has bits set beyond its prefix; write `{network}`, or `{written}` alone"
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _range(first: str, last: str) -> tuple[Network, ...]:
    low, high = parse_address(first), parse_address(last)
    if isinstance(low, IPv4Address) and isinstance(high, IPv4Address) and low <= high:
        return tuple(summarize_address_range(low, high))
    if isinstance(low, IPv6Address) and isinstance(high, IPv6Address) and low <= high:
        return tuple(summarize_address_range(low, high))
    raise ValueError(
        f"`{first}-{last}` is not a range: it ends before it starts, or mixes families"
    )
