"""`card-gateway refused`: the YAML that it prints must load, and say no more than was refused."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import strict_yaml, upkeep
from gateway.cli.suggestions import suggest
from gateway.config import Config
from gateway.errors import (
    KeyInvalid,
    NetworkNotAllowed,
    RouteUnknown,
    UpstreamForbidden,
)
from gateway.rules.load import load_pack_text
from gateway.rules.model_addresses import HostPattern
from gateway.vault.kek.file import KekFile
from gateway.vault.rows import RefusalRow
from gateway.vault.service import Vault

WHEN = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)


def row(**changes):
    fields = {
        "client": "pms",
        "listener": "proxy",
        "method": "POST",
        "scheme": "https",
        "host": "api.partner.example",
        "port": 443,
        "path": "/v1/charges",
        "code": RouteUnknown.code,
        "count": 3,
        "last": WHEN,
    }
    return RefusalRow(**(fields | changes))


def pack(one):
    return load_pack_text(suggest(one).yaml + "\n", "suggested.yaml")


def config(one):
    yaml = suggest(one).yaml
    text = f"products: {{ seaside: {{ merchant_code: a, terminal: 1, mode: test }} }}\n{yaml}\n"
    if "clients:" not in yaml:
        text += "clients: { pms: { networks: [127.0.0.1] } }\n"
    return strict_yaml.load_model_text(text, "gateway.yaml", Config)


def test_a_ready_route_for_a_request():
    suggestion = suggest(row())
    assert suggestion.file == "rules/api-partner-example.yaml"
    assert suggestion.yaml == (
        "system: api-partner-example\n"
        "about: what this is\n"
        "routes:\n"
        "  - name: v1-charges\n"
        "    to: https://api.partner.example/v1/charges\n"
        "    methods: [POST]"
    )
    (route,) = pack(row()).routes
    assert route.to.host == HostPattern("api.partner.example", any_below=False)
    assert route.to.path.text == "/v1/charges"
    assert route.methods == {"POST"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"port": 9443}, "https://api.partner.example:9443/v1/charges"),
        ({"path": "/v1/bookings/…/ack"}, "https://api.partner.example/v1/bookings/*/ack"),
        ({"path": "/"}, "https://api.partner.example/"),
        ({"path": ""}, "https://api.partner.example/"),
        ({"path": "/a//b%41/../c"}, "https://api.partner.example/a/*/*/*/c"),
        ({"host": "*"}, ""),
    ],
)
def test_only_what_a_rule_can_say_comes_out(changes, expected):
    yaml = suggest(row(**changes)).yaml
    assert (expected in yaml) if expected else not yaml


def test_a_plain_target_is_told_to_be_https():
    assert "always https" in suggest(row(scheme="http", port=80)).why


def test_a_connect_gets_a_pack_or_a_tunnel():
    connect = row(method="CONNECT", path="", host="updates.pms.example")
    suggestion = suggest(connect)
    assert "tunnel: [updates.pms.example]" in suggestion.why
    (route,) = pack(connect).routes
    assert route.to.path.text == "/**"
    assert 'tunnel: ["[::1]:8443"]' in suggest(row(method="CONNECT", host="::1", port=8443)).why


def test_an_endpoint_gets_at_and_forward():
    yaml = suggest(row(listener="endpoints", host="", port=0, path="/push/new")).yaml
    assert "    at: /push/new\n" in yaml
    assert "forward:" in yaml
    assert "auth:" in yaml


def test_a_network_gets_a_client():
    one = row(code=NetworkNotAllowed.code, client="10.1.2.3")
    found = config(one).clients["new-client"]
    assert [str(network) for network in found.networks] == ["10.1.2.3/32"]
    assert suggest(one).why == ""
    public = suggest(row(code=NetworkNotAllowed.code, client="192.0.3.3"))
    assert "public" in public.why
    assert not suggest(row(code=NetworkNotAllowed.code, client="pms")).yaml


def test_an_address_gets_an_egress_exception():
    one = row(code=UpstreamForbidden.code, host="pms.internal")
    (entry,) = config(one).egress.private
    assert entry.host == "pms.internal"
    literal = row(code=UpstreamForbidden.code, host="10.9.8.7")
    assert str(config(literal).egress.private[0].networks[0]) == "10.9.8.7/32"
    assert not suggest(row(code=UpstreamForbidden.code, host="?")).yaml


def test_what_no_line_lifts_is_said():
    suggestion = suggest(row(code=KeyInvalid.code))
    assert (suggestion.file, suggestion.yaml) == ("", "")
    assert suggestion.why == "Nothing in the configuration would allow this."


@given(
    st.text(max_size=30),
    st.text(max_size=40),
    st.sampled_from(["GET", "CONNECT", "POST", "BREW", "]\nx:"]),
    st.sampled_from(["proxy", "endpoints"]),
    st.sampled_from([RouteUnknown.code, NetworkNotAllowed.code, UpstreamForbidden.code]),
)
def test_p32_whatever_a_peer_asked_for_the_yaml_says_it_and_no_more(
    host, path, method, listener, code
):
    """No host or path can write YAML of its own: the document has the keys that we print."""
    one = row(host=host, path=path, method=method, listener=listener, code=code, client=host)
    yaml = suggest(one).yaml
    if yaml:
        data = strict_yaml.load_text(yaml + "\n", "suggested.yaml").data
        assert set(data) <= {"system", "about", "routes", "clients", "egress"}
        for route in data.get("routes", []):
            assert set(route) <= {"name", "to", "at", "forward", "methods", "auth"}
            assert len(route["methods"]) == 1


@given(
    st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9-]{1,10}){0,3}", fullmatch=True), st.text(max_size=40)
)
@example("a.b", ".")
@example("a.b", "/x/../y")
def test_a_suggested_pack_always_loads(host, path):
    for one in (row(host=host, path=path), row(host=host, method="CONNECT", path="")):
        if suggest(one).yaml:
            assert pack(one).routes


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def remember(run):
    def remember(*rows):
        vault = Vault.open(run.state / "vault.db", KekFile(run.state / "kek"))
        vault.refusals.remember(rows)
        vault.close()

    return remember


def test_nothing_was_refused(run):
    code, out, err = run("refused")
    assert (code, err) == (0, "")
    assert out.startswith("Nothing was refused that a line of YAML would allow.\n")
    assert upkeep._HOUSEKEEPING_SECONDS == 2  # as it tells those who look at once
    assert "every two seconds" in " ".join(out.split())
    assert run("refused", "--json") == (0, "[]\n", "")


def test_what_was_refused_is_printed_with_what_to_paste(run, remember):
    remember(
        row(),
        row(method="CONNECT", path="", host="updates.pms.example", last=WHEN.replace(year=2031)),
    )
    code, out, err = run("refused")
    assert (code, err) == (1, "")
    blocks = out.strip().split("\n\n")
    assert blocks[0].startswith("3 x CONNECT updates.pms.example:443\n")
    assert blocks[1].splitlines()[:3] == [
        "3 x POST https://api.partner.example:443/v1/charges",
        f"   from pms, last 2030-05-06 07:08:09 UTC: route_unknown. {RouteUnknown.text}",
        "# rules/api-partner-example.yaml",
    ]
    assert suggest(row()).yaml in out


def test_refused_as_json(run, remember):
    remember(row())
    code, out, _ = run("refused", "--json")
    assert code == 1
    (one,) = json.loads(out)
    assert one["count"] == 3
    assert one["last"] == "2030-05-06T07:08:09+00:00"
    assert one["yaml"] == suggest(row()).yaml


def test_a_peers_text_can_not_draw_on_the_terminal(run, remember):
    remember(row(host="\x1b[31mred", path="/\x1b]0;title\x07[bold]\u202e", client="\x1b[2J"))
    code, out, _ = run("refused")
    assert code == 1
    assert out.isascii()
    assert "\x1b" not in out
    assert "\\u001b[31mred" in out
    assert "[bold]" in out
