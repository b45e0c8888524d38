from __future__ import annotations

import json
import traceback

import pytest

from gateway.codecs import json_grammar, json_scan
from gateway.codecs.document import Insert, Members, Node, Remove, Set
from gateway.codecs.json import JsonDocument, open_json
from gateway.codecs.paths import Path, Step, parse_path
from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit
from tests.codecs.json_places import only, path

BOOKINGS = b"""{
  "data": [
    {"id": "A", "guarantee": {"card_number": "4111111111111111", "cvv": "123", "meta": {"x": 1}}},
    {"id": "B", "guarantee": null},
    {"id": "C", "guarantee": {"card_number": 4000002500003155, "cvv": "737"}}
  ],
  "total": 3, "page": true
}
"""


def texts(document: JsonDocument, text: str, within: Node | None = None) -> list[str]:
    return [document.text(node) for node in document.select(path(text), within)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$.data[*].id", ["A", "B", "C"]),
        ("data[*].id", ["A", "B", "C"]),
        ("$.data[1].id", ["B"]),
        ("$.data[3].id", []),
        ("$['data'][0]['id']", ["A"]),
        ("$.data[*].guarantee.card_number", ["4111111111111111", "4000002500003155"]),
        ("$.data[1].guarantee", [""]),
        ("$.data[*].guarantee.meta.x", ["1"]),
        ("$.page", ["true"]),
        ("$.total.x", []),
        ("$.total[*]", []),
        ("$.data.id", []),
        ("$[0]", []),
        ("$.Data", []),
    ],
)
def test_select(text: str, found: list[str]) -> None:
    assert texts(open_json(BOOKINGS), text) == found


def test_select_starts_at_the_node_at_hand() -> None:
    document = open_json(BOOKINGS)
    bookings = document.select(path("$.data[*]"))
    assert [texts(document, "guarantee.cvv", booking) for booking in bookings] == [
        ["123"],
        [],
        ["737"],
    ]
    assert document.select(path("$"), bookings[0]) == [bookings[0]]
    assert document.select(path("."), bookings[0]) == [bookings[0]]
    assert texts(document, "$.page", bookings[0]) == ["true"]
    assert document.select(path("$")) == [document.root]


def test_select_answers_nothing_for_another_formats_path() -> None:
    document = open_json(BOOKINGS)
    assert document.select(parse_path("data/@id", "xml")) == []
    assert document.select(parse_path("data", "form")) == []


@pytest.mark.parametrize("text", ["$", "$.data", "$.data[0]"])
def test_an_object_or_array_has_no_text(text: str) -> None:
    document = open_json(BOOKINGS)
    with pytest.raises(MessageForbidden):
        document.text(only(document, text))


def test_a_text_longer_than_any_card_field_is_not_read() -> None:
    document = open_json(b'{"n": "' + b"4" * (1 << 20) + b'", "m": 1}')
    with pytest.raises(MessageForbidden):
        document.text(only(document, "$.n"))
    assert texts(document, "$.m") == ["1"]


def test_a_node_shows_no_content() -> None:
    document = open_json(BOOKINGS)
    node = only(document, "$.data[0].guarantee.card_number")
    assert "4111" not in repr(node)
    assert "4111" not in repr(document)


def test_a_foreign_node_is_unfit() -> None:
    document = open_json(BOOKINGS)
    with pytest.raises(MessageUnfit):
        document.text("not a node")


def test_p13_a_repeated_name_is_refused_only_where_a_path_walks() -> None:
    document = open_json(b'{"a": {"x": 1, "x": 2, "y": 3}, "b": 1, "b": 2, "c": {"b": 1}}')
    assert texts(document, "$.a.y") == ["3"]
    assert texts(document, "$.c.b") == ["1"]
    for text in ("$.a.x", "$.b", "$.b.c"):
        with pytest.raises(MessageForbidden):
            document.select(path(text))


def test_p13_a_repeated_name_is_not_overwritten() -> None:
    document = open_json(b'{"a": 1, "a": 2}')
    with pytest.raises(MessageForbidden):
        document.splice([Insert(document.root, Members((("a", "x"),)), {})])


def test_p13_the_input_is_not_in_the_exception() -> None:
    number = b"4111" * 4  # not as one word: tracebacks quote the source
    for body in (b'{"n": "' + number, b'{"n": "' + number + b'\xff"}'):
        with pytest.raises(MessageMalformed) as caught:
            open_json(body)
        shown = "".join(traceback.format_exception(caught.value))
        assert number.decode() not in shown
        assert caught.value.__cause__ is None


def test_an_object_with_too_many_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.codecs.json_select._MOST_ENTRIES", 3)
    for body, text in (
        (b'{"a":1,"b":2,"c":3,"d":4}', "$.a"),
        (b"[1,2,3,4]", "$[*]"),
        (b"[[1,2],[3,4]]", "$[*][*]"),
    ):
        with pytest.raises(MessageForbidden):
            open_json(body).select(path(text))
    assert len(open_json(b"[1,2,3]").select(path("$[*]"))) == 3


def test_too_many_containers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scan, "MAX_CONTAINERS", 3)
    assert open_json(b"[[],{}]")
    with pytest.raises(MessageForbidden):
        open_json(b"[[],{},{}]")


def test_more_objects_than_are_remembered() -> None:
    body = json.dumps([{"a": place} for place in range(30)]).encode()
    document = open_json(body)
    for _ in range(2):
        assert texts(document, "$[*].a") == [str(place) for place in range(30)]


LONG = json_grammar.WINDOW + 7


@pytest.mark.parametrize(
    "body",
    [
        b'{"long":"' + b"a" * LONG + b'","n":1,"m":2}',
        b'{"n":1,"m":2,"long":"' + b"a" * LONG + b'"}',
        b'{"long":"' + b"\\u0041" * (LONG // 5) + b'","n":1,"m":2}',
        b'{"long":"' + "😀".encode() * LONG + b'","n":1,"m":2}',
        b'{"long":"' + b"\\ud83d\\ude00" * (LONG // 11) + b'","n":1,"m":2}',
        b'{"n":1,"m":2,"' + b"k" * LONG + b'":3}',
        b'{"n":1,"m":2,"' + b"k" * LONG + b'":{"a":1}}',
        b'{"n":1,"m":2,"' + b"k" * LONG + b'" \n: [] }',
        b" " * LONG + b'{"n":1,"m":2}' + b"\n" * LONG,
        b'{"n"' + b" " * LONG + b":" + b"\t" * LONG + b"1" + b" " * LONG + b"," + b' "m":2}',
        b'{"x":[1],' + b" " * LONG + b'"n":1,"m":2' + b" " * LONG + b"}",
        b'{"x":[1]' + b" " * LONG + b',"n":1,"m":2}',
        b'{"x":[' + b" " * LONG + b'],"n":1,"m":2}',
        b'{"x":{' + b" " * LONG + b'},"n":1,"m":2}',
        b'{"x":[' + b"1," * LONG + b'"a"],"n":1,"m":2}',
        b'{"x":["' + b"a" * LONG + b'",[' + b" " * LONG + b'2]],"n":1,"m":2}',
        b'{"x":{' + b",".join(b'"k%d": %d' % (n, n) for n in range(20000)) + b'},"n":1,"m":2}',
        b'{"x":[' + b",".join(b'{"k":[%d]}' % n for n in range(20000)) + b'],"n":1,"m":2}',
    ],
    ids=range(18),
)
def test_longer_than_the_window(body: bytes) -> None:
    document = open_json(body)
    assert texts(document, "$.n") == ["1"]
    changed = document.splice(
        [Set(only(document, "$.n"), "5", number=True), Remove(only(document, "$.m"))]
    )
    expected = json.loads(body)
    del expected["m"]
    assert json.loads(changed.body) == {**expected, "n": 5}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b"a" * LONG,
        b'{"a":"' + b"a" * LONG + b'\n"}',
        b'{"a":' + b" " * LONG,
        b'{"a"' + b" " * LONG + b"1}",
        b"[1" + b" " * LONG + b"1]",
        b"[[]" + b" " * LONG + b"1]",
        b"[" * 10 + b"1," * LONG,
    ],
    ids=range(7),
)
def test_longer_than_the_window_and_wrong(body: bytes) -> None:
    with pytest.raises(MessageMalformed):
        open_json(body)


def test_long_items_of_an_array() -> None:
    body = b'["' + b"a" * LONG + b'", {"a": 1}, [' + b" " * LONG + b"], 3]"
    document = open_json(body)
    assert texts(document, "$[3]") == ["3"]
    assert texts(document, "$[1].a") == ["1"]
    assert len(texts(document, "$[0]")[0]) == LONG


def test_what_stands_in_the_place_of_fields() -> None:
    document = open_json(b'{"a": {"b": 1}, "c": [1, [{"d": 2}, []], "e"], "f": "g", "h": null}')
    assert not document.instead(only(document, "a"))
    assert not document.instead(document.root)
    items = document.instead(only(document, "c"))
    assert items == [only(document, "c[0]"), only(document, "c[1][0]"), only(document, "c[2]")]
    for scalar in ("f", "h", "c[0]"):
        assert document.instead(only(document, scalar)) == [only(document, scalar)]


def test_a_name_anywhere_is_found_twice_where_it_stands_twice() -> None:
    document = open_json(b'[{"a": 1, "b": {"a": 2, "\\u0061": 3}}, "a", {"c": "\\"a\\": 4"}]')
    found = document.select(Path("//a", (Step("descendant", "a"),), absolute=True))
    assert [document.text(node) for node in found] == ["1", "2", "3"]


def test_a_name_that_stands_too_often_is_refused() -> None:
    body = b"[" + b",".join([b'{"a":1}'] * 100_001) + b"]"
    with pytest.raises(MessageForbidden):
        open_json(body).select(Path("//a", (Step("descendant", "a"),), absolute=True))


@pytest.mark.parametrize("body", [b'"a"', b'"a" ', b"1", b"[]", b"{}"])
def test_a_text_is_no_member(body: bytes) -> None:
    assert not open_json(body).select(Path("//a", (Step("descendant", "a"),), absolute=True))
