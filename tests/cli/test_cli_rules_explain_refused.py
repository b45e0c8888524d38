"""`card-gateway rules explain` of a body that is malformed or forbidden: which construct, at which line and column."""

from __future__ import annotations

import pytest

from gateway.cards.scan import find_cards
from tests.cli.rules_command import NUMBER, rules  # noqa: F401  # a fixture

PACK = """\
system: refusing
about: Each format
source: none
shapes:
  xml: { format: xml, booking: //Res, card: .//Card, number: "@nr", expiry: { at: Exp, as: MMYY }, cvc: ["@cvc", Cvc], holder: Name }
  json: { format: json, booking: "$.res[*]", card: card, number: nr, expiry: { at: exp, as: MMYY }, cvc: [cvc, code] }
  again: { format: json, booking: "$.res[*]", card: card, number: [no_card, nr] }
  form: { format: form, card: $, number: nr, expiry: { at: exp, as: MMYY } }
  text: { format: text, card: $, number: "No: {}", expiry: { at: "Exp: {}", as: MMYY } }
  parts: { format: multipart, card: $, number: nr, expiry: { at: exp, as: MMYY } }
  inside: { envelope: { format: json, at: $.xml }, format: xml, card: //Card, number: "@nr", expiry: { at: Exp, as: MMYY } }
routes:
  - { name: xml, to: "https://x.example/xml", methods: [GET], response: { tokenize: xml } }
  - { name: named, to: "https://x.example/named", methods: [GET], doctype: allow, response: { tokenize: xml } }
  - { name: json, to: "https://x.example/json", methods: [GET], response: { tokenize: json } }
  - { name: twice, to: "https://x.example/twice", methods: [GET], response: { tokenize: [json, again] } }
  - { name: form, to: "https://x.example/form", methods: [GET], response: { tokenize: form } }
  - { name: text, to: "https://x.example/text", methods: [GET], response: { tokenize: text, header: X-T } }
  - { name: parts, to: "https://x.example/parts", methods: [GET], response: { tokenize: parts } }
  - { name: inside, to: "https://x.example/inside", methods: [GET], response: { tokenize: inside } }
"""
CARD = f'<Card nr="{NUMBER}"><Exp>1230</Exp></Card>'
DTD = '<!DOCTYPE r SYSTEM "http://x.example/r.dtd">'

MALFORMED = {
    "an end tag": ("xml", f"<r>\n <Res>{CARD}</Rez>\n</r>", "its XML stops at line 2, column", "expected the end tag of the element that was opened last"),
    "cut off": ("xml", f"<r>\n<Res>{CARD}", "its XML stops at line 2, column", "the body ends within an element"),
    "an ampersand": ("xml", f"<r><Res>{CARD}\n<Name>Moe & Sons</Name></Res></r>", "its XML stops at line 2, column", "of a bare `&` make `&amp;`"),
    "an entity": ("xml", f"<r><Res>{CARD}\n<Name>M&ouml;</Name></Res></r>", "its XML stops at line 2, column", "this one nothing declares"),
    "a prefix": ("xml", f"<r>\n<x:Res>{CARD}</x:Res></r>", "its XML stops at line 2, column", "a prefix that is declared"),
    "no quote": ("xml", f"<r><Res a=1>{CARD}</Res></r>", "its XML stops at line 1, column", "a quote before an attribute's value"),
    "behind the end": ("xml", f"<r><Res>{CARD}</Res></r>\n<r/>", "its XML stops at line 2, column 1", "behind the outermost element"),
    "no XML": ("xml", f"{NUMBER}", "its XML stops at line 1, column 1", "expected an element"),
    "below a line": ("xml", f"\n\n<r><Res>{CARD}</Rez></r>", "its XML stops at line 3, column", "end tag"),
    "no comma": ("json", f'{{"res": [{{"card": {{"nr": "{NUMBER}"\n "exp": "1230"}}}}]}}', "its JSON stops at line 2, column 2", "expecting ',' delimiter"),
    "JSON cut off": ("json", f'{{"res": [{{"card": {{"nr": "{NUMBER}", "exp', "its JSON stops at line 1, column 46", "unterminated string"),
    "no UTF-8": ("json", f'{{"res": [{{"card": {{"nr": "{NUMBER}", "exp": "M\xf6"}}}}]}}'.encode("latin-1"), "its JSON stops at line 1, column", "expected UTF-8"),
    "UTF-16": ("json", '{"res": []}'.encode("utf-16"), "its encoding", "UTF-8"),
    "a percent sign": ("form", f"nr={NUMBER}&exp=12%2", "its form stops at line 1, column 27", "two hexadecimal digits behind `%`"),
    "a form in ISO-8859-1": ("form", f"nr={NUMBER}&exp=%f6", "its form is not in UTF-8", "UTF-8"),
    "no boundary": ("parts", f"nr={NUMBER}", "expected parts between boundaries", "Content-Disposition"),
    "within": ("inside", '{"xml": "<r><Card nr=\\"1\\">\\n</r>"}', "in the text at `$.xml`, its XML stops at line 2, column", "end tag"),
}  # fmt: skip


@pytest.fixture
def explain(rules, tmp_path):  # noqa: F811
    """`explain("json", body)` answers (exit code, all that was said), and has looked for cards in it."""
    (tmp_path / "rules" / "refusing.yaml").write_text(PACK)

    def invoke(route: str, body: str | bytes) -> tuple[int, str]:
        (tmp_path / "body").write_bytes(body if isinstance(body, bytes) else body.encode())
        code, out, err = rules("explain", "--route", f"refusing/{route}", "body")
        assert not find_cards((out + err).encode())
        return code, " ".join((out + err).split())

    return invoke


@pytest.mark.parametrize("what", MALFORMED)
def test_p16_it_says_where_a_body_stops_and_what_was_expected(explain, what):
    route, body, where, expected = MALFORMED[what]
    code, said = explain(route, body)
    assert code == 1
    assert "Refused (message_malformed)" in said
    assert where in said
    assert expected in said
    assert "card-gateway rules explain" not in said  # it is what is running
    for secret in ("Moe", "ouml", "Rez"):
        assert secret not in said


FORBIDDEN = {
    "a DTD": ("xml", f"\n{DTD}\n<r><Res>{CARD}</Res></r>", "line 2, column 1: a DTD.", "`doctype: allow`"),
    "entities": ("xml", f'<!DOCTYPE r [<!ENTITY e "x">]>\n<r><Res>{CARD}</Res></r>', "line 1, column 1: a DTD with declarations", "sent without"),
    "an entity of a DTD": ("named", f"{DTD}\n<r><Res>{CARD}</Res>&x;</r>", "line 2, column", "an entity that only the DTD declares"),
    "entities of a DTD that may be named": ("named", f'<!DOCTYPE r SYSTEM "r" [<!ENTITY e "x">]>\n<r><Res>{CARD}</Res></r>', "line 1, column 1: a DTD with declarations", "sent without"),
    "an XInclude": ("xml", f'<r xmlns:i="http://www.w3.org/2001/XInclude"><Res>{CARD}</Res>\n<i:include href="x"/></r>', "line 2, column 1: an XInclude", "fetch"),
    "an encoding": ("xml", f'<?xml version="1.0" encoding="Shift_JIS"?><r><Res>{CARD}</Res></r>', "its encoding", "ISO-8859"),
    "depth": ("xml", "<r>" + "<a>" * 300 + f"<Res>{CARD}</Res>" + "</a>" * 300 + "</r>", "line 1, column", "nested too deep"),
    "a comment in a field": ("xml", f'<r><Res>\n<Card nr="{NUMBER}"><Exp>12<!-- -->30</Exp></Card></Res></r>', "line 2, column", "`expiry` (`Exp`) holds more than a text"),
    "two names": ("xml", f'<r><Res><Card nr="{NUMBER}"><Exp>1230</Exp>\n<Exp>1130</Exp></Card></Res></r>', "line 2, column 6: `expiry` (`Exp`) leads to 2 places", "which is meant?"),
    "two codes": ("xml", f'<r><Res><Card nr="{NUMBER}" cvc="123"><Exp>1230</Exp>\n<Cvc>987</Cvc></Card></Res></r>', "line 2, column 6: `cvc`", "two that differ"),
    "a name twice": ("json", f'{{"res": [{{"card": {{"nr": "{NUMBER}", "exp": "1230",\n "nr": "1"}}}}]}}', "line 2, column 2: a name that stands in its object already", "nobody knows which"),
    "a name twice, escaped": ("json", f'{{"res": [{{"card": {{"nr": "{NUMBER}",\n "n\\u0072": "1"}}}}]}}', "line 2, column 2: a name that stands", "nobody knows which"),
    "brackets": ("json", "[" * 70 + "]" * 70, "line 1, column 65: brackets in brackets", "64 deep"),
    "two codes in JSON": ("json", f'{{"res": [{{"card": {{"nr": "{NUMBER}", "exp": "1230", "cvc": "123",\n "code": "987"}}}}]}}', "line 2, column", "two that differ"),
    "a card of two shapes": ("twice", f'{{"res": [{{"card":\n {{"nr": "{NUMBER}", "exp": "1230"}}}}]}}', "line 2, column 10: the shapes `json` and `again` both find", "own_card: true"),
    "a pair twice": ("form", f"nr={NUMBER}&exp=1230&nr=1", "line 1, column 30: `nr` stands in the form a second time", "second time"),
    "a zero byte": ("text", f"No: {NUMBER}\n\0", "zero byte", "UTF-16"),
    "two places in a text": ("text", f"No: {NUMBER}\nExp: 1230\nExp: 1129\n", "line 3, column 6: `expiry`", "which is meant?"),
    "a header twice": ("parts", f"--x\r\nContent-Disposition: form-data; name=nr\r\ncontent-disposition: x\r\n\r\n{NUMBER}\r\n--x--\r\n", "a header twice", "two ways"),
    "within": ("inside", '{"xml": "<!DOCTYPE r [<!ENTITY e \\"x\\">]><r/>"}', "in the text at `$.xml`, line 1, column 1: a DTD with declarations", "sent without"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORBIDDEN)
def test_p16_it_names_what_is_forbidden_and_where(explain, what):
    route, body, where, more = FORBIDDEN[what]
    code, said = explain(route, body)
    assert code == 1
    assert "Refused (message_forbidden)" in said
    assert where in said
    assert more in said


def test_a_body_that_is_read_says_none_of_it(explain):
    for route, body in (
        ("xml", f"<r><Res>{CARD}</Res></r>"),
        ("json", f'{{"res": [{{"card": {{"nr": "{NUMBER}", "exp": "1230"}}}}]}}'),
        ("form", f"nr={NUMBER}&exp=1230"),
    ):
        code, said = explain(route, body)
        assert code == 0, said
        for word in ("stops at", "which is meant", "a second time", "stands in its object"):
            assert word not in said
