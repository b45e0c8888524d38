"""Which host may be reached at which address (P30, P31). Decisions only: nothing is dialled here.

1. A stand-in (`test_hosts:`) goes to exactly its address; nothing is resolved.
2. Any other host is resolved once, and each of its addresses is classified.
3. Public addresses pass. An address of another class passes only where `egress: private:` names
   the host and the address's network; some classes never pass.
4. The gateway's own listeners never pass, whichever address of this machine names them.

The caller dials the very addresses that come back, never the host: a second look-up could answer
something else (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import pathlib
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from gateway.errors import UpstreamForbidden, UpstreamUnresolved
from gateway.exchange import Address
from gateway.rules.model_addresses import HostPattern

Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]

# First match wins. Sources: the IANA special-purpose address registries (IPv4, IPv6) and the
# documents of the clouds for their metadata services.
_CLASSES: Final[tuple[tuple[str, tuple[Network, ...]], ...]] = tuple(
    (name, tuple(ip_network(text) for text in texts.split()))
    for name, texts in (
        ("metadata", "169.254.169.254/32 169.254.170.2/32 100.100.100.200/32 fd00:ec2::/32"),
        ("unspecified", "0.0.0.0/8 ::/128"),
        ("loopback", "127.0.0.0/8 ::1/128"),
        ("link_local", "169.254.0.0/16 fe80::/10"),
        ("cgnat", "100.64.0.0/10"),
        ("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"),
        ("multicast", "224.0.0.0/4 ff00::/8"),
        ("broadcast", "255.255.255.255/32"),
        ("reserved", "240.0.0.0/4 192.0.0.0/24 192.0.2.0/24 198.18.0.0/15 198.51.100.0/24"),
        ("reserved", "203.0.113.0/24 192.88.99.0/24 192.31.196.0/24 192.52.193.0/24"),
        ("reserved", "192.175.48.0/24 100::/64 2001:db8::/32 3fff::/20 5f00::/16"),
        ("teredo", "2001::/32"),
        ("reserved", "2001::/23"),
        ("6to4", "2002::/16"),
        ("nat64", "64:ff9b::/96 64:ff9b:1::/48"),
        ("ipv4_embedded", "::/96 ::ffff:0:0/96 ::ffff:0:0:0/96"),
        ("public", "0.0.0.0/0 2000::/3"),
    )
)
# What `egress: private:` may open. The rest has no honest use as an upstream.
_OPENABLE: Final = frozenset({"private", "loopback", "link_local", "cgnat"})


def classify(address: Address) -> str:
    """The class of an address: `public`, `private`, `loopback`, `metadata`, `nat64`, …

    An IPv4-mapped IPv6 address has the class of the IPv4 address in it. The other embeddings
    (NAT64, 6to4, Teredo, IPv4-compatible) are classes of their own: what they lead to is decided
    by machines that we do not know.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    for name, networks in _CLASSES:
        if any(address in network for network in networks):
            return name
    return "reserved"


@dataclass(frozen=True, slots=True)
class HostException:
    """`egress: private:` — hosts that may have addresses in these networks, which are not public."""

    host: HostPattern
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class StandIn:
    """`test_hosts:` — a host and port that behaves as `stands_for` and lives at `address`."""

    host: str
    port: int
    stands_for: str
    address: Address
    ca: pathlib.Path | None


async def system_resolver(host: str, port: int) -> Sequence[Address]:
    """The addresses that the system's resolver knows; empty where it knows none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return [ip_address(entry[4][0]) for entry in found]


def is_this_machine(address: Address) -> bool:
    """Whether `address` is one of this machine's own. Sends nothing.

    A datagram socket that is connected to an own address gets that very address as its source.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
            return bool(ip_address(probe.getsockname()[0]) == address)
        except OSError:
            return False


class Egress:
    """The decisions; built once from the configuration."""

    def __init__(
        self,
        *,
        stand_ins: Sequence[StandIn],
        private: Sequence[HostException],
        own: Collection[tuple[Address, int]],
        resolve: Resolve = system_resolver,
        is_own_machine: Callable[[Address], bool] = is_this_machine,
    ) -> None:
        self._stand_ins = {(entry.host, entry.port): entry for entry in stand_ins}
        self._private = tuple(private)
        self._own: set[tuple[Address, int]] = set(own)
        self._resolve = resolve
        self._is_own_machine = is_own_machine

    def claim(self, address: Address, port: int) -> None:
        """Adds one of our own listeners, once its port is known."""
        self._own.add((address, port))

    async def addresses(self, host: str, port: int) -> list[Address]:
        """The addresses that may be dialled for a normalised host, in the resolver's order.

        Raises UpstreamUnresolved where it does not resolve, UpstreamForbidden where none of its
        addresses may be dialled.
        """
        stand_in = self._stand_ins.get((host, port))
        if stand_in is not None:
            found, allowed = [stand_in.address], [stand_in.address]
        else:
            found = await self._look_up(host, port)
            allowed = [address for address in found if self._may(host, address)]
        if not found:
            raise UpstreamUnresolved
        allowed = [address for address in allowed if not self._is_own(address, port)]
        if not allowed:
            raise UpstreamForbidden
        return allowed

    def stands_for(self, host: str, port: int) -> tuple[str, bool]:
        """The host whose routes apply, and whether `host` is a stand-in for it."""
        stand_in = self._stand_ins.get((host, port))
        return (host, False) if stand_in is None else (stand_in.stands_for, True)

    def trust(self, host: str, port: int) -> pathlib.Path | None:
        """The only authority that may have signed the host's certificate; None: the system's."""
        stand_in = self._stand_ins.get((host, port))
        return None if stand_in is None else stand_in.ca

    async def _look_up(self, host: str, port: int) -> list[Address]:
        try:
            found: Sequence[Address] = [ip_address(host)]
        except ValueError:
            found = await self._resolve(host, port)
        return list(dict.fromkeys(_plain(address) for address in found))

    def _may(self, host: str, address: Address) -> bool:
        kind = classify(address)
        if kind == "public":
            return True
        return kind in _OPENABLE and any(
            exception.host.matches(host) and any(address in net for net in exception.networks)
            for exception in self._private
        )

    def _is_own(self, address: Address, port: int) -> bool:
        listeners = [own for own, own_port in self._own if own_port == port]
        if address in listeners:
            return True
        # A listener on 0.0.0.0 or [::] has every address of this machine; so may a NAT's inside.
        return any(own.is_unspecified for own in listeners) and self._is_own_machine(address)


def _plain(address: Address) -> Address:
    """IPv4-mapped IPv6 as the IPv4 that it is; no zone."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))
