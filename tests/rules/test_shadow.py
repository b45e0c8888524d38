"""Which route is chosen before which: what is told is so in the matcher, and all of it is told."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.exchange import Authority
from gateway.rules import reach
from gateway.rules.check import ties
from gateway.rules.finding import Level
from gateway.rules.load import load_pack_text
from gateway.rules.match import Matcher
from gateway.rules.model import Pack, Route, RuleSet, Source
from gateway.rules.model_directions import Direction, Opaque
from gateway.rules.reach import path_of
from gateway.rules.shadow import pattern_of, shadows, url, witness
from gateway.rules.targets import parse_path_pattern, parse_target

WORDS = ("a", "bb", "x")
HOSTS = ("a.example", "x.a.example", "b.a.example", "x.b.a.example")
NAMED = ("a.example", "x.a.example", "*.a.example", "*.b.a.example")
PORTS = (443, 444)
METHODS = ("GET", "POST")
PATHS = [
    "/" + "/".join(segments) + end
    for length in range(4)
    for segments in itertools.product((*WORDS, "other"), repeat=length)
    for end in ("", "/")
    if segments or not end
]


def pattern(text):
    return parse_path_pattern(text)


@st.composite
def patterns(draw):
    segments = draw(st.lists(st.sampled_from([*WORDS, "*"]), max_size=3))
    return "/" + "/".join([*segments, *draw(st.sampled_from([[], ["**"], [""]]))])


def fits(text, path):
    """As the matcher does it, by itself."""
    return Matcher(RuleSet((pack([gateways("r", text, METHODS)]),))).at("GET", path) is not None


def pack(routes):
    return Pack("p", "p", "p.yaml", {}, tuple(routes))


def gateways(name, text, methods):
    """A route of the gateway's own; the request itself says where to, so that no `forward` is asked for."""
    return Route("p", name, Source("p.yaml", 1), frozenset(methods), at=pattern(text), protocol="x")


def proxied(name, target, methods):
    return Route("p", name, Source("p.yaml", 1), frozenset(methods), to=parse_target(target))


@settings(max_examples=400)
@given(st.lists(patterns(), min_size=1, max_size=2), st.lists(patterns(), max_size=4))
@example(["/**"], ["/*", "/*/**", "/"])
@example(["/*"], ["/a", "/bb", "/x", "/x1"])
@example(["/a/**"], ["/a/*/**", "/a/*"])  # `/a/` is left
@example(["/a/**"], ["/a/"])
@example(["/a/*", "/*/x"], [])
def test_a_path_is_found_where_there_is_one_and_only_there(wanted, avoided):
    found = path_of([pattern(one) for one in wanted], [pattern(one) for one in avoided])
    right = [
        path
        for path in PATHS
        if all(fits(one, path) for one in wanted) and not any(fits(one, path) for one in avoided)
    ]
    if found is None:
        assert right == []
    else:
        assert all(fits(one, found) for one in wanted)
        assert not any(fits(one, found) for one in avoided)


def won(found, method, target):
    """The name of the route that gets a request."""
    if target.startswith("/"):
        hit = found.at(method, target)
        return hit[0].name if hit else None
    rest = target.removeprefix("https://")
    where, _, path = rest.partition("/")
    host, _, port = where.partition(":")
    route = found.to(method, Authority("https", host, int(port or 443)), host, "/" + path)
    return route.name if route else None


@st.composite
def route_sets(draw):
    made = []
    for n in range(draw(st.integers(1, 5))):
        methods = draw(st.sets(st.sampled_from(METHODS), min_size=1))
        path = draw(patterns())
        if draw(st.integers(0, 3)) == 0:
            made.append(gateways(f"r{n}", path, methods))
            continue
        host, port = draw(st.sampled_from(NAMED)), draw(st.sampled_from([443, 443, 444]))
        made.append(proxied(f"r{n}", f"https://{host}:{port}{path}", methods))
    return made


REQUESTS = [
    *(f"https://{host}{'' if port == 443 else f':{port}'}{path}"
      for host in HOSTS for port in PORTS for path in PATHS[:40]),
    *PATHS,
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(route_sets())
def test_p32_what_is_never_taken_is_taken_by_no_request_and_all_else_has_a_witness(routes):
    found = Matcher(RuleSet((pack(routes),)))
    for method in METHODS:
        taken = {won(found, method, target) for target in REQUESTS}
        for route in routes:
            if method not in route.methods:
                continue
            path = witness(route, routes, method)
            if path is None:
                assert route.name not in taken
            else:
                assert won(found, method, url(route, path, routes)) == route.name


@settings(max_examples=150, deadline=None)
@given(route_sets())
def test_p32_every_request_that_two_routes_name_is_told_with_the_one_that_gets_it(routes):
    found = Matcher(RuleSet((pack(routes),)))
    alone = {route.name: Matcher(RuleSet((pack([route]),))) for route in routes}
    told = {(one.name, other.name) for one, other in ties(routes)}
    by_name = {route.id: route.name for route in routes}
    for finding in shadows(routes):
        for request in finding.requests:
            method, target = request.split(" ")
            winner = won(found, method, target)
            fitting = [route for route in routes if won(alone[route.name], method, target)]
            assert len(fitting) > 1
            if finding.kind != "tie":
                assert winner == by_name[finding.about]
                told |= {(winner, route.name) for route in fitting}
    for method in METHODS:
        for target in REQUESTS[:: max(1, len(REQUESTS) // 300)]:
            winner = won(found, method, target)
            for name, one in alone.items():
                if name != winner and won(one, method, target):
                    assert (winner, name) in told or (name, winner) in told


def kinds(*routes):
    text = "system: x\nabout: x\nshapes: { s: { format: json, card: $, number: pan } }\nroutes:\n"
    text += "".join(f"  - {{ {route} }}\n" for route in routes)
    return [
        (one.level, one.kind, one.about, one.requests)
        for one in shadows(load_pack_text(text, "x.yaml").routes)
    ]


def test_what_a_third_route_gets_of_one_method_hides_no_other():
    routes = [
        proxied("all", "https://a.example/**", {"GET", "POST"}),
        proxied("post", "https://a.example/", {"POST"}),
        proxied("both", "https://a.example/", {"GET", "POST"}),
    ]
    assert ("GET https://a.example/",) in {
        one.requests for one in shadows(routes) if one.about == routes[2].id and one.kind != "tie"
    }


WAYS = {
    "each its own": lambda n: f"/v1/a{n}/**",
    "behind a star": lambda n: f"/v1/*/a{n}",
    "across": lambda n: (f"/v1/a{n}/**", f"/v1/*/b{n}", f"/v1/*/*/c{n}/**")[n % 3],
}


@pytest.mark.parametrize("way", WAYS)
def test_of_two_hundred_routes_of_one_host_each_is_compared_with_each_once(way, monkeypatch):
    """Counted, not timed: so many looks at a pattern's segment, by the square of the routes."""
    looks = 0
    at = reach._at

    def counted(pattern, place):
        nonlocal looks
        looks += 1
        return at(pattern, place)

    monkeypatch.setattr(reach, "_at", counted)
    found = {}
    for many in (100, 200):
        looks = 0
        routes = [
            proxied(f"r{n}", f"https://a.example{WAYS[way](n)}", {"GET", "PUT"})
            for n in range(many)
        ]
        list(shadows(routes))
        found[many] = looks
    assert found[200] < 4.6 * found[100]
    assert found[200] < 200 * 200 * 40


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (["name: a, to: 'https://h.example/v1/**', methods: [GET]"], []),
        (
            [
                "name: a, to: 'https://h.example/v1/**', methods: [POST], response: { tokenize: s }",
                "name: b, to: 'https://h.example/v1/pull', methods: [POST]",
            ],
            [(Level.LOOK, "unlooked-at", "x/b", ("POST https://h.example/v1/pull",))],
        ),
        (
            [
                "name: a, to: 'https://h.example/v1/**', methods: [POST]",
                "name: b, to: 'https://h.example/v1/pull', methods: [POST], response: { tokenize: s }",
            ],
            [(Level.TOLD, "shadowed", "x/b", ("POST https://h.example/v1/pull",))],
        ),
        (
            [
                "name: a, to: 'https://*.h.example/**', methods: [POST], request: { detokenize: s }",
                "name: b, to: 'https://x.h.example/v1/*', methods: [GET, POST]",
            ],
            [(Level.LOOK, "unlooked-at", "x/b", ("POST https://x.h.example/v1/x",))],
        ),
        (
            [
                "name: a, to: 'https://*.h.example/**', methods: [POST]",
                "name: b, to: 'https://x.h.example:444/v1/*', methods: [POST]",  # another port
                "name: c, to: 'https://h.example/v1/*', methods: [POST]",  # not below
                "name: d, to: 'https://*.h.example/v1', methods: [GET]",  # another method
            ],
            [],
        ),
    ],
)
def test_what_is_told_of_overlaps(routes, expected):
    assert kinds(*routes) == expected


def test_another_packs_host_is_worth_a_look():
    one = proxied("a", "https://h.example/**", ["GET"])
    other = Route(
        "q", "b", Source("q.yaml", 3, 5), frozenset(["GET"]), to=parse_target("https://h.example/b")
    )
    (told,) = shadows([one, other])
    assert (told.level, told.kind, told.problem.place) == (Level.LOOK, "shadowed", "q.yaml:3:5")
    assert (
        told.problem.message == "route `q/b` takes GET https://h.example/b before `p/a` at p.yaml:1"
    )


def test_who_gets_nothing_and_who_gets_less():
    first = proxied("a", "https://h.example/v/**", ["POST"])
    none = proxied("b", "https://h.example/v/*/c", ["POST"])
    less = proxied("c", "https://h.example/v/*/c", ["POST", "GET"])
    told = {(one.kind, one.about): one for one in shadows([first, none, less])}
    assert told["never-taken", "p/b"].level is Level.MISTAKE
    assert "`p/a` gets every one before it" in told["never-taken", "p/b"].problem.message
    assert told["method-never-taken", "p/c"].yaml == "methods: [GET]"
    assert told["tie", "p/b"].requests == ("POST https://h.example/v/x/c",)
    assert pattern_of(first).text == "/v/**"


def test_a_refusing_route_looks():
    refusing = Direction(opaque=Opaque())
    one = Route(
        "p",
        "a",
        Source("p.yaml", 1),
        frozenset(["POST"]),
        to=parse_target("https://h.example/**"),
        request=refusing,
    )
    other = proxied("b", "https://h.example/b", ["POST"])
    assert [told.kind for told in shadows([one, other])] == ["unlooked-at"]
