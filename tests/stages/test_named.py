"""Fields that a sibling names, fields at any depth, cards in the rows of a form: both ways."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.trial import EXAMPLE_NUMBER
from gateway.codecs import open_document
from gateway.codecs.edits import apply_edits
from gateway.codecs.paths import parse_cards, parse_path
from gateway.errors import MessageForbidden, MessageUnfit
from gateway.stages.without_codes import code_names, without_codes
from tests.stages.test_several_places import ALIAS, ALIAS_2, OTHER, PAN, into, out, shape

RPC = shape(
    "format: xml, card: //struct, number: \"member[name='cc']/value/string\", "
    "cvc: \"member[name='cvc']/value/string\", expiry: { at: \"member[name='exp']/value/string\", as: MM/YYYY }, "
    "holder: \"member[name='owner']/value/string\""
)
LIST = shape(
    "format: json, card: $.payment, number: \"fields[name='cc'].value\", cvc: \"fields[name='cvc'].value\", "
    "expiry: { at: \"fields[name='exp'].value\", as: MMYY }"
)
DEEP = shape(
    "format: json, card: $..card, number: ..number, cvc: ..cvc, expiry: { at: ..expires, as: MMYY }"
)
ROWS = shape(
    'format: form, card: "cards[*]", number: "[number]", cvc: "[cvc]", '
    'expiry_month: { at: "[exp][month]", as: MM }, expiry_year: { at: "[exp][year]", as: YYYY }, holder: name'
)
ESCAPED = shape("format: form, card: $, number: card%5Bnumber%5D")


def rpc(**fields: str) -> str:
    members = "".join(
        f"<member><name>{name}</name><value><string>{text}</string></value></member>"
        for name, text in fields.items()
    )
    return f"<methodCall><params><param><value><struct>{members}</struct></value></param></params></methodCall>"


def listed(**fields: str) -> str:
    said = [{"name": name, "value": text} for name, text in fields.items()]
    return json.dumps({"payment": {"fields": said}})


def test_xml_rpc_both_ways():
    trial = out(rpc(room="12", cc=PAN, cvc="737", exp="12/2030"), RPC)
    assert trial.cards[0].failure is None
    without = rpc(room="12", cc="411111******1111", cvc="737", exp="12/2030")
    assert trial.after.decode() == without.replace("<string>737</string>", "")
    body = rpc(owner="x", exp="", cc=ALIAS, cvc="737")
    assert into(body, RPC) == rpc(owner="Jane Doe", exp="12/2030", cc=EXAMPLE_NUMBER, cvc="737")


def test_a_list_of_named_values_both_ways():
    trial = out(listed(room="12", cc=PAN, cvc="737", exp="1230"), LIST)
    assert trial.cards[0].failure is None
    assert "737" not in trial.after.decode()
    assert trial.after.decode().replace("411111******1111", PAN) == listed(
        room="12", cc=PAN, cvc="737", exp="1230"
    ).replace(', "value": "737"', "")
    assert into(listed(exp="", cc=ALIAS), LIST) == listed(exp="1230", cc=EXAMPLE_NUMBER)


@pytest.mark.parametrize("name", ["cc ", "\ncc", "c&#99;", "<![CDATA[cc]]>"])
def test_p11_the_siblings_name_may_be_spelled_otherwise(name):
    after = out(
        rpc(exp="12/2030", cc=PAN).replace("<name>cc<", f"<name>{name}<"), RPC
    ).after.decode()
    assert PAN not in after


@pytest.mark.parametrize("name", ["c<!-- -->c", "<?x y?>cc", "<b>cc</b>"])
def test_p12_a_name_that_readers_take_differently_is_refused(name):
    with pytest.raises(MessageForbidden):
        out(rpc(exp="12/2030", cc=PAN).replace("<name>cc<", f"<name>{name}<"), RPC)


def test_p13_two_fields_of_one_name_are_refused():
    twice = "<member><name>cc</name><value><string>1</string></value></member>"
    with pytest.raises(MessageForbidden):
        out(rpc(cc=PAN).replace("<struct>", f"<struct>{twice}"), RPC)
    for body in (
        '{"payment": {"fields": [{"name": "cc", "value": "%s"}, {"name": "cc", "value": ""}]}}',
        '{"payment": {"fields": [{"name": "x", "name": "cc", "value": "%s"}]}}',
        '{"payment": {"fields": [{"name": "cc", "value": "%s", "value": ""}]}}',
    ):
        with pytest.raises(MessageForbidden):
            out(body % PAN, LIST)


def test_a_field_whose_name_is_not_there_can_not_be_added():
    with pytest.raises(MessageUnfit):
        into(listed(cc=ALIAS), LIST)


def test_p21_codes_are_found_by_their_siblings_name():
    assert code_names([RPC]) == {"cvc"}
    assert b"737" not in (without_codes(rpc(cc=PAN, cvc="737").encode(), [RPC]) or b"737")
    broken = rpc(cc=PAN, cvc="737").replace("</methodCall>", "")
    assert b"737" not in (without_codes(broken.encode(), [RPC]) or b"737")


# --- at any depth -------------------------------------------------------------------------------


def test_a_card_at_any_depth_both_ways():
    def said(number: str) -> dict:
        return {
            "a": [{"b": {"card": {"x": {"number": number, "expires": "1230"}}}}, {"card": {}}],
            "n": [1, 1.0],
        }

    assert json.loads(out(json.dumps(said(PAN)), DEEP).after) == said("411111******1111")
    assert json.loads(into(json.dumps(said(ALIAS)), DEEP)) == said(EXAMPLE_NUMBER)
    assert "737" not in out('{"z": {"card": {"y": {"cvc": "737"}}}}', DEEP).after.decode()


@pytest.mark.parametrize(
    "body",
    [
        '{"a": {"card": {"number": "%s"}, "card": {}}}',
        '{"a": {"card": {"number": "%s"}}, "a": 1}',
        '{"a": 1, "a": [[{"b": {"card": {"number": "%s"}}}]]}',
        '{"card": {"x": {"number": "%s"}, "x": {}}}',
        '{"card": {"x": {"number": "%s", "number": ""}}}',
        '{"card": {"x": {"number": "%s"}, "y": {"number": ""}}}',
        '{"\\u0061": {"card": {"number": "%s"}}, "a": 1}',
    ],
)
def test_p13_a_name_twice_on_the_way_is_refused(body):
    for number in (PAN, ALIAS):
        with pytest.raises(MessageForbidden):
            out(body % number, DEEP)
        with pytest.raises(MessageForbidden):
            into(body % number, DEEP)


def test_a_name_twice_elsewhere_is_not():
    body = '{"x": 1, "x": {"y": 2}, "a": {"card": {"number": "%s", "expires": "1230"}, "z": 1, "z": 2}}'
    assert out(body % PAN, DEEP).after.decode() == body % "411111******1111"


TREES = st.recursive(
    st.integers(0, 3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=15,
)


def _named(tree, name):
    if isinstance(tree, list):
        for item in tree:
            yield from _named(item, name)
    elif isinstance(tree, dict):
        for key, inner in tree.items():
            if key == name:
                yield inner
            yield from _named(inner, name)


@settings(deadline=None, max_examples=150)
@given(TREES)
def test_what_is_found_at_any_depth_is_what_another_reader_finds(tree):
    document = open_document("json", json.dumps(tree).encode())
    found = document.select(parse_path("$..a", "json"))
    expected = list(_named(tree, "a"))
    assert len(found) == len(expected)
    for node, value in zip(found, expected, strict=True):
        if isinstance(value, int):
            assert document.text(node) == str(value)


# --- rows of a form -----------------------------------------------------------------------------


def row(index: str, number: str, **more: str) -> str:
    return "&".join(
        f"cards[{index}][{name}]={text}" for name, text in {"number": number, **more}.items()
    )


def test_each_index_is_a_card_both_ways():
    body = f"name=x&{row('0', PAN, cvc='737')}&cards[0][exp][month]=12&cards[0][exp][year]=2030&{row('b', OTHER)}"
    trial = out(body, ROWS)
    assert [(card.position, str(card.failure)) for card in trial.cards] == [
        (1, "None"),
        (2, "expiry_invalid"),
    ]
    after = trial.after.decode()
    assert PAN not in after
    assert OTHER not in after
    assert "737" not in after
    written = parse_qsl(into(f"{row('0', ALIAS)}&{row('b', '')}", ROWS), keep_blank_values=True)
    assert dict(written) == {
        "cards[0][number]": EXAMPLE_NUMBER, "cards[0][exp][month]": "12", "cards[0][exp][year]": "2030",
        "name": "Jane Doe", "cards[b][number]": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["cards%5B0%5D%5Bnumber%5D", "cards%5b0][number%5D", "c%61rds[0][number]"]
)
def test_p11_escaped_names_are_the_same_names(name):
    assert PAN not in out(f"{name}={PAN}", ROWS).after.decode()
    for spelled in ("card[number]", "card%5Bnumber%5D", "c%61rd%5bnumber]"):
        assert PAN not in out(f"{spelled}={PAN}", ESCAPED).after.decode()


@pytest.mark.parametrize(
    "body",
    [
        f"cards[][number]={PAN}", f"cards[ ][number]={PAN}", f"cards[0][number]={PAN}&cards[0][number]=1",
        f"cards[0][number]={PAN}&cards[0][number][x]=1", f"cards=1&cards[0][number]={PAN}",
    ],
)  # fmt: skip
def test_p14_rows_that_readers_put_together_differently_are_refused(body):
    with pytest.raises(MessageForbidden):
        out(body, ROWS)


def test_two_names_for_two_cards_are_refused():
    """One name is the whole form's: written twice it would be one card's."""
    with pytest.raises(MessageUnfit):
        into(f"name=x&{row('0', ALIAS)}&{row('1', ALIAS_2)}", ROWS)


INDEX = st.text(st.sampled_from("01a"), min_size=1, max_size=2)
NAMES = st.tuples(INDEX, st.sampled_from(["number", "cvc", "exp", "n"]))


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(NAMES, st.sampled_from(["", PAN, "****1111"]), max_size=6), st.booleans())
def test_p15_only_the_named_pairs_change(said, escaped):
    names = {f"cards[{index}][{name}]": text for (index, name), text in said.items()}
    body = "&".join(
        f"{quote(name, safe='' if escaped else '[]')}={text}" for name, text in names.items()
    ).encode()
    document = open_document("form", body)
    cards = document.select(parse_cards("cards[*]", "form"))
    assert len(cards) == len({index for index, _ in said})
    trial = out(body.decode(), ROWS)
    assert apply_edits(body, trial.edits).body == trial.after
    left = dict(parse_qsl(trial.after.decode(), keep_blank_values=True))
    for name, text in names.items():
        if name.endswith(("[n]", "[exp]")):
            assert left[name] == text
        elif name.endswith("[number]"):
            assert left[name] == text.replace(PAN, "411111******1111")
