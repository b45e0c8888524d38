"""Routes are found whole, by the most literal pattern, in microseconds; what is ambiguous is refused."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.errors import TargetAmbiguous
from gateway.exchange import Authority
from gateway.rules.check import check_together
from gateway.rules.load import load_pack_text
from gateway.rules.match import Matcher
from gateway.rules.model import Pack, Route, RuleSet, Source
from gateway.rules.model_addresses import PathPattern


def matcher(*routes: str) -> Matcher:
    text = "system: x\nabout: x\nroutes:\n" + "".join(f"  - {{ {route} }}\n" for route in routes)
    return Matcher(RuleSet((load_pack_text(text, "x.yaml"),)))


def to(found: Matcher, method: str, url: str, stands_for: str = "") -> str | None:
    scheme, _, rest = url.partition("://")
    where, slash, path = rest.partition("/")
    host, _, port = where.partition(":")
    default = 443 if scheme == "https" else 80
    authority = Authority(scheme, host, int(port or default))  # type: ignore[arg-type]
    route = found.to(method, authority, stands_for or host, slash + path)
    return route.name if route is not None else None


ROUTES = matcher(
    "name: literal, to: https://api.acme.example/v1/**, methods: [GET, POST]",
    "name: below, to: 'https://*.acme.example/**', methods: [GET]",
    "name: deeper, to: 'https://*.eu.acme.example/**', methods: [GET]",
    "name: exact, to: https://api.acme.example/v1/charges, methods: [POST]",
    "name: one, to: 'https://api.acme.example/v1/charges/*/refund', methods: [POST]",
    "name: root, to: https://root.example/, methods: [GET]",
    "name: other-port, to: 'https://port.example:8443/**', methods: [GET]",
    "name: v6, to: 'https://[2001:db8::1]/**', methods: [GET]",
)


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "https://api.acme.example/v1/x", "literal"),
        ("GET", "https://api.acme.example/v1/", "literal"),
        ("GET", "https://api.acme.example/v1", "below"),  # `/v1/**` wants the slash
        ("POST", "https://api.acme.example/v1/charges", "exact"),
        ("GET", "https://api.acme.example/v1/charges", "literal"),
        ("POST", "https://api.acme.example/v1/charges/1/refund", "one"),
        ("POST", "https://api.acme.example/v1/charges/1/2/refund", "literal"),
        ("POST", "https://api.acme.example/v1/charges/refund", "literal"),
        ("POST", "https://api.acme.example/v1/charges?x=/../y", "exact"),
        ("GET", "https://www.acme.example/x", "below"),
        ("GET", "https://a.b.acme.example/x", "below"),
        ("GET", "https://a.eu.acme.example/x", "deeper"),
        ("POST", "https://www.acme.example/x", None),
        ("GET", "https://acme.example/x", None),
        ("GET", "https://eu.acme.example/x", "below"),
        ("GET", "https://evilacme.example/x", None),
        ("GET", "https://api.acme.example.evil.example/v1/x", None),
        ("GET", "https://root.example/", "root"),
        ("GET", "https://root.example/x", None),
        ("GET", "http://root.example/", None),
        ("GET", "http://root.example:443/", None),
        ("GET", "https://root.example:444/", None),
        ("GET", "https://port.example:8443/x", "other-port"),
        ("GET", "https://port.example/x", None),
        ("get", "https://root.example/", None),
        ("GET", "https://api.acme.example/V1/charges/x", "below"),
    ],
)
def test_p32_patterns_are_anchored_at_both_ends(method, url, expected):
    assert to(ROUTES, method, url) == expected


def test_an_address_in_brackets():
    authority = Authority("https", "2001:db8::1", 443)
    route = ROUTES.to("GET", authority, authority.host, "/x")
    assert route is not None
    assert route.name == "v6"


def test_a_stand_in_has_the_routes_of_whom_it_stands_for_and_its_own_port():
    assert to(ROUTES, "GET", "https://sandbox.test:9443/v1/x", "api.acme.example") == "literal"
    assert to(ROUTES, "GET", "https://sandbox.test:9443/v1/x") is None
    assert to(ROUTES, "GET", "http://sandbox.test:9443/v1/x", "api.acme.example") is None


def test_which_hosts_are_known():
    assert ROUTES.knows("api.acme.example")
    assert ROUTES.knows("anything.acme.example")
    assert not ROUTES.knows("acme.example")
    assert not ROUTES.knows("evil.example")
    assert not matcher("name: r, to: https://x.example/, methods: [GET]").knows("a.b.c")


@pytest.mark.parametrize(
    "path",
    [
        "", "*", "v1/x", "http://evil/", "\\x",
        "//", "/a//b", "/a//", "/.", "/..", "/a/./b", "/a/../b", "/a/.", "/a/..",
        "/a\\b", "/a%5cb", "/a%5Cb", "/a%2fb", "/a%2Fb", "/%2e%2e/a", "/a/%2E/b", "/.%2e/a",
        "/%61dmin", "/a%2Db", "/%7euser", "/a%5fb",  # needless encoding
        "/a;x=1", "/a/..;/b", "/a%3bx", "/a%3Fb", "/a%23b", "/a#b",
        "/a%", "/a%4", "/a%zz", "/a%u002f",
        "/a%00", "/a%0d%0aX", "/a\x00", "/a\r\nX: y", "/a b", "/a\tb", "/a%7f", "/a%1F",
        "/\u00e9", "/a\uff0fb",
        "/%c0%ae", "/%c0%af", "/%e9", "/%ff", "/%ed%a0%80",  # overlong, or no UTF-8
        "/%252e%252e/", "/a%252fb", "/a%2525",  # decoded twice it would be another path
        "/a%ef%bc%8fb", "/%ef%bc%8e%ef%bc%8e/", "/a%e2%84%80",  # folded it would be another path
        '/a"b', "/a<b", "/a{b", "/a|b", "/a^b", "/a`b",
        "/a?x y", "/a?x\r\n", "/a?\u00e9", "/a?x#y", "/a?\x7f",
    ],
)  # fmt: skip
def test_p32_a_path_that_upstream_may_read_differently_is_refused(path):
    found = matcher(
        "name: all, to: https://x.example/**, methods: [GET]",
        "name: in, at: /**, forward: https://x.example/**, methods: [GET]",
    )
    with pytest.raises(TargetAmbiguous):
        found.to("GET", Authority("https", "x.example", 443), "x.example", path)
    with pytest.raises(TargetAmbiguous):
        found.at("GET", path)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/a/", "/a.b/.well-known/x", "/...", "/a..b", "/a%20b", "/%C3%A9t%c3%a9",
        "/users/a%40b.example", "/x:verb", "/x%3Averb", "/a+b", "/a%2Bb", "/a,b", "/a=b&c",
        "/a'(b)!*", "/a%25", "/a%25zz", "/~user", "/%E2%82%AC", "/a?x=%2e%2e/..//\\&y={}",
    ],
)  # fmt: skip
def test_ordinary_paths_pass(path):
    found = matcher("name: all, to: https://x.example/**, methods: [GET]")
    assert found.to("GET", Authority("https", "x.example", 443), "x.example", path) is not None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), max_size=12))
@example("..")
@example("%2e")
def test_p32_no_path_leaves_what_its_rule_names(text):
    """Whatever is let in below `/open/`, every reader that decodes it (once, or twice) and folds
    dot segments still finds it below `/open/`."""
    import posixpath
    from urllib.parse import unquote

    found = matcher("name: r, to: https://x.example/open/**, methods: [GET]")
    path = "/open/" + text
    try:
        route = found.to("GET", Authority("https", "x.example", 443), "x.example", path)
    except TargetAmbiguous:
        return
    assume(route is not None)
    bare = path.partition("?")[0]
    for reading in (bare, unquote(bare), unquote(unquote(bare)), bare.replace("\\", "/")):
        folded = posixpath.normpath(reading.split(";")[0])
        assert folded == "/open" or folded.startswith("/open/")


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=8))
def test_a_properly_encoded_name_is_let_in_unless_it_cuts_a_path(name):
    path = "/" + quote(name, safe="")
    found = matcher("name: r, to: 'https://x.example/*', methods: [GET]")
    try:
        route = found.to("GET", Authority("https", "x.example", 443), "x.example", path)
    except TargetAmbiguous:
        import unicodedata

        folded = unicodedata.normalize("NFKC", name)
        control = any(ord(sign) < 32 or ord(sign) == 127 for sign in name)
        assert control or set(folded) & set("/\\.;?#%")
    else:
        assert route is not None


# --- endpoints ----------------------------------------------------------------------------------

ENDPOINTS = matcher(
    "name: pull, at: /acme/**, forward: https://ws.acme.example/base/**, methods: [POST]",
    "name: longer, at: /acme/push, forward: 'http://10.0.0.9:81/in', auth: c, methods: [POST]",
    "name: secret, at: '/hook/*/in', forward: https://pms.example/in, methods: [POST]",
    "name: two, at: '/a/*/b/*/**', forward: 'https://x.example/*/x/*/**', methods: [GET]",
)


@pytest.mark.parametrize(
    ("method", "path", "name", "forwarded"),
    [
        ("POST", "/acme/a/b?c=d", "pull", "https://ws.acme.example/base/a/b?c=d"),
        ("POST", "/acme/", "pull", "https://ws.acme.example/base/"),
        ("POST", "/acme/a%20b?", "pull", "https://ws.acme.example/base/a%20b?"),
        ("POST", "/acme/push?x", "longer", "http://10.0.0.9:81/in?x"),
        ("POST", "/hook/s3cret/in", "secret", "https://pms.example/in"),
        ("GET", "/a/1/b/2/3/4", "two", "https://x.example/1/x/2/3/4"),
    ],
)
def test_an_endpoint_says_where_its_request_goes(method, path, name, forwarded):
    found = ENDPOINTS.at(method, path)
    assert found is not None
    route, authority, target = found
    assert (route.name, f"{authority}{target}") == (name, forwarded)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/acme/x"), ("POST", "/acme"), ("POST", "/x/acme/x"), ("POST", "/hook/a/b/in")],
)
def test_p32_an_endpoints_path_is_anchored(method, path):
    assert ENDPOINTS.at(method, path) is None


def test_routes_for_the_proxy_and_for_endpoints_do_not_mix():
    assert ROUTES.at("GET", "/v1/x") is None
    assert to(ENDPOINTS, "POST", "https://ws.acme.example/base/x") is None
    assert not ENDPOINTS.knows("ws.acme.example")


def test_a_route_that_goes_nowhere_is_found_by_nobody():
    nowhere = Route("x", "nowhere", Source("x", 1), frozenset({"GET"}))
    no_forward = replace(nowhere, at=PathPattern("/**", 1))
    rules = RuleSet((Pack("x", "x", "x", {}, (nowhere, no_forward)),))
    assert Matcher(rules).at("GET", "/x") is None
    assert check_together(rules.packs) == []


def test_one_route_is_found_among_500():
    found = matcher(
        *(
            f"name: r{n}, to: 'https://h{n}.example/v1/p{n}/**', methods: [POST]"
            for n in range(250)
        ),
        *(
            f"name: s{n}, to: 'https://same.example/v1/p{n}/**', methods: [POST]"
            for n in range(250)
        ),
    )
    few = Authority("https", "h77.example", 443)
    many = Authority("https", "same.example", 443)
    assert found.to("POST", few, few.host, "/v1/p77/x").name == "r77"
    assert found.to("POST", many, many.host, "/v1/p249/x").name == "s249"
    assert found.to("POST", few, few.host, "/v1/p78/x") is None
