"""Digits that a rule says are no card's: at which places, and what they are by."""

from __future__ import annotations

import pytest

from gateway.cli.trial import try_tokenize
from gateway.codecs import open_document
from gateway.codecs.paths import parse_path
from gateway.errors import CardDisguised
from gateway.rules.model_directions import Tokenize
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.guard import guard_body
from gateway.stages.reading import read_not_cards
from gateway.stages.select import harmless_of

ID = "4012888888881881"
XML = f'<a ref="{ID}"><Booking ref="4242424242424242"><Id>5105105105105100</Id></Booking></a>'
JSON = f'{{"ref":"{ID}","bookings":[{{"ref":"4242424242424242","ids":{{"a":5105105105105100}}}}]}}'


def shaped(format, paths, booking=None):
    return Shape(
        name="s", format=format, card=parse_path(".", format), number=Field(parse_path("pan", format)),
        booking=parse_path(booking, format) if booking else None,
        not_cards=tuple(parse_path(path, format) for path in paths),
    )  # fmt: skip


def left(format, body, paths, booking=None):
    return read_not_cards(open_document(format, body.encode()), shaped(format, paths, booking))


@pytest.mark.parametrize(
    ("format", "body", "booking", "paths", "found"),
    [
        ("json", JSON, "$.bookings[*]", ["ref"], {"4242424242424242"}),
        ("json", JSON, "$.bookings[*]", ["$.ref"], {ID}),
        ("json", JSON, "$.bookings[*]", ["ids.*", "ref"], {"5105105105105100", "4242424242424242"}),
        ("json", JSON, None, ["ref"], {ID}),
        ("xml", XML, "//Booking", ["@ref"], {"4242424242424242"}),
        ("xml", XML, "//Booking", ["Id", "/a/@ref"], {"5105105105105100", ID}),
        ("xml", XML, None, ["@ref"], {ID}),
    ],
)  # fmt: skip
def test_a_path_starts_at_each_booking_and_only_one_with_a_root_at_the_document(
    format, body, booking, paths, found
):
    assert left(format, body, paths, booking) == found


def test_of_any_member_the_name_counts_too():
    body = f'{{"bookings":{{"{ID}":{{"id":"{ID}","card":null}},"x":{{"5105105105105100":1}}}}}}'
    with pytest.raises(CardDisguised):
        guard_body(body.encode(), "json", {}, left("json", body, ["$.bookings.*.id"]) - {ID})
    assert left("json", body, ["$.bookings.*"]) == {ID}
    assert left("json", body, ["$.bookings.*.*"]) == {ID, "5105105105105100"}


def test_a_place_without_a_text_of_its_own_allows_nothing_and_refuses_nothing():
    assert left("json", JSON, ["$.bookings", "$.bookings[*]", "$.nothing"]) == set()
    xml = f"<a><Id>{ID[:8]}<!-- x -->{ID[8:]}</Id></a>"
    assert left("xml", xml, ["//Id"]) == set()


@pytest.mark.parametrize("path", ["$.bookings.*", "."])
@pytest.mark.parametrize(
    "value", ['"4242424242424242"', "4242424242424242", '"4242424242424242 987"']
)
def test_p03_a_text_in_the_place_of_a_booking_may_be_a_card_and_its_name_is_none(path, value):
    body = f'{{"bookings":{{"{ID}":{value}}}}}'
    assert left("json", body, [path], "$.bookings.*") == ({ID} if path != "." else set())
    rule = Tokenize((shaped("json", [path], "$.bookings.*"),))
    after = try_tokenize(body.encode(), rule, "test").after
    assert b"4242" not in after
    assert b"987" not in after
    assert ID.encode() in after


def test_each_place_of_nested_bookings_is_told_once():
    shape = shaped("json", ["..ref"], "$..rooms[*]")
    inner = '{"ref":"1","rooms":[{"ref":"2","rooms":[{"ref":"3"}]}]}'
    document = open_document("json", f'{{"rooms":[{inner}]}}'.encode())
    (path,) = shape.not_cards
    assert [document.text(node) for node in harmless_of(document, shape, path)] == ["1", "2", "3"]
