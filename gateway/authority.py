"""Hosts and ports as a message, a rule or a certificate spells them, brought to one spelling.

Everything that compares hosts compares what `normalize_host` returns (P32), so that two spellings
of one host never meet two rules, and one spelling never means two hosts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from gateway.errors import HttpInvalid, TargetAmbiguous

# Underscores are no host name by RFC 952, yet DNS carries them and partners use them.
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\\%\s]+)(?::([1-9][0-9]{0,4}))?")

_LONGEST: Final = 253  # characters of a host
_KEPT: Final = 512  # hosts

# IDNA 2003 and 2008 disagree on these, so a name with one of them means two hosts.
_DEVIATIONS: Final = frozenset("\u00df\u03c2\u200c\u200d")


def normalize_host(text: str) -> str:
    """The one spelling of a host: lower case, A-labels, no trailing dot; IPs in shortest form.

    Takes a DNS name (also with non-ASCII letters), an IPv4 address in four decimal parts, or an
    IPv6 address with or without brackets. Raises TargetAmbiguous for whatever else: names that
    some resolvers read as an address (`0x7f.1`, `2130706433`, `127.1`), IPv4-mapped IPv6, zones,
    empty or overlong labels, names that IDNA 2003 and 2008 read differently.
    """
    # What is longer is refused, or all but: nothing of it is worth keeping.
    return _normalized(text) if len(text) <= _LONGEST else _normalize(text)


def _normalize(text: str) -> str:
    if ":" in text:
        return _ipv6(text.removeprefix("[").removesuffix("]"))
    name = _ascii(text).lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetAmbiguous
    if _NUMBER.fullmatch(labels[-1]) is None:
        return name
    if _IPV4.fullmatch(name) is None:
        raise TargetAmbiguous
    try:
        return str(IPv4Address(name))
    except ValueError:
        raise TargetAmbiguous from None


# A client asks for the same few hosts all the time, and each request names its own twice.
_normalized = lru_cache(_KEPT)(_normalize)


def parse_authority(text: str, default_port: int | None) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]:port` → normalised host and port.

    Raises HttpInvalid where the form is wrong (user info, an empty or impossible port, no port
    and no default), TargetAmbiguous where the host is.
    """
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise HttpInvalid
    host, digits = match.groups()
    port = int(digits) if digits else default_port
    if port is None or port > 65535:
        raise HttpInvalid
    return normalize_host(host), port


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise TargetAmbiguous from None
    if address.ipv4_mapped is not None or address.scope_id is not None:
        raise TargetAmbiguous
    return str(address)


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    if _DEVIATIONS & set(text):
        raise TargetAmbiguous
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        raise TargetAmbiguous from None
