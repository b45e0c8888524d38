"""Addresses, networks, ranges: what is in, what is out, and what is no network."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.networks import (
    holds,
    is_private,
    is_within,
    normal,
    overlap,
    parse_address,
    parse_networks,
)

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None)


@given(v4, v4, v4)
def test_a_v4_range_holds_what_lies_between_its_ends(one, other, probe):
    low, high = sorted((one, other))
    assert holds(parse_networks(f"{low}-{high}"), probe) == (low <= probe <= high)


@given(v6, v6, v6)
def test_a_v6_range_holds_what_lies_between_its_ends(one, other, probe):
    low, high = sorted((one, other))
    assert holds(parse_networks(f"{low} - {high}"), probe) == (low <= probe <= high)


@given(v4, v4)
def test_both_ends_are_in_a_range_and_their_neighbours_are_not(one, other):
    low, high = sorted((one, other))
    networks = parse_networks(f"{low}-{high}")
    assert holds(networks, low)
    assert holds(networks, high)
    assert int(low) == 0 or not holds(networks, low - 1)
    assert int(high) == 2**32 - 1 or not holds(networks, high + 1)


@given(v4, st.integers(0, 32), v4)
def test_a_prefix_holds_what_shares_its_bits(base, length, probe):
    network = IPv4Network((base, length), strict=False)
    assert holds(parse_networks(str(network)), probe) == (
        int(probe) >> (32 - length) == int(base) >> (32 - length)
    )


@given(v4, v4)
def test_p29_a_mapped_address_is_the_v4_address(address, other):
    mapped = IPv6Address(f"::ffff:{address}")
    assert normal(mapped) == address
    assert holds(parse_networks(str(address)), mapped)
    assert holds(parse_networks(str(mapped)), address)
    assert holds(parse_networks(f"{mapped}/128"), other) == (address == other)


@given(v6)
def test_p29_v4_networks_hold_no_other_v6_address(address):
    assert not holds(parse_networks("0.0.0.0/0"), address)


def test_p29_every_v6_network_holds_no_mapped_address():
    assert not holds(parse_networks("::/0"), ip_address("::ffff:10.0.0.1"))


def test_a_mapped_network_is_a_v4_network():
    assert parse_networks("::ffff:10.0.0.0/104") == (IPv4Network("10.0.0.0/8"),)
    assert parse_networks("::ffff:10.0.0.1-::ffff:10.0.0.1") == (IPv4Network("10.0.0.1/32"),)


def test_a_zone_is_no_part_of_an_address():
    assert normal(ip_address("fe80::1%eth0")) == IPv6Address("fe80::1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.5/8", "`10.0.0.5/8` has bits set beyond its prefix; write `10.0.0.0/8`, or `10.0.0.5` alone"),
        ("pms.internal", "`pms.internal` is not a network, an address, or a range"),
        ("10.0.0.0/33", "`10.0.0.0/33` is not a network, an address, or a range"),
        ("10.0.0.01", "`10.0.0.01` is not a network, an address, or a range"),
        ("", "`` is not a network, an address, or a range"),
        ("10.0.0.9-10.0.0.1", "`10.0.0.9-10.0.0.1` is not a range: it ends before it starts, or mixes families"),
        ("10.0.0.1-::2", "`10.0.0.1-::2` is not a range: it ends before it starts, or mixes families"),
        ("::9-::1", "`::9-::1` is not a range: it ends before it starts, or mixes families"),
        ("10.0.0.1-", "`` is not an IP address"),
        ("10.0.0.1-20", "`20` is not an IP address"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_said_so(text, said):
    with pytest.raises(ValueError) as caught:
        parse_networks(text)
    assert str(caught.value) == said


def test_an_address_is_a_literal():
    assert parse_address("::ffff:10.0.0.1") == IPv4Address("10.0.0.1")
    with pytest.raises(ValueError, match="`localhost` is not an IP address"):
        parse_address("localhost")


def test_overlap_within_and_private():
    ten, part = parse_networks("10.0.0.0/8"), parse_networks("10.0.0.0/24")
    six = parse_networks("fd00::/8")
    assert overlap(ten, part)
    assert not overlap(part, parse_networks("10.0.1.0/24"))
    assert not overlap(ten, six)
    halves = (*parse_networks("10.0.0.0/25"), *parse_networks("10.0.0.128/25"))
    assert is_within(part[0], halves)
    assert not is_within(ten[0], halves)
    assert is_within(six[0], parse_networks("fc00::/7"))
    assert not is_within(six[0], ten)
    assert is_private(ten[0])
    assert is_private(IPv6Network("fd12::/16"))
    assert not is_private(IPv4Network("0.0.0.0/0"))
    assert not is_private(IPv4Network("8.8.8.0/24"))
