"""`card-gateway rules new`: names of a recording that would be more than names in the proposal."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cli import rules as command
from gateway.cli.proposal.plan import plan
from gateway.cli.proposal.scalars import scalar
from gateway.cli.proposal.written import system_of, written
from gateway.cli.transcript import read_stream
from tests.cli.proposals import rules_new

NUMBER = "4111111111111111"
SIGNATURE = "aabbccddeeff0011" * 4
CARD = {"number": NUMBER, "expiry": "0829", "cvc": "987"}
BREAKS = ("\n", "\r", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c")
NAMES = [
    *(f"a{sign}    doctype: allow{sign}    mode: test{sign}    #" for sign in BREAKS),
    "a   # b", "# a", "a: b", ": ", "- a", "a'", 'a"', "'", '"', '"}', "a]", "{a: b}", "[a", "a, b", "*a", "&a", "!a",
    "a\\", "\\n", "%a", "@a", "`a", "|", ">", "~", "null", "yes", "\t", "a\t", "\x00", "\x1b[2J", "\x7f", "\x9b",
    "\ufeff", "\U0001f600", "\u202e", "", " ", "größe", "---", "...",
]  # fmt: skip
HOSTILE = st.text(max_size=12) | st.lists(
    st.sampled_from(["\n", "\r", "\x85", " ", "#", ": ", "'", '"', "\\", "}", "]", "mode: test"]),
    max_size=8,
).map("".join)
# Where a name can be in a message: each holds a card, so that there is a route to write.
PLACES = {
    "signed": lambda name: {"card": CARD, f"{name}signature": SIGNATURE},
    "encrypted": lambda name: {"card": CARD, f"encrypted{name}": "QUJD" * 12},
    "card": lambda name: {name: {"card": CARD}},
    "field": lambda name: {"card": {**CARD, f"{name}cvv": "987"}},
    "number": lambda name: {"card": {f"{name}cardnumber": NUMBER, "expiry": "0829", "cvc": "987"}},
    "expiry": lambda name: {"card": {"number": NUMBER, f"{name}expiry": "0829", "cvc": "987"}},
    "holder": lambda name: {"card": {**CARD, f"{name}cardholder": "Ada Quux"}},
    "order": lambda name: {"card": CARD, f"{name}order_id": NUMBER},
}
FIELDS = {
    "number", "expiry", "expiry_month", "expiry_year", "cvc", "holder", "brand", "format", "card", "booking",
    "hotel", "booking_id", "departure",
}  # fmt: skip


def proposed(message, way="request"):
    body = json.dumps(message).encode()
    routes = plan(read_stream(BytesIO(body), Path("a.json")), push=None, way=way)
    return written(routes, system_of(routes))


def check(text):
    """It is YAML of our own keys, and no line is anything else."""
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\n"))
    pack = yaml.safe_load(text)
    assert set(pack) <= {"system", "about", "source", "shapes", "routes", "examples"}
    for shape in pack.get("shapes", {}).values():
        assert set(shape) <= FIELDS
    for route in pack["routes"]:
        assert set(route) <= {"name", "to", "methods", "request", "response"}
        for way in ("request", "response"):
            assert set(route.get(way, ())) <= {
                "tokenize",
                "detokenize",
                "opaque",
                "insert",
                "on_failure",
            }
    for example in pack.get("examples") or ():
        assert set(example) <= {"route", "request", "response", "expect"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["request", "response"])
def test_a_name_of_the_recording_is_no_more_than_a_name(place, name, way):
    check(proposed(PLACES[place](name), way))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(PLACES)), HOSTILE)
def test_nor_is_any_other(place, name):
    check(proposed(PLACES[place](name)))


def test_what_is_told_holds_nothing_that_a_terminal_obeys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    command.register(app)
    Path("a.json").write_text(json.dumps({"\x1b[2J\nAll is well.\n_order_id": NUMBER}))
    result = CliRunner().invoke(app, ["rules", "new", "a.json"])
    assert result.exit_code == 1
    assert "All is well." in result.stderr
    assert "\x1b" not in result.stderr
    assert not any(line.startswith("All") for line in result.stderr.splitlines())


def test_what_is_signed_is_named_in_one_comment():
    text = proposed(
        {"card": CARD, "a\n    doctype: allow\n    mode: test\n    #signature": SIGNATURE}
    )
    (line,) = [line for line in text.splitlines() if "signs the number too" in line]
    assert line.lstrip().startswith("# If ")
    assert "\\n    doctype: allow" in line
    (route,) = yaml.safe_load(text)["routes"]
    assert not {"doctype", "mode"} & set(route)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_scalar_is_read_as_what_it_was(text):
    assert yaml.safe_load(f"a: {scalar(text)}   # b\n") == {"a": text}


@pytest.mark.parametrize("name", NAMES)
def test_a_form_field_is_no_more_than_a_name(name):
    body = urlencode({f"{name}cardnumber": NUMBER, "expiry": "0829", f"{name}signature": SIGNATURE})
    routes = plan(read_stream(BytesIO(body.encode()), Path("a.txt")), push=None, way="request")
    if routes[0].request.acting:
        check(written(routes, system_of(routes)))


# --- names for which the language has no path, and a number that is all there is ---------------------


@pytest.mark.parametrize("name", ["card[number%", "../card", "card[16%]", "card'number"])
def test_a_fields_name_that_no_path_can_say_is_told(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    head = "POST https://x.example/pay HTTP/1.1\n\n"
    (tmp_path / "a.http").write_text(f"{head}{name}=4111111111111111&exp=0829")
    code, out, err = rules_new("a.http")
    assert (code, out) == (1, "")
    assert "the rules have no path for its name" in " ".join(err.split())


@pytest.mark.parametrize("way", ["request", "response"])
def test_a_number_that_is_all_of_a_document_is_found(tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.xml").write_text("<CardNum>4111111111111111</CardNum>")
    code, out, err = rules_new("a.xml", "--as", way)
    assert code == 0, err
    assert "    card: //CardNum\n    number: .  " in out
