"""`card-gateway rules explain`: what it says of a message, and that it shows no card."""

from __future__ import annotations

import json

import pytest

from gateway.cli.explain import place_of
from gateway.cli.hiding import context, cross_out, hide, hide_all, hide_target
from gateway.cli.trial import try_tokenize
from gateway.codecs.paths import parse_path
from gateway.rules.model_directions import Tokenize
from gateway.rules.model_shapes import Field, Shape
from tests.cli.rules_command import NUMBER


def test_explain_says_which_card_is_where_and_what_becomes_of_it(rules):
    code, out, _ = rules("explain", "--route", "acme/both", "--as", "response", "message.json")
    lines = out.splitlines()
    assert code == 1  # a card fails
    assert lines[0] == "Route acme/both (rules/acme.yaml:27), its response:"
    assert lines[1] == (
        "1. line 2, column 12: $.cards[*][1] pan (shape `out`) becomes 444433******1111 "
        "and gets a token, a virtual card"
    )
    assert lines[2].startswith("2. line 3, column 12: $.cards[*][2] pan (shape `out`) becomes ")
    assert lines[2].endswith(
        "fails: the expiry can not be read with the shape's `as:` "
        "(`exp` is spelled like `99/99`, the shape reads MM/YY)"
    )
    assert lines[3].endswith("fails: the number is not 12 to 19 digits (it has 8 digits)")
    assert lines[4].endswith("fails: the shape wants a security code and there is none")
    assert lines[5].endswith("holds a mask: left alone")


def test_explain_shows_which_bytes_change(rules):
    _, out, _ = rules("explain", "--route", "acme/both", "--as", "response", "message.json")
    assert "bytes 25-41, line 2, column 12\n  - " in out or "line 2, column 12\n  - " in out
    assert "(removed)" in out
    assert "(inserted)" in out
    assert "tok_1_…" in out


def test_p16_explain_shows_no_card(rules):
    for arguments in ([], ["--json"]):
        _, out, err = rules(
            "explain", "--route", "acme/both", "--as", "response", *arguments, "message.json"
        )
        for secret in (NUMBER, "5555555555554444", "737", "4444 3333"):
            assert secret not in out + err


def test_explain_a_charge(rules):
    code, out, _ = rules("explain", "--route", "acme/both", "--as", "request", "token.json")
    assert code == 0
    assert "holds a token; the card takes its place" in out
    assert "411111******1111" in out
    assert "Abcdefghijklm" not in out
    code, out, _ = rules("explain", "--route", "acme/both", "--as", "request", "pair.json")
    assert code == 0
    assert "1. line 1, column 24" in out
    assert "Abcdefghijklm" not in out


def test_explain_a_message_in_which_nothing_is_found(rules, tmp_path):
    (tmp_path / "none.json").write_text('{"cards": []}')
    _, out, _ = rules("explain", "--route", "acme/both", "--as", "response", "none.json")
    assert "No card was found where the route's shapes look" in out
    assert "shape out: $.cards[*] pan" in out
    (tmp_path / "none.json").write_text('{"payment": {"pan": "foreign"}}')
    code, out, _ = rules("explain", "--route", "acme/both", "--as", "request", "none.json")
    assert code == 0
    assert "No token was found" in out
    assert "shape in: $.payment . pan" in out
    (tmp_path / "mask.json").write_text('{"cards": [{"pan": "****1111"}]}')
    code, out, _ = rules("explain", "--route", "acme/push", "mask.json")
    assert code == 0
    assert "Nothing changes: the very same bytes go on." in out


def test_explain_cards_in_odd_places(rules, tmp_path):
    body = {
        "cards": [{"cvc": "737"}, [{"pan": NUMBER, "exp": "12/30", "cvc": "737"}]],
        "archive": {"cards": [{"pan": NUMBER, "exp": "12/30", "cvc": "737"}]},
    }
    (tmp_path / "odd.json").write_text(json.dumps(body))
    code, out, _ = rules("explain", "--route", "acme/push", "odd.json")
    lines = out.splitlines()
    assert code == 1
    assert lines[1].endswith("holds no number, only a security code: left alone")
    assert lines[2].endswith("fails: a list or text stands where the card's fields should")
    assert lines[3].endswith("fails: it has a card's name, but no booking's path leads to it")
    assert "737" not in out


@pytest.mark.parametrize("empty", ["[]", "{}"])
@pytest.mark.parametrize("member", ["pan", "cvc"])
def test_explain_an_empty_list_or_object_in_a_fields_place(rules, tmp_path, empty, member):
    (tmp_path / "empty.json").write_text(
        f'{{"cards": [\n  {{"a": 1,\n   "{member}": {empty}}}\n]}}'
    )
    code, out, _ = rules("explain", "--route", "acme/push", "empty.json")
    assert code == 0
    assert "Nothing changes: the very same bytes go on." in out
    assert "1. line 2, column " in out
    assert "left alone" in out


def test_explain_an_empty_list_in_place_of_the_whole_message(tmp_path):
    shape = Shape(
        name="bare",
        format="json",
        card=parse_path("$", "json"),
        number=Field(parse_path(".", "json")),
    )
    trial = try_tokenize(b" []", Tokenize((shape,)), "acme")
    assert (trial.after, [card.offset for card in trial.cards]) == (b" []", [0])


def test_explain_for_scripts(rules):
    code, out, _ = rules("explain", "--route", "acme/push", "--json", "message.json")
    told = json.loads(out)
    assert code == 1
    assert (told["route"], told["action"]) == ("acme/push", "tokenize")
    assert [card["failure"] for card in told["cards"]] == [
        None, "expiry_invalid", "number_invalid", "cvc_missing", None,
    ]  # fmt: skip
    assert told["cards"][0]["line"] == 2
    assert told["changes"][0]["line"] == 2
    code, out, _ = rules(
        "explain", "--route", "acme/both", "--as", "request", "--json", "token.json"
    )
    assert json.loads(out)["cards"][0]["becomes"] == ""


def test_explain_a_message_that_is_refused(rules, tmp_path):
    (tmp_path / "bad.json").write_text('{"cards": ')
    code, _, err = rules("explain", "--route", "push", "bad.json")
    assert code == 1
    assert "Refused (message_malformed)" in err
    code, out, _ = rules("explain", "--route", "push", "--json", "bad.json")
    assert code == 1
    assert json.loads(out)["refused"] == "message_malformed"


def test_explain_wants_to_know_which_way(rules):
    code, _, err = rules("explain", "--route", "both", "message.json")
    assert code == 2
    assert "works on its request and response: say --as" in err
    code, _, err = rules("explain", "--route", "push", "--as", "response", "message.json")
    assert code == 2
    code, _, err = rules("explain", "--route", "passes", "message.json")
    assert code == 2
    assert "lets everything pass" in err


def test_places_and_masks():
    assert place_of("ä\nöx".encode(), 5) == (2, 2)
    assert hide("4444 3333 2222 1111") == "444433******1111"
    assert hide("a 123 b 1042 c 12345") == "a 123 b 1042 c 12345"
    assert hide_all("a 123 b 1230 c 4444 33335") == "a *** b **** c **** *****"
    assert hide_all("4444333322221111, 737") == "444433******1111, ***"
    assert hide_all("<t>Abcdefghijklm</t>") == "<t>…</t>"
    assert hide("444433******1111") == "444433******1111"
    assert hide("tok_test_12_Abcdefghijk12") == "tok_test_12_…"


OPAQUE = """\
system: signed
about: a processor that signs
draft: the name of the signature's field is a guess
shapes:
  card: { format: json, card: $.card, number: pan }
routes:
  - name: all
    to: https://signed.example/all
    methods: [POST]
    request: { opaque: { because: signed } }
  - name: some
    to: https://signed.example/some
    methods: [POST]
    request: { opaque: { refuse: [$.signature], because: signed, format: json } }
  - name: pay
    to: https://signed.example/pay
    methods: [POST]
    request: { detokenize: card, opaque: { refuse: [$.signature, $.jwe] } }
"""


@pytest.fixture
def signed(rules, tmp_path):
    (tmp_path / "rules" / "signed.yaml").write_text(OPAQUE)
    (tmp_path / "signed.json").write_text(
        '{"card": {"pan": "tok_1_Example000001"}, "signature": "s"}'
    )
    (tmp_path / "plain.json").write_text(
        '{"card": {"pan": "tok_1_Example000001"}, "signature": ""}'
    )
    return lambda route, file: rules("explain", "--route", f"signed/{route}", file)


@pytest.mark.parametrize("route", ["all", "some", "pay"])
def test_explain_says_why_a_body_can_not_be_looked_into(signed, route):
    code, out, err = signed(route, "signed.json")
    assert code == 1
    assert "Refused (body_opaque): " in out + err
    reason = "can not be looked into" if route == "pay" else "without the processor's key"
    assert reason in out + err


def test_explain_says_what_becomes_of_one_that_can(signed):
    code, out, _ = signed("some", "plain.json")
    assert code == 0
    assert "Nothing stands where the route looks for what it refuses" in out
    code, out, _ = signed("pay", "plain.json")
    assert code == 0
    assert "holds a token; the card takes its place" in out


def test_a_list_says_what_is_refused_and_a_pack_what_is_not_certain(signed, rules):
    code, out, _ = rules("list", "--json")
    assert code == 0
    told = {row["route"]: row["what happens"] for row in json.loads(out)}
    assert told["signed/all"] == "request: refuse as signed"
    assert told["signed/some"] == "request: refuse as signed where $.signature holds"
    assert told["signed/pay"] == (
        "request: refuse where $.signature or $.jwe holds; request: detokenize card"
    )
    _, out, _ = rules("show", "signed")
    assert "(draft: the name of the signature's field is a guess)" in " ".join(out.split())


def test_explain_tells_zeros_from_masks(rules, tmp_path):
    (tmp_path / "zeros.json").write_text(
        '{"cards": [{"pan": "0000000000000000"}, {"pan": "****1111"}]}'
    )
    arguments = ("explain", "--route", "acme/both", "--as", "response")
    _, out, _ = rules(*arguments, "zeros.json")
    assert "holds zeros, left alone: the partner wants to be asked again" in out.splitlines()[1]
    assert out.splitlines()[2].endswith("holds a mask: left alone")
    _, out, _ = rules(*arguments, "--json", "zeros.json")
    assert [card["ask_again"] for card in json.loads(out)["cards"]] == [True, False]


def test_p16_what_goes_and_what_stands_around_it_is_crossed_out():
    assert cross_out("4444333322221111, 737") == "444433xxxxxx1111, xxx"
    assert cross_out("4444 3333 2222 1111") == "444433xxxxxx1111"
    assert cross_out("4 tok_1_Abcdefghijklm") == "x tok_x_…"
    assert context('a="4 4 4 4 3 3 3 3" CVC 737 on 2030-12-01') == (
        'a="x x x x x x x x" CVC xxx on xxxx-xx-xx'
    )
    assert context("&#52;&#52; %34%34") == "&#xx;&#xx; %xx%xx"
    assert context("<HotelReservationRequest> NDQ0NDMzMzMyMjIyMTEx") == (
        "<HotelReservationRequest> …"
    )
    assert context("Abcdefghijklm") == "…"


def test_p16_what_was_asked_for_has_no_query_and_no_card():
    shown = hide_target("GET", "https://a.example", "/x/4444-3333-2222-1111/y?key=secret")
    assert shown == "GET https://a.example/x/4444-33xx-xxxx-1111/y"
    assert hide_target("GET", "", "/\x1b[2Jx") == "GET /\\u001b[2Jx"


@pytest.mark.parametrize(
    ("shape", "body", "near"),
    [
        (
            'format: text, card: $, number: "Card number: {}"',
            "Guest: A\nCard nr: 17\n",
            "`Card nr` once",
        ),
        (
            "format: multipart, card: $, number: card_number",
            '--b\r\nContent-Disposition: form-data; name="cardnumber"\r\n\r\n1\r\n--b--\r\n',
            "`cardnumber` once",
        ),
    ],
)
def test_explain_names_what_a_text_or_a_part_is_called(rules, tmp_path, shape, body, near):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.yaml").write_text(
        f"system: x\nabout: x\nshapes:\n  s: {{ {shape} }}\nroutes:\n"
        "  - { name: r, to: https://x.example/p, methods: [GET], response: { tokenize: s } }\n"
    )
    (tmp_path / "m.bin").write_bytes(body.encode())
    rule = tmp_path / "other"
    _, out, _ = rules("explain", "--rules", str(rule), str(tmp_path / "m.bin"), "--route", "x")
    assert near in out


AGAIN = """
system: again
about: Modifications without their card
shapes:
  list: { format: json, booking: "$[*]", card: pay, number: pan, booking_id: id, hotel: hotel }
routes:
  - name: push
    at: /again
    forward: "https://pms.example/again"
    methods: [POST]
    request:
      tokenize: list
      carry_forward: true
      insert: [{ into: pay, each: card, json: { token: "{alias}" } }]
"""


def test_explain_says_that_the_vault_would_be_asked_for_a_booking_s_last_card(rules, tmp_path):
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "rules" / "again.yaml").write_text(AGAIN)
    body = [
        {"id": NUMBER, "pay": {"note": "1"}},
        {"id": "R2", "hotel": "10107", "pay": {"pan": "****9999"}},
    ]
    (tmp_path / "again.json").write_text(json.dumps(body))
    code, out, _ = rules("explain", "--route", "again/push", "again.json")
    assert code == 0
    assert "No card was found" not in out
    asks = "the gateway would ask the vault for the booking's last card"
    assert f"Booking {NUMBER[:6]}******{NUMBER[-4:]} has no card: {asks}. Shown as if" in out
    assert f"Booking R2 has no card: {asks}, and hand it out if" in out
    assert out.count("(inserted)") == 1
    _, out, _ = rules("explain", "--json", "--route", "again/push", "again.json")
    assert NUMBER not in out
    told = [(one["hotel"], one["carried"]) for one in json.loads(out)["carry"]]
    assert told == [(None, 1), ("10107", 0)]
