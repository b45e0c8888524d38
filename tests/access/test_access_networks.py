"""P29: the client is the socket's peer, unless a listed proxy says otherwise."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.networks import client_address
from gateway.errors import NetworkNotAllowed
from gateway.networks import parse_networks

PROXIES = parse_networks("10.0.0.0/24")


def client(peer, *forwarded):
    return str(client_address(ip_address(peer), forwarded, PROXIES))


@given(st.lists(st.text(max_size=40), max_size=4))
def test_p29_a_peer_that_is_no_proxy_is_the_client_whatever_it_writes(forwarded):
    assert client("192.0.2.1", *forwarded) == "192.0.2.1"


@given(st.lists(st.text(alphabet="0123456789.,abc ", max_size=40), max_size=3))
def test_p29_what_the_client_wrote_left_of_the_proxy_counts_for_nothing(written):
    assert client("10.0.0.1", *written, "192.0.2.7") == "192.0.2.7"


def test_p29_without_a_proxy_listed_nothing_is_believed():
    peer = ip_address("10.0.0.1")
    assert client_address(peer, ["192.0.2.9"], ()) == peer


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["192.0.2.7"], "192.0.2.7"),
        (["127.0.0.1, 192.0.2.7"], "192.0.2.7"),  # the left one is the client's own word
        (["127.0.0.1", "192.0.2.7"], "192.0.2.7"),  # two fields are one list
        (["192.0.2.7, 10.0.0.9"], "192.0.2.7"),  # a second proxy of ours
        (["10.0.0.8, 10.0.0.9"], "10.0.0.8"),  # nobody but proxies
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7:4711"], "192.0.2.7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        ([], "10.0.0.1"),
    ],
)
def test_p29_behind_a_proxy_the_list_is_read_from_the_right(forwarded, expected):
    assert client("10.0.0.1", *forwarded) == expected


def test_p29_a_mapped_peer_is_its_v4_address():
    assert client("::ffff:192.0.2.1") == "192.0.2.1"
    assert client("::ffff:10.0.0.1", "192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize("value", ["unknown", "", "192.0.2.7,", "_hidden", "a b", "999.1.1.1:80"])
def test_p29_a_proxy_that_names_no_address_is_refused(value):
    with pytest.raises(NetworkNotAllowed):
        client("10.0.0.1", value)
