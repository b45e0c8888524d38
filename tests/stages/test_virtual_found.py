"""How a virtual card is told, in each format: a flag, a day, a holder's name, a range of numbers."""

from __future__ import annotations

import json
from datetime import date
from urllib.parse import urlencode

import pytest

from gateway.cards.card import Virtual
from gateway.codecs import open_document
from gateway.errors import ConfigurationError
from gateway.rules.compile import Surroundings
from gateway.rules.load import load_pack_text, load_rules
from gateway.stages.reading import read_bookings
from gateway.stages.virtual import read_virtual

PACK = """
system: acme
about: Virtual cards
shapes:
  xml:
    format: xml
    card: //Card
    number: "@number"
    holder: Name
    virtual:
      flag: "@vcc"
      active_from: Virtual/@from
      active_until: { at: Virtual/@until, as: MM/YYYY }
      balance: Virtual/Balance
      currency: Virtual/Balance/@currency
      holders: [Bookingcom Agent]
      bins: ["512933", 5268 12-5268 19]
  json:
    format: json
    card: $.card
    number: number
    holder: name
    virtual:
      flag: vcc
      active_from: from
      active_until: { at: until, as: MM/YYYY }
      balance: balance
      currency: currency
      holders: [Bookingcom Agent]
      bins: agencies
  form:
    format: form
    card: $
    number: number
    holder: name
    virtual:
      flag: vcc
      active_from: from
      active_until: { at: until, as: MM/YYYY }
      balance: balance
      currency: currency
      holders: [Bookingcom Agent]
      bins: [agencies, "45717360004"]
routes:
  - { name: x, at: /x, forward: "https://a.example/x", methods: [POST], request: { tokenize: xml } }
  - { name: j, at: /j, forward: "https://a.example/j", methods: [POST], request: { tokenize: json } }
  - { name: f, at: /f, forward: "https://a.example/f", methods: [POST], request: { tokenize: form } }
"""
PLAIN, AGENCY = "4111111111111111", "5129330000000005"


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rules")
    (directory / "acme.yaml").write_text(PACK, encoding="utf-8")
    table = directory / "agencies.txt"
    table.write_text("512933, Booking\n526812-526819\n", encoding="utf-8")
    (pack,) = load_rules(
        directory, enabled=None, variables={}, callers=(), products=(), bins={"agencies": table}
    ).packs
    return pack.shapes


def xml(number=PLAIN, name="Jane", vcc=None, balance=None, currency="", **days):
    flag = "" if vcc is None else f' vcc="{vcc}"'
    said = "".join(f' {day}="{text}"' for day, text in days.items())
    money = "" if balance is None else f'<Balance currency="{currency}">{balance}</Balance>'
    inside = f"<Name>{name}</Name><Virtual{said}>{money}</Virtual>"
    return f'<Card number="{number}"{flag}>{inside}</Card>'.encode()


def fields(number=PLAIN, name="Jane", **more):
    return {"number": number, "name": name, **more}


MAKE = {
    "xml": xml,
    "json": lambda **said: json.dumps({"card": fields(**said)}).encode(),
    "form": lambda **said: urlencode(fields(**said)).encode(),
}


@pytest.mark.parametrize("form", ["xml", "json", "form"])
@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, None),
        ({"vcc": "1"}, Virtual()),
        ({"vcc": "true"}, Virtual()),
        ({"vcc": "Y"}, Virtual()),
        ({"vcc": "0"}, None),
        ({"vcc": "credit"}, None),
        ({"from": "2030-01-31T00:00:00"}, Virtual(date(2030, 1, 31))),
        ({"until": "02/2030"}, Virtual(None, date(2030, 2, 28))),
        ({"name": "bookingcom AGENT "}, Virtual()),
        ({"name": "Bookingcom"}, None),
        ({"number": AGENCY}, Virtual()),
        ({"number": "5268190000000003"}, Virtual()),
        ({"number": "5268200000000000"}, None),
        ({"number": "512933******0005"}, None),  # a mask is no card
        (
            {"number": AGENCY, "balance": "67.55", "currency": "eur"},
            Virtual(None, None, "67.55", "EUR"),
        ),
        ({"balance": "67.55", "currency": "EUR"}, None),  # a sum alone says nothing
    ],
)
def test_how_a_virtual_card_is_told(shapes, form, said, found):
    document = open_document(form, MAKE[form](**said))
    ((place,),) = [one.cards for one in read_bookings(document, [shapes[form]], "acme")]
    assert read_virtual(document, place) == found


@pytest.mark.parametrize("form", ["xml", "json", "form"])
@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("VCC", True),
        (" vcc ", True),
        ("virtual", True),
        ("guest", False),
        ("", False),
        ("1", False),
    ],
)
def test_a_flag_may_say_which_kind_of_card_it_is(form, said, found):
    text = PACK.replace('flag: "@vcc"', 'flag: { at: "@vcc", is: [VCC, Virtual] }')
    text = text.replace("flag: vcc", "flag: { at: vcc, is: [VCC, Virtual] }")
    around = Surroundings(bins={"agencies": ()})
    shape = load_pack_text(text, "acme.yaml", around).shapes[form]
    document = open_document(form, MAKE[form](vcc=said))
    ((place,),) = [one.cards for one in read_bookings(document, [shape], "acme")]
    assert read_virtual(document, place) == (Virtual() if found else None)


def problems(bins, around=None):
    text = PACK.replace("agencies", bins)
    with pytest.raises(ConfigurationError) as caught:
        load_pack_text(text, "acme.yaml", around)
    return [(one.line, one.message) for one in caught.value.problems]


def test_a_table_that_gateway_yaml_does_not_name_is_an_error():
    around = Surroundings(bins={"agencies": ()})
    assert problems("agency", around) == [
        (30, "`agency` is no table of `virtual_bins:` in gateway.yaml; did you mean `agencies`?"),
        (43, "`agency` is no table of `virtual_bins:` in gateway.yaml; did you mean `agencies`?"),
    ]


def test_a_wrong_table_loads_nothing(tmp_path):
    (tmp_path / "acme.yaml").write_text(PACK, encoding="utf-8")
    table = tmp_path / "agencies.txt"
    table.write_text("512933\n5129\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_rules(
            tmp_path, enabled=None, variables={}, callers=(), products=(), bins={"agencies": table}
        )
    assert [(one.file, one.line) for one in caught.value.problems] == [(str(table), 2)]
