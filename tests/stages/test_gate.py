"""The gate says "nothing here" only where looking would find nothing, and would refuse nothing."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import random

import pytest

from gateway.codecs.document import Known
from gateway.codecs.envelope import open_layout
from gateway.codecs.paths import parse_path
from gateway.errors import GatewayError
from gateway.rules.load import load_pack_text
from gateway.rules.model_directions import Direction, Harmless, Tokenize
from gateway.stages import gate
from gateway.stages.reading import read_bookings, read_not_cards

ROOT = pathlib.Path(__file__).parent.parent.parent
CORPUS = ROOT / "tests" / "corpus"
CARD = "4111111111111111"


def rule(shape, more=""):
    text = f"""
system: test
about: test
source: test
shapes:
  card: {shape}
routes:
  - name: one
    to: https://example.com/**
    methods: [POST]
    response: {{ tokenize: card {more} }}
"""
    return load_pack_text(text, "test.yaml").routes[0].response


OTA = rule(
    "{ format: xml, booking: //HotelReservation, card: .//PaymentCard, number: '@CardNumber',"
    " expiry: { at: '@ExpireDate', as: MMYY }, cvc: '@SeriesCode' }"
)
FEED = rule(
    "{ format: json, booking: '$.data[*].attributes', card: guarantee, number: card_number,"
    " expiry: { at: expires, as: MM/YYYY }, cvc: cvv }"
)
DEEP = rule("{ format: json, card: $..guarantee, number: card_number }")
PAYMENT = rule("{ format: json, card: $, number: card.number, cvc: cvc }")
FIELDS = rule("{ format: form, card: $, number: card_number, cvc: cvc }")
ROWS = rule("{ format: form, card: 'cards[*]', number: '[number]' }")
GUEST = rule(
    "{ format: xml, booking: //reservation, card: .//customer, number: cc_number, cvc: cc_cvc }"
)
RESULT = rule("{ format: json, card: $.result, number: cc.number, cvc: cvc }")
LISTED = rule("{ format: json, booking: '$.data[*]', card: 'cards[*]', number: number }")
RULES = {
    "guest": GUEST,
    "result": RESULT,
    "listed": LISTED,
    "ota": OTA,
    "feed": FEED,
    "deep": DEEP,
    "payment": PAYMENT,
    "fields": FIELDS,
    "rows": ROWS,
}


def holds_nothing(direction, body):
    return gate.holds_nothing(direction, body, Known())


def ordinary(direction, body):
    """What looking for cards comes to: how many places there are, or why the message is refused."""
    shapes = direction.tokenize.shapes
    try:
        document = open_layout(shapes[0].layout, body)
        digits = {one for shape in shapes for one in read_not_cards(document, shape)}
        bookings = read_bookings(document, shapes, "test")
    except GatewayError as error:
        return error.code
    return sum(len(booking.cards) for booking in bookings) + len(digits)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("ota", '<a><HotelReservation><Guest n="Ana &amp; Li"/><!-- no card --></HotelReservation></a>'),
        ("ota", '<?xml version="1.0" encoding="ISO-8859-1"?><a>' + "<b>x</b>" * 300 + "</a>"),
        ("feed", json.dumps({"data": [{"attributes": {"notes": "caf\u00e9", "n": 1e3}}] * 40})),
        ("feed", json.dumps({"data": []})),
        ("feed", '{"data": [{"attributes": {"guarantee": null}}, {"attributes": {"guarantee": {}}}]}'),
        ("guest", "<a><reservation><customer><n>Ana</n></customer></reservation><reservation></reservation></a>"),
        ("result", '{"result": {"id": 1, "cc": {"id": 2}}}'),
        ("result", '{"result": null}'),
        ("listed", '{"data": [{"cards": []}, {"cards": [{"id": 1}, null]}, 7]}'),
        ("feed", '{"data": {"attributes": {"u": "https:\\/\\/example.com"}}}'),
        ("deep", "[1, 2]"),
        ("payment", '{"amount": 10, "card": {"id": "x"}}'),
        ("fields", "a=1&&b=two+words&c=%C3%A9&d"),
        ("rows", "a[0][number]=1"),
    ],
)  # fmt: skip
def test_p15_most_messages_without_a_card_are_told_by_their_names(name, body):
    assert holds_nothing(RULES[name], body.encode())
    assert ordinary(RULES[name], body.encode()) == 0


OBJECT = '{"data": [{"attributes": {"guarantee": {"card_number": "4111111111111111"}}}]}'


@pytest.mark.parametrize(
    ("name", "body", "outcome"),
    [
        ("ota", f'<a><p:PaymentCard xmlns:p="u" CardNumber="{CARD}"/></a>', 1),
        ("ota", '<a><HotelReservation><PaymentCard SeriesCode="737"/></HotelReservation></a>', 1),
        ("ota", f'<a><b n="{CARD}"></a>', "message_malformed"),
        ("ota", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "message_forbidden"),
        ("ota", "<a>" * 300 + "</a>" * 300, "message_forbidden"),
        ("ota", '<a xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="b"/></a>', "message_forbidden"),
        ("feed", OBJECT, 1),
        ("feed", OBJECT.replace("guarantee", "\\u0067uarantee"), 1),
        ("feed", OBJECT.replace("guarantee", "g\\u0075arantee"), 1),
        ("feed", '{"data": [], "data": []}', "message_forbidden"),
        ("feed", '{"data": [{"attributes": 1, "attributes": 2}]}', "message_forbidden"),
        ("feed", '{"data": [{"attributes": 1, "\\u0061ttributes": 2}]}', "message_forbidden"),
        ("feed", '{"a": NaN}', "message_forbidden"),
        ("feed", '{"a": "\\ud800"}', "message_forbidden"),
        ("feed", "[" * 65 + "]" * 65, "message_forbidden"),
        ("feed", '{"a":' * 65 + "1" + "}" * 65, "message_forbidden"),
        ("feed", f'{{"a": "{CARD}"', "message_malformed"),
        ("feed", '{"a": 1}]' + ",[[]]" * 70 + ",[1", "message_malformed"),
        ("feed", "", "message_malformed"),
        ("guest", f"<reservation><customer><cc_number>{CARD}</cc_number></customer></reservation>", 1),
        ("guest", "<reservation><customer><cc_cvc>737</cc_cvc></customer></reservation>", 1),
        ("guest", "<reservation><reservation><customer/></reservation></reservation>", "message_forbidden"),
        ("guest", "<r><reservation><?p </reservation ?><reservation><customer/></reservation><?p <reservation ?></reservation></r>", "message_forbidden"),
        ("result", f'{{"result": "{CARD}"}}', 1),
        ("result", f'{{"result": {{}}, "a": {{"result": "{CARD}"}}}}', 1),
        ("result", f'{{"a": {{"result": "{CARD}"}}}}', 1),
        ("result", f'{{"a": {{"result": {CARD}}}}}', 1),
        ("result", '{"result": {"cc": 1, "cc": 2}}', "message_forbidden"),
        ("listed", f'{{"data": [{{"cards": ["{CARD}"]}}]}}', "message_forbidden"),
        ("listed", f'{{"data": [{{"cards": "{CARD}"}}]}}', 1),
        ("listed", f'{{"data": [{{"cards": [{{}}]}}], "cards": "{CARD}"}}', 1),
        ("payment", f'["{CARD}"]', "message_forbidden"),
        ("payment", f'"{CARD}"', 1),
        ("payment", '{"cvc": "737"}', 1),
        ("payment", '{"card": 1, "card": 2}', "message_forbidden"),
        ("fields", f"card_number={CARD}", 1),
        ("fields", f"card%5Fnumber={CARD}", 1),
        ("fields", "a=1&b%zz=2", "message_malformed"),
        ("fields", "a=1&b%ff=2", "message_malformed"),
        ("fields", "&" * 10_001, "message_forbidden"),
        ("rows", f"cards[0][number]={CARD}", 1),
        ("rows", f"card%73[0][number]={CARD}", 1),
        ("rows", "cards[][number]=1", "message_forbidden"),
    ],
)  # fmt: skip
def test_p12_p13_p14_what_holds_something_or_is_refused_goes_the_ordinary_way(name, body, outcome):
    assert ordinary(RULES[name], body.encode()) == outcome
    assert not holds_nothing(RULES[name], body.encode())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_p12_a_name_in_another_encoding_is_not_missed(encoding):
    text = f'\ufeff<a><HotelReservation><PaymentCard CardNumber="{CARD}"/></HotelReservation></a>'
    assert ordinary(OTA, text.encode(encoding)) == 1
    assert not holds_nothing(OTA, text.encode(encoding))


@pytest.mark.parametrize(
    "shape",
    [
        "{ format: xml, card: .//Card, number: '@n', not_cards: [//Other] }",
        "{ format: xml, booking: \"//b[kind='x']\", card: .//Card, number: '@n' }",
        "{ format: json, booking: $..rooms, card: guarantee, number: number }",
        "{ format: multipart, card: $, number: number }",
        "{ format: text, card: $, number: 'Card number: {}' }",
        "{ format: json, booking: $.data.*, card: guarantee, number: number }",
        "{ format: json, card: $.card.*, number: number }",
        "{ format: xml, booking: //reservations/*, card: guest, number: number }",
        "{ format: json, card: $, number: card.number, envelope: [{ format: form, at: x }] }",
        "{ format: text, card: $, number: 'Card: {}' }",
        "{ format: json, card: '$.cards.*', number: number }",
        "{ format: json, card: '$.a.*.card', number: number }",
        "{ format: xml, card: '//cards/*', number: number }",
    ],
)
def test_a_rule_that_is_not_all_names_has_no_gate(shape):
    assert not gate.gates_of(rule(shape))


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (
            "{ format: json, card: $.c, number: \"['card/number']\" }",
            r'{"c": {"card\/number": "CARD"}}',
        ),
        ('{ format: json, card: $.c, number: n1, cvc: "[\'a\\"b\']" }', r'{"c": {"a\"b": "123"}}'),
        ("{ format: json, card: \"$['x/y']\", number: n1 }", r'{"x\/y": {"n1": "CARD"}}'),
        ("{ format: json, card: \"$['x/y'].c\", number: n1 }", r'{"x\/y": {"c": {"n1": "CARD"}}}'),
        ("{ format: json, card: '$.имя', number: n1 }", r'{"\u0438\u043c\u044f": {"n1": "CARD"}}'),
        ("{ format: json, card: '$.имя', number: n1 }", r'{"имя": {"n1": "CARD"}}'),
    ],
)
def test_p03_a_name_that_json_spells_in_two_ways_is_not_missed(shape, body):
    direction, message = rule(shape), body.replace("CARD", CARD).encode()
    assert ordinary(direction, message) == 1
    assert not holds_nothing(direction, message)


def test_a_booking_whose_name_is_no_ascii_is_looked_into():
    nested = '<?xml version="1.0" encoding="windows-1251"?><Бронь><Бронь><Card/></Бронь></Бронь>'
    direction = rule("{ format: xml, booking: //Бронь, card: .//Card, number: '@n' }")
    assert ordinary(direction, nested.encode("windows-1251")) == "message_forbidden"
    assert not holds_nothing(direction, nested.encode("windows-1251"))


def test_a_word_that_the_gate_does_not_know_closes_it(monkeypatch):
    assert gate.gates_of(OTA)
    more = tuple(one for one in dataclasses.fields(Tokenize) if one.name == "header")
    monkeypatch.setattr(gate, "_MORE_OF_TOKENS", more)
    assert gate.gates_of(OTA)
    assert not gate.gates_of(rule_with_header())
    beside = tuple(one for one in dataclasses.fields(Direction) if one.name == "harmless")
    monkeypatch.setattr(gate, "_MORE_BESIDE", beside)
    said = dataclasses.replace(OTA, harmless=(Harmless("xml", (parse_path("//a", "xml"),)),))
    assert not gate.gates_of(said)


def rule_with_header():
    return dataclasses.replace(OTA, tokenize=dataclasses.replace(OTA.tokenize, header="X-Tokens"))


def test_each_word_of_a_rule_is_known_or_closes_the_gate():
    """A word that is new in the language closes the gate until somebody has thought of it here."""
    assert {one.name for one in gate._MORE_OF_A_CARD} == {
        "envelopes",
        "not_cards",
        "own_card",
        "more_bookings",
    }
    assert {one.name for one in gate._MORE_OF_TOKENS} == {"carry_forward"}
    assert {one.name for one in gate._MORE_BESIDE} == {"by_format"}


def test_p13_as_many_levels_as_the_codec_takes():
    """The parser's own limit is filled up: if it ever takes more or fewer levels, this tells."""
    for levels, few in ((64, 0), (64, 70), (65, 0), (65, 70)):
        body = b"[" * levels + b"]" * levels
        if few:
            body = b"[" + b"[]," * few + body[1:]
        assert holds_nothing(DEEP, body) is (levels == 64)
        assert (ordinary(DEEP, body) == 0) is (levels == 64)


def test_p13_a_list_longer_than_the_codec_takes():
    for count in (99_999, 100_001):
        body = b'{"data": [' + b",".join([b"1"] * count) + b"]}"
        assert holds_nothing(FEED, body) is (count < 100_000)
        assert (ordinary(FEED, body) == 0) is (count < 100_000)


def test_what_is_larger_is_looked_through_in_short_steps():
    body = b"<a>" + b" " * gate.MOST + b"</a>"
    assert ordinary(OTA, body) == 0
    assert not holds_nothing(OTA, body)
    assert holds_nothing(OTA, b"<a>" + b" " * (gate.MOST - 7) + b"</a>")


def test_p16_no_string_of_a_message_is_kept_by_the_parser(monkeypatch):
    """The parser can keep short strings for the next message, for the whole process."""
    told = []
    real = gate.from_json
    monkeypatch.setattr(
        gate, "from_json", lambda body, **how: told.append(how) or real(body, **how)
    )
    for count in (1, 40):
        assert holds_nothing(FEED, json.dumps({"data": [{"a": CARD}] * count}).encode())
    assert [how["cache_strings"] for how in told] == ["none", "none"]
    one, other = (real(b'["remark"]', cache_strings="none")[0] for _ in range(2))
    assert one == other
    assert one is not other


# --- on against off -------------------------------------------------------------------------------

PIECES = [
    b"\\u0067", b"\\u00e9", b"\\ud800", b"\\", b'"', b"'", b"%63", b"%zz", b"+", b"&", b"&#x43;", b"&amp;", b"&lt;",
    b"=", b"<", b">", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<!DOCTYPE a>", b"<?a?>", b"[", b"]", b"{", b"}",
    b",", b":", b"\0", b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"NaN", b"-", b"0", b"1e9", b"null", b" ", b"\n",
    b'"data":', b'"attributes":', b'"guarantee":', b'"card_number":', b"PaymentCard", b"HotelReservation",
    b"card_number=", b"cards[0][number]=", b"cards[", b"xmlns:p=", b"<reservation>", b"</reservation>", b"cc_number", b'"result":', b'"cards":',
    b'"number":', b'"cc":', b"4111111111111111",
]  # fmt: skip


def messages(format):
    """Messages as files, the shipped packs' examples, and with its names written otherwise each."""
    found = [file.read_bytes() for file in sorted((CORPUS / format).iterdir())]
    for file in sorted((ROOT / "rules").glob("*.yaml")):
        pack = load_pack_text(file.read_text("utf-8"), file.name)
        found += [example.message.encode() for example in pack.examples]
    found.append(json.dumps({"data": [{"attributes": {"a": [{}]}}] * 30}).encode())
    found.append(b"<a><reservation><customer><n>Ana</n></customer></reservation></a>")
    found.append(b'{"result": {"id": 1, "cc": {"id": 2}}, "data": [{"cards": [{"id": 1}]}]}')
    for body in tuple(found):
        plain = body
        for name in (b"PaymentCard", b'"guarantee"', b"card_number", b"cards", b'"card"', b"cvc"):
            plain = plain.replace(name, name.replace(b"a", b"o").replace(b"c", b"k"))
        found.append(plain)
    return found


def changed(body, chance):
    """A message with some bytes dropped, doubled, or others put in."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(body) + 1)
        some = body[at : at + chance.randrange(1, 40)]
        what = chance.randrange(3)
        new = (b"", some + some, chance.choice(PIECES) + some)[what]
        body = body[:at] + new + body[at + len(some) :]
    return body


@pytest.mark.parametrize("name", RULES)
def test_p03_p12_p13_p14_p15_gate_or_no_gate_a_message_comes_to_the_same(name):
    direction = RULES[name]
    chance = random.Random(20260302)  # no secret
    seen = {True: 0, False: 0}
    for message in messages(direction.tokenize.shapes[0].format):
        if len(message) > 20_000:
            continue
        for body in (message, *(changed(message, chance) for _ in range(12))):
            nothing = holds_nothing(direction, body)
            seen[nothing] += 1
            if nothing:
                assert ordinary(direction, body) == 0, body
    assert min(seen.values()) > 100


@pytest.mark.parametrize("body", ['{"a": {"x": {}, "x": {}}}', '{"cards": {"x": 1, "x": 1}}'])
def test_p13_a_name_that_stands_twice_among_all_members_is_left_to_the_ordinary_way(body):
    for way in ("$.a.*.card", "$.cards.*"):
        every = rule(f"{{ format: json, card: '{way}', number: pan }}")
        assert not holds_nothing(every, body.encode())
