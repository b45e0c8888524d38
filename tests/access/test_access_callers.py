"""Push callers: every method that an entry names must hold, and a refusal never says which failed."""

import base64
import itertools
import json
from ipaddress import ip_address

import pytest

from gateway.access.callers import parse_basic
from gateway.access.clients import Access
from gateway.config import Config
from gateway.errors import (
    CallerNotAuthenticated,
    ConfigurationError,
    MessageForbidden,
    MessageMalformed,
)
from gateway.exchange import Peer
from gateway.headers import Headers
from tests.access.fakes import Clock, Table

HOME = ip_address("10.0.0.5")
SECRET, PASSWORD = "0a1b2c3d4e5f6a7b8c9d", "correct horse é"
PIN = "ab" * 32
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>
<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
<w:UsernameToken>{token}</w:UsernameToken></w:Security></s:Header><s:Body><a/></s:Body></s:Envelope>"""
USER = "<w:Username> channel </w:Username>"
PASS = f"<w:Password>{PASSWORD}</w:Password>"

METHODS = {
    "networks": ["10.0.0.0/24"],
    "certificate": {"sha256": ["CD:" * 31 + "CD", PIN]},
    "header": {"name": "X-Push-Key", "value_env": "PUSH_KEY"},
    "basic": {"user": "channel", "password_env": "PUSH_PASSWORD"},
    "wsse": {"user": "channel", "password_env": "PUSH_PASSWORD"},
    "secret_path": {"env": "PUSH_KEY"},
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("PUSH_KEY", SECRET)
    monkeypatch.setenv("PUSH_PASSWORD", PASSWORD)


def access(**methods):
    config = {
        "products": {"seaside": {"merchant_code": "a", "terminal": 1, "mode": "test"}},
        "clients": {"pms": {"networks": ["127.0.0.1"]}},
        "callers": {"push": methods},
    }
    return Access(Config.model_validate_json(json.dumps(config)), Table(), Clock())


def basic(user="channel", password=PASSWORD):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def shown(**changes):
    """A call that shows everything right, but for `changes`."""
    right = {
        "name": "push",
        "peer": Peer(HOME, "endpoints", tls=True, certificate=PIN),
        "address": HOME,
        "headers": Headers(
            [(b"x-push-key", SECRET.encode()), (b"authorization", basic().encode())]
        ),
        "path": f"/push/{SECRET}/reservations?x=1",
        "body": ENVELOPE.format(token=USER + PASS).encode(),
    }
    return right | changes


# What is wrong about a call, per method. All else stays right.
WRONG = {
    "networks": [{"address": ip_address("10.0.1.5")}],
    "certificate": [
        {"peer": Peer(HOME, "endpoints", tls=True)},
        {"peer": Peer(HOME, "endpoints", tls=True, certificate="ef" * 32)},
    ],
    "header": [
        {"headers": Headers([(b"authorization", basic().encode()), *fields])}
        for fields in (
            [],
            [(b"X-Push-Key", b"")],
            [(b"X-Push-Key", SECRET.encode() + b"x")],
            [(b"X-Push-Key", SECRET.encode()), (b"X-Push-Key", SECRET.encode())],
            [(b"X-Push-Key", SECRET.encode()), (b"x-push-key", b"other")],
        )
    ],
    "basic": [
        {"headers": Headers([(b"x-push-key", SECRET.encode()), *fields])}
        for fields in (
            [],
            [(b"Authorization", basic(user="other").encode())],
            [(b"Authorization", basic(password="other").encode())],
            [(b"Authorization", b"Bearer x")],
            [(b"Authorization", b"Basic %%%")],
            [(b"Authorization", basic().encode()), (b"Authorization", basic().encode())],
        )
    ],
    "wsse": [
        {"body": ENVELOPE.format(token=token).encode()}
        for token in (
            "",
            USER,
            PASS,
            USER + "<w:Password/>",
            USER + "<w:Password>other</w:Password>",
            "<w:Username>other</w:Username>" + PASS,
            USER + PASS + PASS,
            USER + USER + PASS,
            USER + "<w:Password>x</w:Password>" + PASS,
        )
    ],
    "secret_path": [
        {"path": path}
        for path in (
            "/push/reservations",
            f"/push/{SECRET}x/reservations",
            f"/push/reservations?{SECRET}",
            f"/push?key=/{SECRET}/",
            "/push//",
        )
    ],
}


@pytest.mark.parametrize("method", METHODS)
def test_one_method_alone_is_enough_where_only_it_is_named(method):
    admission = access(**{method: METHODS[method]}).caller(**shown())
    assert admission.client == "push"
    assert admission.key_id == ""
    assert admission.scopes == {"proxy"}
    assert admission.products is None


@pytest.mark.parametrize(
    ("method", "wrong"), [(method, one) for method, ways in WRONG.items() for one in ways]
)
def test_p28_a_caller_that_shows_it_wrong_is_refused(method, wrong):
    with pytest.raises(CallerNotAuthenticated):
        access(**{method: METHODS[method]}).caller(**shown(**wrong))


@pytest.mark.parametrize("method", METHODS)
def test_p28_every_named_method_must_hold(method):
    everything = access(**METHODS)
    assert everything.caller(**shown()).client == "push"
    with pytest.raises(CallerNotAuthenticated):
        everything.caller(**shown(**WRONG[method][0]))


@pytest.mark.parametrize("pair", list(itertools.combinations(METHODS, 2)))
def test_p28_one_of_two_is_not_enough(pair):
    both = access(**{method: METHODS[method] for method in pair})
    for method in pair:
        with pytest.raises(CallerNotAuthenticated):
            both.caller(**shown(**WRONG[method][0]))


def test_p28_no_entry_no_caller():
    with pytest.raises(CallerNotAuthenticated):
        access(networks=["0.0.0.0/0"]).caller(**shown(name="pull"))
    assert not access(networks=["0.0.0.0/0"]).needs_body("pull")


def test_what_stands_in_the_body_is_asked_for_when_it_is_there():
    callers = access(networks=["10.0.0.0/24"], wsse=METHODS["wsse"])
    assert callers.needs_body("push")
    assert not access(networks=["10.0.0.0/24"]).needs_body("push")
    assert callers.caller(**shown(body=None)).client == "push"
    with pytest.raises(CallerNotAuthenticated):
        callers.caller(**shown(body=None, address=ip_address("10.0.1.1")))
    with pytest.raises(CallerNotAuthenticated):
        callers.caller(**shown(address=ip_address("10.0.1.1")))


def test_p12_a_body_with_entities_or_no_xml_at_all_is_refused_as_such():
    callers = access(wsse=METHODS["wsse"])
    entity = '<!DOCTYPE a [<!ENTITY p "x">]><a><Username>&p;</Username></a>'
    with pytest.raises(MessageForbidden):
        callers.caller(**shown(body=entity.encode()))
    with pytest.raises(MessageMalformed):
        callers.caller(**shown(body=b"{}"))


def test_p28_a_digest_is_no_password():
    digest = '<w:Password Type="…#PasswordDigest">weYI3nXd8LjMNVksCKFV8t3rgHh3Rw==</w:Password>'
    with pytest.raises(CallerNotAuthenticated):
        access(wsse=METHODS["wsse"]).caller(
            **shown(body=ENVELOPE.format(token=USER + digest).encode())
        )


def test_p28_values_are_compared_in_constant_time_and_none_is_skipped(monkeypatch):
    import hmac

    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(
        "gateway.access.callers.hmac.compare_digest",
        lambda left, right: compared.append(len(right)) or real(left, right),
    )
    everything = access(**METHODS)
    everything.caller(**shown())
    right = list(compared)
    compared.clear()
    wrong = shown(headers=Headers([(b"x-push-key", b"wrong"), (b"authorization", b"Basic Og==")]))
    with pytest.raises(CallerNotAuthenticated):
        everything.caller(**wrong)
    assert compared == right
    assert set(compared) == {32}


def test_a_path_segment_is_compared_decoded():
    callers = access(secret_path=METHODS["secret_path"])
    escaped = "".join(f"%{ord(sign):02x}" for sign in SECRET)
    assert callers.caller(**shown(path=f"/push/{escaped}")).client == "push"
    with pytest.raises(CallerNotAuthenticated):
        callers.caller(**shown(path="/push/\udcff%ff/\udc80"))


def test_a_caller_may_be_limited_to_products():
    limited = access(networks=["10.0.0.0/24"], products=["seaside"])
    assert limited.caller(**shown()).products == {"seaside"}


def test_p28_without_its_secret_the_gateway_does_not_start(monkeypatch):
    monkeypatch.delenv("PUSH_KEY")
    monkeypatch.setenv("PUSH_PASSWORD", "short")
    with pytest.raises(ConfigurationError) as caught:
        access(header=METHODS["header"], basic=METHODS["basic"])
    assert [str(problem) for problem in caught.value.problems] == [
        "callers.push.header: the environment variable PUSH_KEY is not set",
        "callers.push.basic: the secret in PUSH_PASSWORD must have 8 to 1024 characters",
    ]


def test_basic_is_read_strictly():
    assert parse_basic("basic dTpwOnE=") == (b"u", b"p:q")
    assert parse_basic(" Basic  dTo= ") == (b"u", b"")
    assert parse_basic("Basic dQ==") is None
    assert parse_basic("Basic dTpw OnE=") is None
    assert parse_basic("Basic é") is None
    assert parse_basic("Digest dTpw") is None
