"""The first stage by itself: real access, egress and rules; what it decides before a byte is read."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from gateway.access.clients import Access
from gateway.access.keys import NewKey, create
from gateway.config import Config
from gateway.egress import Egress
from gateway.errors import NetworkNotAllowed, RouteUnknown, ScopeMissing, TargetAmbiguous
from gateway.exchange import Authority, Blind, Exchange, Peer, Request, Tunnel
from gateway.headers import Headers
from gateway.rules.load import load_pack_text
from gateway.rules.match import Matcher
from gateway.rules.model import RuleSet
from gateway.stages.admit import Admitting
from tests.access.fakes import START, Clock, Table
from tests.rules.test_match import matcher

ACME = ("api.acme.example", 443)
HOME, BESIDE = ip_address("10.0.0.5"), ip_address("10.9.0.1")
RULES = matcher("name: charge, to: https://api.acme.example/v1/**, methods: [POST]")
CHARGE = """
system: acme
about: A processor
shapes:
  card: { format: json, card: $.card, number: number }
routes:
  - { name: charge, to: "https://api.acme.example/v1/**", methods: [POST], request: { detokenize: card } }
"""
YAML = {
    "listen": {"proxy": "127.0.0.1:0"},
    "products": {"seaside": {"merchant_code": "a", "terminal": 1, "mode": "test"}},
    "clients": {"pms": {"networks": ["10.0.0.0/24"]}},
    "trusted_proxies": ["10.9.0.1"],
}


class Gate:
    """The stage, a key that fits it, and requests to put before it."""

    def __init__(self, *, tunnels=(), scopes=("proxy",)):
        table = Table()
        access = Access(Config.model_validate_json(json.dumps(YAML)), table, Clock())
        egress = Egress(stand_ins=(), private=(), own=())
        self.admitting = Admitting(access, egress, frozenset(tunnels), {})
        self.key = create(table, NewKey("k", "pms", scopes=scopes), START, "test")[0].reveal()

    def connect(self, host, port, address=HOME, *fields):
        peer = Peer(address, "proxy", tls=False)
        return self.admitting.connect(peer, host, port, Headers(list(fields)), RULES)

    def admit(self, address=HOME, *fields, path="/v1/charges", tunnelled=True, rules=RULES):
        headers = Headers([(b"X-Api-Key", self.key.encode()), *fields])
        request = Request("POST", Authority("https", *ACME), path, headers)
        peer = Peer(address, "proxy", tls=False)
        tunnel = Tunnel(*ACME, None, address) if tunnelled else None
        exchange = Exchange(peer, request, tunnel)
        self.admitting.admit(exchange, rules)
        return exchange


def test_a_routed_host_is_looked_into_and_a_tunnelled_one_is_not():
    gate = Gate(tunnels=[("updates.example", 443)])
    assert gate.connect(*ACME) == Tunnel(*ACME, None, HOME)
    assert gate.connect("updates.example", 443) == Blind("updates.example", 443)
    for host, port in [("updates.example", 8443), ("nowhere.example", 443)]:
        with pytest.raises(RouteUnknown):
            gate.connect(host, port)


def test_p08_a_host_with_a_route_never_passes_blind():
    """Also where a rule came after gateway.yaml was read: both name the host then."""
    assert isinstance(Gate(tunnels=[ACME]).connect(*ACME), Tunnel)


def test_p29_inside_a_tunnel_nobody_speaks_for_another_address():
    """A trusted proxy before us can not have written there: the header is the client's own."""
    gate, forged = Gate(), (b"X-Forwarded-For", b"10.0.0.5")
    assert gate.admit(BESIDE, forged, tunnelled=False).admission.client == "pms"
    with pytest.raises(NetworkNotAllowed):
        gate.admit(BESIDE, forged)
    assert gate.connect(*ACME, BESIDE, forged)


def test_p28_a_route_asks_for_its_scope():
    assert Gate().admit().route.name == "charge"
    with pytest.raises(ScopeMissing):
        Gate(scopes=("detokenize",)).admit()


def test_p28_what_is_ours_is_gone_once_admitted():
    exchange = Gate().admit(HOME, (b"X-Gateway-Exchange", b"mine-0001"), (b"X-Other", b"theirs"))
    assert list(exchange.request.headers) == [(b"X-Other", b"theirs")]
    assert exchange.id == "mine-0001"


def test_p32_a_path_beside_the_rule_has_no_route():
    with pytest.raises(RouteUnknown):
        Gate().admit(path="/v2/charges")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X-Original-URL", b"/v1/customers"),
        (b"x-rewrite-url", b"/v1/charges"),
        (b"X-HTTP-Method-Override", b"PUT"),
        (b"X-HTTP-Method", b"POST"),
        (b"X-Method-Override", b""),
    ],
)
def test_p04_where_a_card_is_put_in_no_header_names_another_path_or_method(name, value):
    gate = Gate(scopes=("proxy", "detokenize"))
    pack = load_pack_text(CHARGE, "acme.yaml")
    charge = Matcher(RuleSet((pack,)))
    with pytest.raises(TargetAmbiguous):
        gate.admit(HOME, (name, value), rules=charge)
    assert gate.admit(HOME, rules=charge).route is pack.routes[0]
    # Where none is, they are between the caller and the partner.
    assert gate.admit(HOME, (name, value)).request.headers.get(name.decode()) == value.decode()
