"""Fields outside of the card's node: whose they are, both ways."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.card import Card, Failure
from gateway.cli.trial import EXAMPLE_EXPIRY, EXAMPLE_NUMBER, Trial, example_token
from gateway.codecs import open_document
from gateway.codecs.document import Change, Document
from gateway.codecs.paths import parse_path
from gateway.errors import MessageForbidden, MessageUnfit
from gateway.rules.model_shapes import Shape
from gateway.secret import Secret
from gateway.stages.detokenize import put_in, read_tokens
from gateway.stages.reading import read_bookings
from gateway.vault.model import Found
from tests.stages.test_several_places import ALIAS, ALIAS_2, OTHER, PAN, into, out, shape

XML = shape(
    "format: xml, booking: //R, card: Pay/Card, number: Number, "
    "expiry: { at: ../Expiry, as: MM/YY }, holder: { join: [../../Guest/First, ../../Guest/Last] }"
)
JSON = shape(
    'format: json, booking: "$.bookings[*]", card: "payments[*].card", number: number, '
    "expiry_month: { at: ../month, as: MM }, expiry_year: { at: ../year, as: YYYY }, "
    "holder: ../../guest"
)
WHOLE = shape("format: json, card: $.card, number: number, holder: $.guest.name")


def holders(body: str, rule: Shape) -> list[str | None]:
    document = open_document(rule.format, body.encode())
    found = read_bookings(document, [rule], "x")
    cards = [place.card for booking in found for place in booking.cards]
    return [card.holder.reveal() if card and card.holder else None for card in cards]


def xml(*cards: str, expiry: str = "<Expiry>12/30</Expiry>") -> str:
    numbers = "".join(f"<Card><Number>{card}</Number></Card>" for card in cards)
    guest = "<Guest><First>Ada</First><Last>Example</Last></Guest>"
    return f"<a><R>{guest}<Pay>{numbers}{expiry}</Pay></R><R><Guest><First>Other</First></Guest></R></a>"


def booking(*cards: str, guest: str | None = "Ada Example") -> dict:
    said: dict = {
        "payments": [{"card": {"number": card}, "month": "12", "year": "2030"} for card in cards]
    }
    return said | ({} if guest is None else {"guest": guest})


def failures(trial: Trial) -> list[Failure | None]:
    return [card.failure for card in trial.cards]


def test_what_stands_around_the_card_is_its_own():
    assert failures(out(xml(PAN), XML)) == [None]
    assert holders(xml(PAN), XML) == ["Ada Example"]
    body = json.dumps(
        {"bookings": [booking(PAN), booking(OTHER, guest=None), booking(PAN, guest="B")]}
    )
    assert failures(out(body, JSON)) == [None] * 3
    assert holders(body, JSON) == ["Ada Example", None, "B"]


def test_a_name_may_be_the_whole_bookings_and_an_expiry_is_one_cards():
    body = json.dumps({"bookings": [booking(PAN, OTHER)]})
    assert failures(out(body, JSON)) == [None, None]
    assert holders(body, JSON) == ["Ada Example", "Ada Example"]


@pytest.mark.parametrize("other", [OTHER, "****4444"])
def test_an_expiry_that_two_cards_would_have_is_neithers(other):
    trial = out(xml(PAN, other), XML)
    assert [card.failure for card in trial.cards if not card.left_alone] == [
        Failure.EXPIRY_INVALID for card in trial.cards if not card.left_alone
    ]
    assert PAN not in trial.after.decode()
    assert OTHER not in trial.after.decode()


def test_an_empty_card_beside_it_is_none():
    assert failures(out(xml(PAN, ""), XML))[0] is None


def test_an_absolute_place_is_for_a_message_of_one_booking():
    body = json.dumps({"card": {"number": PAN}, "guest": {"name": "Ada"}})
    assert holders(body, WHOLE) == ["Ada"]
    written = json.loads(into(body.replace(PAN, ALIAS), WHOLE))
    assert written == {"card": {"number": EXAMPLE_NUMBER}, "guest": {"name": "Jane Doe"}}


# --- cards in -----------------------------------------------------------------------------------


def test_they_are_written_where_they_stand():
    body = xml(ALIAS)
    assert into(body, XML) == body.replace(
        ALIAS, EXAMPLE_NUMBER
    )  # the expiry is the same; a joined name stays
    said = json.loads(into(json.dumps({"bookings": [booking(ALIAS)]}), JSON))
    assert said == {"bookings": [booking(EXAMPLE_NUMBER, guest="Jane Doe")]}


def test_they_are_added_where_they_would_stand():
    said = booking(ALIAS, guest=None)
    del said["payments"][0]["month"]
    written = json.loads(into(json.dumps({"bookings": [said]}), JSON))
    assert written == {"bookings": [booking(EXAMPLE_NUMBER, guest="Jane Doe")]}
    assert "<Expiry>12/30</Expiry></Pay>" in into(xml(ALIAS, expiry=""), XML)


@pytest.mark.parametrize("other", [ALIAS_2, OTHER, "pm_other"])
def test_p07_two_cards_that_would_get_one_expiry_refuse_the_message(other):
    with pytest.raises(MessageForbidden):
        into(xml(ALIAS, other), XML)


def test_one_name_for_two_cards_is_written_once():
    said = {"bookings": [booking(ALIAS, ALIAS_2)]}
    assert json.loads(into(json.dumps(said), JSON))["bookings"][0]["guest"] == "Jane Doe"
    del said["bookings"][0]["guest"]
    with pytest.raises(MessageUnfit):
        into(json.dumps(said), JSON)


@pytest.mark.parametrize("guest", ["", "Somebody"])
def test_p07_two_holders_for_one_place_refuse_the_message(guest):
    body = json.dumps({"bookings": [booking(ALIAS, ALIAS_2, guest=guest)]}).encode()
    document = open_document("json", body)
    same = document.splice(charged(document, "Ada", "Ada"))
    assert json.loads(same.body)["bookings"][0]["guest"] == "Ada"
    with pytest.raises(MessageUnfit) as caught:  # before a codec sees them
        charged(document, "Ada", "Grace")
    assert caught.value.code == "message_unfit"


def charged(document: Document, *holders: str) -> list[Change]:
    """What puts in each token's card, which has that holder."""
    tokens = enumerate(zip(read_tokens(document, JSON), holders, strict=True), 1)
    return put_in(
        document,
        [
            (
                spot,
                Found(
                    example_token(n),
                    "x",
                    Card(Secret(EXAMPLE_NUMBER), EXAMPLE_EXPIRY, Secret(holder)),
                    None,
                ),
            )
            for n, (spot, holder) in tokens
        ],
    )


# --- the codecs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("../x", ["1"]), ("../../x", ["2"]), ("../../../x", []), ("../../../../x", []), ("../a", [""]), ("../c[0].x", ["0"]),
    ],
)  # fmt: skip
def test_json_goes_up_to_objects(path, found):
    document = open_document("json", b'[{"x": 2, "l": [[{"x": 1, "a": {}, "c": [{"x": 0}]}]]}]')
    (start,) = document.select(parse_path("$[0].l[0][0].a", "json"))
    assert [
        document.text(node) for node in document.select(parse_path(path, "json"), start)
    ] == found


def test_json_has_nothing_above_its_outermost_value():
    document = open_document("json", b'[{"x": 2}]')
    assert not document.select(parse_path("../x", "json"))


@pytest.mark.parametrize(
    ("path", "found"),
    [("../x", ["1"]), ("../../x", ["2"]), ("../../../x", []), ("../../../../x", []), ("../@n", ["n"]), ("../b/@m", ["m"])],
)  # fmt: skip
def test_xml_goes_up_to_elements(path, found):
    document = open_document("xml", b'<r><x>2</x><a n="n"><x>1</x><b m="m"/></a></r>')
    (start,) = document.select(parse_path("//b", "xml"))
    assert [
        document.text(node) for node in document.select(parse_path(path, "xml"), start)
    ] == found


def test_above_an_attribute_is_its_element():
    document = open_document("xml", b'<r><a n="n"><x>1</x></a></r>')
    (start,) = document.select(parse_path("//a/@n", "xml"))
    assert [document.text(node) for node in document.select(parse_path("../x", "xml"), start)] == [
        "1"
    ]


TREES = st.recursive(
    st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=12,
)


def _above(tree, way):
    """The objects that lead to the place, innermost last."""
    objects = []
    for step in way:
        if isinstance(tree, dict):
            objects.append(tree)
        tree = tree[step]
    return objects


def _places(tree, way=()):
    yield way
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for step, inner in items:
        yield from _places(inner, (*way, step))


@settings(deadline=None, max_examples=150)
@given(TREES)
def test_json_above_is_what_another_reader_says(tree):
    document = open_document("json", json.dumps(tree).encode())
    for way in _places(tree):
        text = "$" + "".join(
            f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in way
        )
        (start,) = document.select(parse_path(text, "json"))
        objects = _above(tree, way)
        for up in (1, 2):
            found = document.select(parse_path("../" * up + "a", "json"), start)
            expected = objects[-up]["a"] if up <= len(objects) and "a" in objects[-up] else None
            assert len(found) == (expected is not None)
            if isinstance(expected, int):
                assert document.text(found[0]) == str(expected)
