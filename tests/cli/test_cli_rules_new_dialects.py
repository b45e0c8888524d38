"""`card-gateway rules new`: dialects that name nothing: EDIFACT, ISO 8583, TSYS, columns, bytes; what is proposed, or why not."""

from __future__ import annotations

import json

import pytest

from gateway.cards.scan import find_cards
from gateway.cli.proposal import iso8583
from gateway.cli.proposal.segments import segments
from gateway.cli.trying import try_message
from gateway.rules.load import load_pack_text
from tests.cli.proposals import rules_new

NUMBER, OTHER = "4242424242424242", "5105105105105100"
POST = "POST https://pay.example/a HTTP/1.1\n\n"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("text", "a.txt")` answers (exit code, stdout, stderr); nothing of a number is in them."""
    monkeypatch.chdir(tmp_path)

    def invoke(text, name="a.txt"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        code, out, err = rules_new(name)
        assert NUMBER not in out + err
        assert OTHER not in out + err
        return code, out, " ".join(err.split())

    return invoke


HEAD = "UNB+IATB:1+1A+HT+261101:1200+0001'UNH+1+HOTRES:93:1:IA'"
EDIFACT = {
    "in one line": (
        f"{HEAD}FOP+CC:::VI:{NUMBER}:1227'UNT+3+1'UNZ+1+0001'",
        ("FOP+CC:{*}:{*}:{*}:{}:", "FOP+CC:{*}:{*}:{*}:{*}:{}'"),
        1,
    ),
    "a segment in each line": (
        f"{HEAD}FOP+CC:::VI:{NUMBER}:1227'UNT+3+1'".replace("'", "'\n"),
        ("FOP+CC:{*}:{*}:{*}:{}:", "FOP+CC:{*}:{*}:{*}:{*}:{}'"),
        1,
    ),
    "its expiry in a date's segment": (
        f"UNA:+.? '\n{HEAD}FII+CC+{NUMBER}:X'DTM+36:203012:610'UNT+4+1'",
        ("FII+CC+{}:", "DTM+36:{}:"),
        1,
    ),
    "other separators": (
        f"UNA|~.? #UNB~IATB|1~1A#UNH~1#FOP~CC|120|VI|{NUMBER}|1227#UNT~3~1#",
        ("FOP~CC|{*}|{*}|{}|", "FOP~CC|{*}|{*}|{*}|{}#"),
        1,
    ),
    "two cards": (
        f"{HEAD}FOP+CC:3:1.50:VI:{NUMBER}:1227'TIF+A+B'FOP+CC:3:9.00:CA:{OTHER}:0128'UNT+5+1'",
        ("FOP+CC:{*}:{*}:{*}:{}:", "FOP+CC:{*}:{*}:{*}:{*}:{}'"),
        2,
    ),
}


@pytest.mark.parametrize("what", EDIFACT)
def test_p15_the_separators_in_front_of_a_value_are_its_path(new, what):
    text, (number, expiry), cards = EDIFACT[what]
    code, out, err = new(text)
    assert code == 0, err
    assert "example did not come out" not in err
    pack = load_pack_text(out, "edifact")
    (shape,) = pack.shapes.values()
    assert (shape.number.at.text, shape.expiry.at.text) == (number, expiry)
    _, trial = try_message(pack.routes[0], "response", text.encode())
    assert [one.failure for one in trial.cards] == [None] * cards
    assert not find_cards(trial.after)


def test_p16_a_name_in_a_segment_is_in_no_path(new):
    code, out, err = new(f"{HEAD}FII+IDA MOE+CC+{NUMBER}:X'UNT+3+1'")
    assert code == 0, err
    assert 'number: "FII+{*}+{*}+{}:"' in out
    assert "IDA" not in out + err


@pytest.mark.parametrize(
    "segment",
    [
        "FOP+CC:?'x:VI:@:1227'",  # a sign that is released is no separator, and no path can say so
        "FOP+CC:VI:@:1227'FOP+CC:CA:X:9'",  # a path that leads to two places
        "FOP+CC:VI:@:1227'FII+CC+@:X'",  # two cards in two segments: whose is what?
    ],
)
def test_p16_edifact_that_no_path_leads_to_is_told(new, segment):
    code, out, err = new(HEAD + segment.replace("@", NUMBER, 1).replace("@", OTHER) + "UNT+3+1'")
    assert (code, out) == (1, "")
    assert "it is EDIFACT. A card's number stands in its segment FOP, in line 1, column" in err
    assert "the separators in front of the number are its path" in err


def test_what_is_no_edifact_has_no_segments():
    assert not segments("UNBELIEVABLE+1'")
    assert not segments("FOP+CC:1'")
    assert [one.tag for one in segments("UNA:+.? 'UNB+A'UNH+1'")] == ["UNB", "UNH"]


# --- ISO 8583 ---------------------------------------------------------------------------------------

NUMBERED = {
    "JSON": (
        json.dumps({"MTI": "0200", "2": NUMBER, "3": "000000", "14": "2712", "22": "012", "49": "978"}),
        ("['2']", "['14']"),
    ),
    "JSON, its type elsewhere": (
        json.dumps({"mti": "0100", "fields": {"DE002": NUMBER, "DE003": "000000", "DE014": "2712", "DE022": "012"}}),
        ("DE002", "DE014"),
    ),
    "JSON, without its type": (
        json.dumps({"f2": NUMBER, "f3": "000000", "f4": "000000001000", "f14": "2712", "f49": "978"}),
        ("f2", "f14"),
    ),
    "elements": (
        f"<iso><mti>0200</mti><f2>{NUMBER}</f2><f3>000000</f3><f14>2712</f14><f22>012</f22></iso>",
        ("f2", "f14"),
    ),
    "as jPOS writes it": (
        f'<isomsg><field id="0" value="0200"/><field id="2" value="{NUMBER}"/><field id="3" value="000000"/><field id="14" value="2712"/><field id="22" value="012"/></isomsg>',
        ("field[@id='2']/@value", "field[@id='14']/@value"),
    ),
    "printed": (
        f"0200 | 2: {NUMBER} | 3: 000000 | 4: 000000010000 | 14: 2712 | 22: 012 |",
        ("2: {} | ", "14: {} | "),
    ),
    "printed in lines": (
        f"000=[0200]\n002=[{NUMBER}]\n003=[000000]\n014=[2712]\n022=[012]\n",
        ("002=[{}]", "014=[{}]"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NUMBERED)
def test_p15_data_elements_are_known_by_their_numbers(new, what):
    """`14` is no code, and `22` is none either."""
    text, (number, expiry) = NUMBERED[what]
    code, out, err = new(text)
    assert code == 0, err
    (shape,) = load_pack_text(out, "iso").shapes.values()
    assert (shape.number.at.text, shape.expiry.at.text) == (number, expiry)
    assert shape.cvc is None
    assert "as: YYMM" in out


@pytest.mark.parametrize(
    ("named", "numbered"),
    [
        ({"2": "x", "3": "000000", "4": "100"}, True),
        ({"2": "x", "0": "0200", "3": "000000"}, True),
        ({"2": "x", "Message-Type": "0200", "4": "100"}, True),
        ({"2": "x", "0": "0200", "14": "2712"}, False),
        ({"2": "x", "3": "Ida", "4": "100"}, False),
        ({"3": "000000", "4": "100", "0": "0200"}, False),
        ({"1": "x", "2": "y"}, False),
        ({"2": "x", "0": "9999"}, False),
    ],
)
def test_a_bare_number_is_a_name_only_beside_others_of_such_a_message(named, numbered):
    assert iso8583.is_numbered(named.items()) is numbered


# --- where nothing is proposed ----------------------------------------------------------------------

FS = "\x1c"
DUMP = "00000000  30 32 30 30 34 32 34 32  34 32 34 32 34 32 34 32  |0200424242424242|\n"
WHY = {
    "TSYS": (
        f"\x02D4.999988888100298@{NUMBER}{FS}1228{FS}{FS}1000{FS}\x03",
        "number stands in line 1, column 21 of its body, but control signs (FS, GS) divide the fields",
        "interface in XML, JSON or as a form",
    ),
    "ISO 8583 over the line": (
        f"02007024040020C0900016{NUMBER}000000000000010000",
        "it is ISO 8583, whose fields have no names and no fixed places; what could be a card's number stands in line 1, column",
        "The gateway takes HTTP alone",
    ),
    "one line of columns": (
        f"AUTH0001  {NUMBER}   1227000000010000USD",
        "stands in line 1, column 11 of its body, and nothing near it says that it is one",
        'Record two lines of it or more, which show where a column begins; or, where all are as this one, write a shape with `format: text` (docs/rules.md, Plain text): `number: "^{*10}{19}"`',
    ),
    "digits without an end": (
        f"HDR20261101\nDTL0000001{NUMBER}0000000100\nTRL01\n",
        "in line 2, column 11 of its body so many digits stand in a row",
        '`number: "^{*10}{16}"` begins there',
    ),
    "JSON that stops": (
        f'{{"card":{{"number":"{NUMBER}" "cvc":"123"}}}}',
        "its JSON stops at line 1, column 38: expecting ',' delimiter (a card's number stands in line 1, column 20 of its body)",
        "Have that mended",
    ),
    "XML that stops": (
        f"<a><card><number>{NUMBER}</number><cvv>1</card></a>",
        "its XML stops at line 1",
        "Have that mended",
    ),
    "a page": (
        f"<!DOCTYPE html><html><p>{NUMBER}<br></p></html>",
        "it is an HTML page, with a card's number in line 1, column 25 of its body",
        "masked by the guard",
    ),
    "bytes": (
        b"\n\x10" + NUMBER.encode() + b"\x1a\x03123",
        "it is binary",
        "interface in XML, JSON or as a form",
    ),
    "a stripe": (
        f'{{"txn": {{"track2": "{NUMBER}=30121011000012345678"}}}}',
        "$.txn.track2: what a card's magnetic stripe says stands there",
        "without the stripe",
    ),
    "a hex dump": (DUMP, "it is a hex dump, not what goes over the line", "xxd -r"),
    "words": (
        f"Zelda ({NUMBER}) pays",
        "a card's number stands in line 1, column 8 of its body, but it is no XML",
        "write a shape with `format: text`",
    ),
    "nothing at all": ("hello", "and no card's number was seen in it", "Record the message itself"),
}  # fmt: skip


@pytest.mark.parametrize("what", WHY)
def test_p16_every_reason_says_where_and_what_to_do(new, what):
    text, why, action = WHY[what]
    code, out, err = new(POST.encode() + text if isinstance(text, bytes) else POST + text)
    assert (code, out) == (1, "")
    assert why in err
    assert action in err
    assert "Zelda" not in err


def test_a_coding_that_can_not_be_undone_is_said_once(new):
    head = "POST /a HTTP/1.1\r\nHost: pay.example\r\nContent-Encoding: gzip\r\n\r\n"
    code, _, err = new(head.encode() + b"\x1f\x8bbroken", "a.http")
    assert code == 1
    assert "its content coding can not be undone. Record it without" in err
    assert "no card's number was seen" not in err
