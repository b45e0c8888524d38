from __future__ import annotations

import json
import traceback

import pytest

from gateway.codecs import json_grammar, json_scan
from gateway.codecs.document import Add, Element, Insert, Members, Node, Remove, Set
from gateway.codecs.json import JsonDocument, open_json
from gateway.codecs.paths import Path, Step, parse_path
from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit

BOOKINGS = b"""{
  "data": [
    {"id": "A", "guarantee": {"card_number": "4111111111111111", "cvv": "123", "meta": {"x": 1}}},
    {"id": "B", "guarantee": null},
    {"id": "C", "guarantee": {"card_number": 4000002500003155, "cvv": "737"}}
  ],
  "total": 3, "page": true
}
"""


def path(text: str) -> Path:
    return parse_path(text, "json")


def only(document: JsonDocument, text: str, within: Node | None = None) -> Node:
    (node,) = document.select(path(text), within)
    return node


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


def change(body: bytes, *changes: object) -> bytes:
    """Applies changes written as (kind, path, ...) to a body."""
    document = open_json(body)
    made = []
    for kind, *arguments in changes:
        node = only(document, arguments[0])
        if kind is Add:
            made.append(Add(document.root, path(arguments[1]), node, *arguments[2:]))
        elif kind is Insert:
            made.append(Insert(node, Members(arguments[1]), *arguments[2:]))
        else:
            made.append(kind(node, *arguments[1:]))
    return document.splice(made).body


@pytest.mark.parametrize(
    ("text", "number", "written"),
    [
        ("tok_1_a", False, b'"tok_1_a"'),
        ("4111111111111111", False, b'"4111111111111111"'),
        ("4111111111111111", True, b"4111111111111111"),
        ("123", True, b"123"),
        ("0", True, b"0"),
        ("-1.50", True, b"-1.50"),
        ("0123", True, b'"0123"'),
        ("", True, b'""'),
        ("1e5", True, b'"1e5"'),
        ("9007199254740991", True, b"9007199254740991"),
        ("9007199254740993", True, b'"9007199254740993"'),
        ("6304000000000000000", True, b'"6304000000000000000"'),
        pytest.param("1" * 5000, True, b'"' + b"1" * 5000 + b'"', id="5000 digits"),
        ("0.1234567890123456", True, b'"0.1234567890123456"'),
        ("\u0664\u0661", True, b'"\\u0664\\u0661"'),
        ('"\\\n\u00e9\U0001f600', False, b'"\\"\\\\\\n\\u00e9\\ud83d\\ude00"'),
    ],
)
def test_set(text: str, number: bool, written: bytes) -> None:
    assert change(b'{ "n" : 12 , "m":0}', (Set, "$.n", text, number)) == (
        b'{ "n" : ' + written + b' , "m":0}'
    )


@pytest.mark.parametrize("body", [b'{"n":"a"}', b'{"n":-1.5e3}', b'{"n":true}', b'{"n":null}'])
def test_set_takes_any_scalar(body: bytes) -> None:
    assert change(body, (Set, "$.n", "x")) == b'{"n":"x"}'


def test_set_the_root() -> None:
    assert change(b' "a" ', (Set, "$", "b")) == b' "b" '


def test_positions_are_bytes() -> None:
    body = '\ufeff{"имя":"Анна 明 😀","n":1}'.encode()
    assert change(body, (Set, "$.n", "2", True)) == '\ufeff{"имя":"Анна 明 😀","n":2}'.encode()


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        (["a"], b'{ "b":2 , "c":3 , "d":4 }'),
        (["b"], b'{ "a":1 , "c":3 , "d":4 }'),
        (["d"], b'{ "a":1 , "b":2 , "c":3 }'),
        (["b", "c"], b'{ "a":1 , "d":4 }'),
        (["c", "d"], b'{ "a":1 , "b":2 }'),
        (["a", "b"], b'{ "c":3 , "d":4 }'),
        (["a", "c"], b'{ "b":2 , "d":4 }'),
        (["a", "b", "d"], b'{ "c":3 }'),
        (["d", "b", "c", "a"], b"{}"),
    ],
)
def test_remove_members(removed: list[str], left: bytes) -> None:
    body = b'{ "a":1 , "b":2 , "c":3 , "d":4 }'
    assert change(body, *((Remove, f"$.{name}") for name in removed)) == left


def test_remove_items() -> None:
    body = b'[ 1, {"a": []} ,3 ]'
    assert change(body, (Remove, "$[1]")) == b"[ 1, 3 ]"
    assert change(body, (Remove, "$[0]"), (Remove, "$[1]"), (Remove, "$[2]")) == b"[]"


def test_remove_keeps_the_lines_of_the_others() -> None:
    body = b'{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}'
    assert change(body, (Remove, "$.b")) == b'{\n  "a": 1,\n  "c": 3\n}'
    assert change(body, (Remove, "$.c")) == b'{\n  "a": 1,\n  "b": 2\n}'


def test_add_stands_right_after_the_number() -> None:
    assert change(b'{"n":1,"m":2}', (Add, "$.n", "x", "y")) == b'{"n":1,"x":"y","m":2}'
    assert change(b'{"n": 1, "m": 2}', (Add, "$.n", "x", "7", True)) == b'{"n": 1, "x": 7, "m": 2}'
    assert change(b'{"n": 1}', (Add, "$.n", "x", "y")) == b'{"n": 1, "x": "y"}'
    assert change(b'{"n":1}', (Add, "$.n", "x", "y")) == b'{"n":1,"x":"y"}'
    assert change(b'{\n  "n": 1\n}', (Add, "$.n", "x", "y")) == b'{\n  "n": 1,\n  "x": "y"\n}'


def test_several_additions_keep_their_order() -> None:
    adds = ((Add, "$.n", "x", "1"), (Add, "$.n", "y", "2"))
    assert change(b'{"n":1,"m":2}', *adds) == b'{"n":1,"x":"1","y":"2","m":2}'


def test_add_beside_a_member_that_goes() -> None:
    body = b'{"a":1,"b":2,"c":3}'
    for gone, left in (
        (["b"], b'{"a":1,"x":"y","c":3}'),
        (["a", "b"], b'{"x":"y","c":3}'),
        (["b", "c"], b'{"a":1,"x":"y"}'),
        (["a", "b", "c"], b'{"x":"y"}'),
    ):
        removals = [(Remove, f"$.{name}") for name in gone]
        assert change(body, *removals, (Add, "$.b", "x", "y")) == left


def test_add_elsewhere_becomes_the_last_member() -> None:
    body = b'{"card":{"n":1},"extra":{"a":1},"empty":{ }}'
    assert change(body, (Add, "$.card.n", "extra.x", "y")) == (
        b'{"card":{"n":1},"extra":{"a":1,"x":"y"},"empty":{ }}'
    )
    assert change(body, (Add, "$.card.n", "$.empty.x", "y")) == (
        b'{"card":{"n":1},"extra":{"a":1},"empty":{"x": "y" }}'
    )


@pytest.mark.parametrize(
    "text", ["missing.x", "n.x", "list.x", "list[0]", "n", "list[*].x", "o", "$"]
)
def test_add_to_an_unfit_place(text: str) -> None:
    body = b'{"n":1,"list":[{},{}],"o":{}}'
    document = open_json(body)
    added = Add(document.root, path(text), only(document, "$.n"), "y")
    with pytest.raises(MessageUnfit):
        document.splice([added])


def test_a_name_is_not_added_twice() -> None:
    add = (Add, "$.n", "x", "y")
    with pytest.raises(MessageUnfit):
        change(b'{"n":1}', add, add)


def test_insert_members() -> None:
    members = (("iduser", "{iduser}"), ("note", "{{{iduser}} {"))
    assert change(b'{"n": 1, "m": 2}', (Insert, "$", members, {"iduser": "7"})) == (
        b'{"n": 1, "m": 2, "iduser": "7", "note": "{{7} {"}'
    )
    assert change(b"[{}]", (Insert, "$[0]", (("a", "b"), ("c", "d")), {})) == (
        b'[{"a": "b", "c": "d"}]'
    )


def test_insert_overwrites_what_exists() -> None:
    members = (("token", "t"), ("meta", "m"), ("new", "n"))
    body = b'{"token":null,"meta":{"a":[1]},"n":1}'
    assert change(body, (Insert, "$", members, {})) == (b'{"token":"t","meta":"m","n":1,"new":"n"}')
    assert change(b'{"t\\u006fken":1}', (Insert, "$", members[:1], {})) == b'{"t\\u006fken":"t"}'


def test_insert_for_several_cards_loses_no_token() -> None:
    def insert(position: int) -> tuple[object, ...]:
        return (Insert, "$", (("id", "{id}"),), {"id": str(position * 10)}, position)

    assert change(b'{"id":0}', insert(1), insert(2)) == b'{"id":"10","id_2":"20"}'
    numbered = (("id_{position}", "{id}"),)
    assert change(
        b"{}", (Insert, "$", numbered, {"id": "5"}, 1), (Insert, "$", numbered, {"id": "6"}, 2)
    ) == (b'{"id_1": "5", "id_2": "6"}')
    with pytest.raises(MessageUnfit):
        change(b"{}", (Insert, "$", (("id", "1"),), {}), (Insert, "$", (("id", "2"),), {}))


def test_insert_is_unfit() -> None:
    document = open_json(b'{"n":1,"list":[]}')
    for parent in ("$.n", "$.list"):
        with pytest.raises(MessageUnfit):
            document.splice([Insert(only(document, parent), Members((("a", "b"),)), {})])
    with pytest.raises(MessageUnfit):
        document.splice([Insert(document.root, Element("a"), {})])
    with pytest.raises(MessageUnfit):
        document.splice([Insert(document.root, Members((("a", "{unknown}"),)), {})])


@pytest.mark.parametrize(
    "changes",
    [
        ((Set, "$.a", "x"), (Set, "$.a", "x")),
        ((Set, "$.a", "x"), (Remove, "$.a")),
        ((Remove, "$.a"), (Remove, "$.a")),
        ((Remove, "$.o"), (Remove, "$.o.b")),
        ((Remove, "$.o"), (Set, "$.o.b", "x")),
        ((Remove, "$.o"), (Insert, "$.o", (("c", "d"),), {})),
        ((Remove, "$.a"), (Insert, "$", (("a", "d"),), {})),
        ((Set, "$.o", "x"),),
        ((Remove, "$"),),
    ],
)
def test_changes_that_do_not_fit(changes: tuple[object, ...]) -> None:
    with pytest.raises(MessageUnfit):
        change(b'{"a":1,"o":{"b":2}}', *changes)


def test_an_odd_layout_is_not_copied_without_bound() -> None:
    body = b'{"n"' + b" " * 1000 + b":" + b" " * 1000 + b"1," + b"\n" * 1000 + b'"m":2}'
    out = change(body, (Add, "$.n", "x", "y"))
    assert len(out) - len(body) < 300
    assert json.loads(out) == {"n": 1, "x": "y", "m": 2}


def test_an_object_with_too_many_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.codecs.json._MOST_ENTRIES", 3)
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
