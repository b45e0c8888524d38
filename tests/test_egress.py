"""P30, P31: the address is classified after resolving, and that address is what may be dialled."""

from __future__ import annotations

import asyncio
import pathlib
from ipaddress import ip_address, ip_network

import pytest

from gateway.egress import (
    Egress,
    HostException,
    StandIn,
    classify,
    is_this_machine,
    system_resolver,
)
from gateway.errors import UpstreamForbidden, UpstreamUnreachable
from gateway.rules.model_addresses import HostPattern

PUBLIC = "93.184.215.14"


def _egress(
    *answers: str, own=(), private=(), stand_ins=(), machine=lambda address: False
) -> Egress:

    async def resolve(host, port):
        return [ip_address(text) for text in answers]

    return Egress(
        stand_ins=stand_ins, private=private, own=own, resolve=resolve, is_own_machine=machine
    )


def _addresses(egress: Egress, host="a.example", port=443) -> list[str]:
    return [str(address) for address in asyncio.run(egress.addresses(host, port))]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (PUBLIC, "public"),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", "public"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fd12::1", "private"),
        ("fec0::1", "private"),
        ("127.0.0.1", "loopback"),
        ("127.255.0.9", "loopback"),
        ("::1", "loopback"),
        ("169.254.10.10", "link_local"),
        ("fe80::1", "link_local"),
        ("100.64.0.1", "cgnat"),
        ("100.100.100.200", "metadata"),
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
        ("192.0.2.1", "reserved"),
        ("198.18.0.1", "reserved"),
        ("2001:db8::1", "reserved"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:127.0.0.1", "loopback"),
        (f"::ffff:{PUBLIC}", "public"),
        ("64:ff9b::a00:1", "nat64"),
        ("64:ff9b:1::1", "nat64"),
        ("2002:a00:1::1", "6to4"),
        ("2001:0:a00:1::1", "teredo"),
        ("::10.0.0.1", "ipv4_embedded"),
        ("::ffff:0:10.0.0.1", "ipv4_embedded"),
        ("4000::1", "reserved"),
    ],
)
def test_p30_classes(address, kind):
    assert classify(ip_address(address)) == kind
    if kind != "public":
        with pytest.raises(UpstreamForbidden):
            _addresses(_egress(address))
        with pytest.raises(UpstreamForbidden):  # the same as a literal
            _addresses(_egress(PUBLIC), host=address)


def test_p30_public_addresses_in_the_resolvers_order_and_only_those():
    egress = _egress(PUBLIC, "10.0.0.1", "1.1.1.1", PUBLIC)
    assert _addresses(egress) == [PUBLIC, "1.1.1.1"]


def test_p30_what_does_not_resolve_is_unreachable():
    with pytest.raises(UpstreamUnreachable):
        _addresses(_egress())
    assert asyncio.run(system_resolver("no-such-host.invalid", 443)) == ()


def test_p30_an_exception_is_for_its_host_and_its_networks():
    exception = HostException(HostPattern("pms.internal", False), (ip_network("10.1.2.0/24"),))
    assert _addresses(_egress("10.1.2.3", private=[exception]), "pms.internal") == ["10.1.2.3"]
    for address, host in (("10.1.3.3", "pms.internal"), ("10.1.2.3", "a.pms.internal")):
        with pytest.raises(UpstreamForbidden):
            _addresses(_egress(address, private=[exception]), host)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "224.0.0.1", "0.0.0.0", "64:ff9b::a00:1", "2002:a00:1::1", "240.0.0.1"],
)
def test_p30_no_exception_opens_what_has_no_honest_use(address):
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    exception = HostException(HostPattern("a.example", False), everything)
    with pytest.raises(UpstreamForbidden):
        _addresses(_egress(address, private=[exception]))


def test_p30_a_stand_in_goes_to_exactly_its_address():
    ca = pathlib.Path("ca.pem")
    stand_in = StandIn("pms.test", 9443, "ws.example", ip_address("127.0.0.1"), ca)
    egress = _egress(PUBLIC, stand_ins=[stand_in])
    assert _addresses(egress, "pms.test", 9443) == ["127.0.0.1"]
    assert egress.stands_for("pms.test", 9443) == ("ws.example", True)
    assert egress.trust("pms.test", 9443) == ca
    # Another port is another host.
    assert _addresses(egress, "pms.test", 443) == [PUBLIC]
    assert egress.stands_for("pms.test", 443) == ("pms.test", False)
    assert egress.trust("pms.test", 443) is None


def test_p31_own_listeners_are_refused_whoever_names_them():
    loopback = ip_address("127.0.0.1")
    anywhere = HostException(HostPattern("a.example", False), (ip_network("127.0.0.0/8"),))
    egress = _egress("127.0.0.1", own={(loopback, 8081)}, private=[anywhere])
    assert _addresses(egress, port=9000) == ["127.0.0.1"]
    with pytest.raises(UpstreamForbidden):
        _addresses(egress, port=8081)
    egress.claim(loopback, 9000)
    with pytest.raises(UpstreamForbidden):
        _addresses(egress, port=9000)
    stand_in = StandIn("x.test", 8081, "x", loopback, None)
    with pytest.raises(UpstreamForbidden):
        _addresses(_egress(own={(loopback, 8081)}, stand_ins=[stand_in]), "x.test", 8081)


def test_p30_p31_an_ipv4_mapped_answer_is_the_address_that_it_stands_for():
    mapped, plain = f"::ffff:{PUBLIC}", ip_address(PUBLIC)
    assert _addresses(_egress(mapped, PUBLIC)) == [PUBLIC]
    with pytest.raises(UpstreamForbidden):
        _addresses(_egress(mapped, own={(plain, 8081)}), port=8081)
    within = HostException(HostPattern("a.example", False), (ip_network("10.0.0.0/8"),))
    assert _addresses(_egress("::ffff:10.0.0.1", private=[within])) == ["10.0.0.1"]


def test_p31_a_listener_on_every_address_is_own_under_each_of_the_machines_addresses():
    own = {(ip_address("0.0.0.0"), 8081)}
    mine = _egress(PUBLIC, own=own, machine=lambda address: str(address) == PUBLIC)
    with pytest.raises(UpstreamForbidden):
        _addresses(mine, port=8081)
    assert _addresses(mine, port=443) == [PUBLIC]
    assert _addresses(_egress("1.1.1.1", own=own), port=8081) == ["1.1.1.1"]
    assert is_this_machine(ip_address("127.0.0.1"))
    assert not is_this_machine(ip_address("192.0.2.1"))
