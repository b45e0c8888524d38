"""A card goes into fields whose parents the request lacks: the processors nest them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.trial import EXAMPLE_NUMBER, try_detokenize
from gateway.codecs import open_document
from gateway.codecs.edits import apply_edits
from gateway.errors import MessageUnfit
from tests.stages.test_several_places import ALIAS, into, shape

JSON = shape(
    "format: json, card: $.source, number: card.number, "
    "expiry_month: { at: card.expiry.month, as: MM }, expiry_year: { at: card.expiry.year, as: YYYY }, "
    "holder: billing.name, token: { iduser: iduser, tokenuser: tokenuser }"
)
XML = shape(
    "format: xml, card: //payment, number: card/cardNumber, "
    'expiry_month: { at: "card/expiryDate/date/@month", as: MM }, '
    'expiry_year: { at: "card/expiryDate/date/@year", as: YYYY }, holder: card/holder/name, '
    "token: { iduser: iduser, tokenuser: tokenuser }"
)


def test_json():
    body = '{"source": {"card": {"number": "%s", "x": 1}}, "a": 1}'
    assert into(body % ALIAS, JSON) == (
        '{"source": {"card": {"number": "NUMBER", "expiry": {"month": "12", "year": "2030"}, "x": 1}, '
        '"billing": {"name": "Jane Doe"}}, "a": 1}'.replace("NUMBER", EXAMPLE_NUMBER)
    )


def test_json_with_a_pair_and_nothing_else():
    body = '{"source": {"iduser": "1", "tokenuser": "Example000001", "card": null}}'
    assert json.loads(into(body, JSON)) == {
        "source": {
            "card": {"number": EXAMPLE_NUMBER, "expiry": {"month": "12", "year": "2030"}},
            "billing": {"name": "Jane Doe"},
        }
    }


def test_xml():
    body = "<w:o xmlns:w='u'><w:payment><w:card><w:cardNumber>%s</w:cardNumber></w:card></w:payment></w:o>"
    assert into(body % ALIAS, XML) == (
        "<w:o xmlns:w='u'><w:payment><w:card><w:cardNumber>NUMBER</w:cardNumber>"
        '<w:expiryDate><w:date month="12" year="2030"></w:date></w:expiryDate>'
        "<w:holder><w:name>Jane Doe</w:name></w:holder></w:card></w:payment></w:o>".replace(
            "NUMBER", EXAMPLE_NUMBER
        )
    )


def test_xml_with_a_pair_and_nothing_else():
    body = "<payment><iduser>1</iduser><tokenuser>Example000001</tokenuser></payment>"
    assert into(body, XML) == (
        f"<payment><card><cardNumber>{EXAMPLE_NUMBER}</cardNumber>"
        '<expiryDate><date month="12" year="2030"></date></expiryDate>'
        "<holder><name>Jane Doe</name></holder></card></payment>"
    )


@pytest.mark.parametrize(
    "body",
    [
        '{"source": {"card": {"number": "%s", "expiry": "12/30"}}}',
        '{"source": {"card": {"number": "%s"}, "billing": [1]}}',
    ],
)
def test_something_else_in_the_parents_place_is_not_written_over(body):
    with pytest.raises(MessageUnfit):
        into(body % ALIAS, JSON)


PARTS = st.fixed_dictionaries(
    {"number": st.just(ALIAS)},
    optional={
        "expiry": st.one_of(
            st.none(), st.fixed_dictionaries({}, optional={"month": st.just("1"), "year": st.just("2"), "z": st.just("z")})
        ),
        "n": st.integers(0, 9),
    },
)  # fmt: skip
AROUND = st.fixed_dictionaries(
    {"card": PARTS},
    optional={"billing": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"name": st.just("x"), "o": st.just("o")}))},
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(AROUND, st.sampled_from([(",", ":"), (", ", ": ")]), st.sampled_from([None, 1]))
def test_p15_only_the_named_fields_differ(said, separators, indent):
    body = json.dumps({"source": said, "a": [1]}, separators=separators, indent=indent).encode()
    trial = try_detokenize(body, [JSON])
    assert apply_edits(body, trial.edits).body == trial.after
    said["card"]["number"] = EXAMPLE_NUMBER
    said["card"]["expiry"] = (said["card"].get("expiry") or {}) | {"month": "12", "year": "2030"}
    said["billing"] = (said.get("billing") or {}) | {"name": "Jane Doe"}
    assert json.loads(trial.after) == {"source": said, "a": [1]}
    assert open_document("json", trial.after) is not None
