"""Who is admitted, with which credentials, and what is stripped."""

import base64
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.clients import Access, Admission
from gateway.access.keys import NewKey, create
from gateway.config import Config
from gateway.errors import (
    KeyInvalid,
    KeyRequired,
    KeysConflict,
    NetworkNotAllowed,
    ProductNotPermitted,
    ProxyKeyInvalid,
    VaultUnavailable,
)
from gateway.headers import Headers
from tests.access.fakes import START, Clock, Table

HOME = ip_address("10.0.0.5")
ELSEWHERE = ip_address("192.0.2.1")
PARTNER = "AQEyhmfxK4LIbBFDw0m"  # an X-Api-Key as a processor gives them out

YAML = {
    "listen": {"proxy": "127.0.0.1:0"},
    "products": {
        "seaside": {"merchant_code": "a", "terminal": 1, "mode": "test"},
        "hilltop": {"merchant_code": "b", "terminal": 1, "mode": "test"},
    },
    "clients": {
        "pms": {"networks": ["10.0.0.0/24"]},
        "spa": {"networks": ["10.0.1.0/24"]},
        "old": {
            "networks": ["10.0.2.0/24"],
            "network_is_enough": {"scopes": ["proxy"], "products": ["seaside"]},
        },
        "older": {"networks": ["10.0.3.0/24"], "network_is_enough": {}},
    },
    "trusted_proxies": ["10.9.0.1"],
}


def config(**changes):
    import json

    return Config.model_validate_json(json.dumps(YAML | changes))


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def access(table, clock):
    return Access(config(), table, clock)


@pytest.fixture
def key(table):
    return made(table)


def made(table, **changes):
    new = replace(NewKey(name="front-desk", client="pms"), **changes)
    return create(table, new, START, "test")[0].reveal()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def headers(*fields):
    return Headers([(name.encode(), value.encode("latin-1")) for name, value in fields])


def proxy(user, password):
    return headers(("Proxy-Authorization", basic(user, password)))


# --- CONNECT --------------------------------------------------------------------------------------


def test_connect_without_credentials_is_admitted_by_its_network(access):
    assert access.connect(HOME, headers()) is None


def test_p28_connect_from_elsewhere_is_refused_even_with_a_key(access, key, table):
    table.reads = 0
    with pytest.raises(NetworkNotAllowed):
        access.connect(ELSEWHERE, proxy("pms", key))
    assert table.reads == 0


@pytest.mark.parametrize("user", ["pms", "front-desk"])
def test_connect_with_a_key_counts_for_what_is_inside(access, key, user):
    admission = access.connect(HOME, proxy(user, key))
    assert admission.client == "pms"
    assert admission.scopes == {"proxy", "detokenize"}
    assert admission.products is None
    assert access.authenticate(HOME, headers(), admission) == admission


def test_p28_a_pair_that_was_pasted_together_wrongly_is_refused(access, key):
    for user in ("spa", "", "Front-Desk"):
        with pytest.raises(ProxyKeyInvalid):
            access.connect(HOME, proxy(user, key))


def test_p28_proxy_authorization_that_is_there_must_be_valid(access, key):
    broken = key[:-1] + ("0" if key[-1] != "0" else "1")
    for value in (
        basic("pms", "hunter2"),
        basic("pms", broken),
        basic("pms", ""),
        f"Bearer {key}",
        f"Basic {key}",
        "Basic !!!",
        "Basic",
        "",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"pms:cgk_\xff").decode(),
    ):
        with pytest.raises(ProxyKeyInvalid):
            access.connect(HOME, headers(("Proxy-Authorization", value)))


def test_p28_two_proxy_authorizations_are_refused(access, key):
    field = ("Proxy-Authorization", basic("pms", key))
    with pytest.raises(ProxyKeyInvalid):
        access.connect(HOME, headers(field, field))


def test_p28_a_listener_may_require_authorization(table, clock, key):
    listen = {"proxy": {"address": "127.0.0.1:0", "authorization_required": True}}
    access = Access(config(listen=listen), table, clock)
    with pytest.raises(ProxyKeyInvalid):
        access.connect(HOME, headers())
    assert access.connect(HOME, proxy("pms", key)).client == "pms"


# --- a request ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["X-Api-Key", "x-api-key", "PAYCOMET-API-TOKEN"])
def test_a_key_is_taken_from_either_header(access, key, name):
    sent = headers((name, f" {key} "))
    before = list(sent)
    assert access.authenticate(HOME, sent, None).client == "pms"
    assert list(sent) == before


def test_a_key_is_taken_from_proxy_authorization(access, key):
    assert access.authenticate(HOME, proxy("pms", key), None).client == "pms"
    with pytest.raises(ProxyKeyInvalid):
        access.authenticate(HOME, proxy("pms", "cgk_wrong"), None)


def test_p28_without_a_key_a_request_is_refused_before_any_look_up(access, table):
    for sent in (headers(), headers(("X-Api-Key", PARTNER)), headers(("Authorization", "cgk_x"))):
        with pytest.raises(KeyRequired):
            access.authenticate(HOME, sent, None)
    assert table.reads == 0


def test_p28_a_value_that_is_ours_and_wrong_is_refused(access, table):
    with pytest.raises(KeyInvalid) as caught:
        access.authenticate(HOME, headers(("X-Api-Key", "cgk_nonsense")), None)
    assert caught.value.status == 401


def test_a_partners_value_beside_ours_is_left_alone(access, key):
    sent = headers(("X-Api-Key", PARTNER), ("PAYCOMET-API-TOKEN", key))
    assert access.authenticate(HOME, sent, None).client == "pms"


def test_the_same_key_twice_is_one_key(access, key):
    sent = headers(("X-Api-Key", key), ("PAYCOMET-API-TOKEN", key))
    sent.fields += proxy("pms", key).fields
    assert access.authenticate(HOME, sent, None).client == "pms"


def test_p28_two_different_keys_are_a_conflict(access, table, key):
    other = made(table, name="night-audit")
    for sent in (
        headers(("X-Api-Key", key), ("X-Api-Key", other)),
        headers(("X-Api-Key", key), ("PAYCOMET-API-TOKEN", "cgk_x")),
        Headers([*headers(("X-Api-Key", key)), *proxy("pms", other)]),
    ):
        with pytest.raises(KeysConflict):
            access.authenticate(HOME, sent, None)


def test_p28_the_tunnels_key_and_an_inner_one_must_be_the_same(access, table, key):
    tunnel = access.connect(HOME, proxy("pms", key))
    assert access.authenticate(HOME, headers(("X-Api-Key", key)), tunnel) == tunnel
    other = made(table, name="night-audit")
    access.keys.refresh()
    with pytest.raises(KeysConflict):
        access.authenticate(HOME, headers(("X-Api-Key", other)), tunnel)


def test_p28_a_key_from_its_clients_networks_only(access, key):
    with pytest.raises(KeyInvalid):
        access.authenticate(ip_address("10.0.1.5"), headers(("X-Api-Key", key)), None)
    with pytest.raises(NetworkNotAllowed):
        access.authenticate(ELSEWHERE, headers(("X-Api-Key", key)), None)


def test_p28_a_keys_own_networks_narrow_its_clients(access, table):
    key = made(table, networks=("10.0.0.5-10.0.0.6", "192.0.2.0/24"))
    sent = headers(("X-Api-Key", key))
    assert access.authenticate(HOME, sent, None).client == "pms"
    with pytest.raises(KeyInvalid):
        access.authenticate(ip_address("10.0.0.7"), sent, None)
    with pytest.raises(NetworkNotAllowed):
        access.authenticate(ELSEWHERE, sent, None)


def test_p28_a_key_of_a_client_that_is_gone_is_refused(access, table):
    key = made(table, client="sold")
    with pytest.raises(KeyInvalid):
        access.authenticate(HOME, headers(("X-Api-Key", key)), None)


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_p28_a_dead_key_is_refused_inside_its_tunnel_too(access, table, clock, end):
    key = made(table, expires=START + timedelta(hours=1))
    tunnel = access.connect(HOME, proxy("pms", key))
    if end == "revoked":
        table.revoke(tunnel.key_id, clock(), "test")
    clock.forward(hours=1 if end == "expired" else 0, seconds=2)
    for sent in (headers(), headers(("X-Api-Key", key))):
        with pytest.raises(KeyInvalid):
            access.authenticate(HOME, sent, tunnel)


def test_p28_scopes_and_products_are_those_of_the_key_and_no_more(access, table):
    key = made(table, scopes=("cards",), products=("seaside",))
    admission = access.authenticate(HOME, headers(("X-Api-Key", key)), None)
    assert admission.scopes == {"cards"}
    assert admission.products == {"seaside"}
    assert access.products_of(admission) == {"seaside"}
    everything = replace(admission, products=None)
    assert access.products_of(everything) == access.all_products == {"seaside", "hilltop"}


def test_p27_without_the_vault_a_key_is_not_believed(access, table, key):
    table.down = True
    with pytest.raises(VaultUnavailable):
        access.authenticate(HOME, headers(("X-Api-Key", key)), None)


def test_a_use_is_noted_for_the_key_that_was_used(access, table, key):
    access.authenticate(HOME, headers(("X-Api-Key", key)), None)
    access.keys.save_uses()
    assert table.uses == [{key[4:16]: START}]


# --- by network -----------------------------------------------------------------------------------


def test_a_network_may_be_enough_where_the_configuration_says_so(access):
    admission = access.authenticate(ip_address("10.0.2.9"), headers(), None)
    assert admission == Admission("old", "", frozenset({"proxy"}), frozenset({"seaside"}))
    older = access.authenticate(ip_address("::ffff:10.0.3.9"), headers(), None)
    assert older == Admission("older", "", frozenset({"proxy"}), None)


def test_p28_a_wrong_key_is_refused_where_none_would_do(access):
    with pytest.raises(KeyInvalid):
        access.authenticate(ip_address("10.0.2.9"), headers(("X-Api-Key", "cgk_x")), None)


def test_a_tunnel_without_a_key_leaves_each_request_to_itself(access):
    keyless = Admission("old", "", frozenset(), None)
    with pytest.raises(KeyRequired):
        access.authenticate(HOME, headers(), keyless)


def test_p29_the_client_behind_a_trusted_proxy(access):
    forwarded = headers(("X-Forwarded-For", "10.0.0.5"))
    assert access.client_of(ip_address("10.9.0.1"), forwarded) == HOME
    assert access.client_of(ELSEWHERE, forwarded) == ELSEWHERE
    assert access.client_of(ip_address("10.9.0.1"), Headers()) == ip_address("10.9.0.1")


def test_the_product_of_an_exchange_is_among_the_callers(access, table):
    @dataclass(frozen=True)
    class Route:
        product: str | None = None

    key = made(table, products=("seaside",))
    admission = access.authenticate(HOME, headers(("X-Api-Key", key)), None)
    asked = {"admission": admission, "route": Route(), "system": "siteminder", "hotel": None}
    assert access.product(named=None, **asked).name == "seaside"
    with pytest.raises(ProductNotPermitted):
        access.product(named="hilltop", **asked)
    assert not access.has_hotels("siteminder")


# --- what goes on ---------------------------------------------------------------------------------


def test_p28_what_is_ours_is_stripped_and_nothing_else(access, key):
    sent = headers(
        ("Host", "api.partner.example"),
        ("X-Api-Key", key),
        ("x-api-key", PARTNER),
        ("PAYCOMET-API-TOKEN", " cgk_anything"),
        ("Proxy-Authorization", "Basic Zm9vOmJhcg=="),
        ("X-Gateway-Product", "seaside"),
        ("x-gateway-exchange", "0123456789"),
        ("X-Gatewayed", "theirs"),
        ("Authorization", "Basic Zm9vOmJhcg=="),
    )
    access.strip(sent)
    assert list(sent) == list(
        headers(
            ("Host", "api.partner.example"),
            ("x-api-key", PARTNER),
            ("X-Gatewayed", "theirs"),
            ("Authorization", "Basic Zm9vOmJhcg=="),
        )
    )


name = st.sampled_from(["X-Api-Key", "PAYCOMET-API-TOKEN", "Cookie", "X-Forwarded-For", "Accept"])
theirs = st.binary(max_size=30).filter(lambda value: not value.strip().startswith(b"cgk_"))


@given(st.lists(st.tuples(name.map(str.encode), theirs)))
def test_what_is_not_ours_passes_byte_for_byte(fields):
    access = Access(config(), Table(), Clock())
    sent = Headers(fields)
    access.strip(sent)
    assert list(sent) == fields
