"""What a change makes of a JSON document's bytes."""

from __future__ import annotations

import json

import pytest

from gateway.codecs.document import Add, Element, Insert, Members, Remove, Set
from gateway.codecs.json import open_json
from gateway.errors import MessageUnfit
from tests.codecs.json_places import only, path


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


def test_an_item_that_goes_leaves_its_place_to_the_others() -> None:
    body = b'[ 1, {"a": []} ,"3", [4] ]'
    assert change(body, (Remove, "$[1]")) == b'[ 1, null ,"3", [4] ]'
    assert change(body, (Remove, "$[0]"), (Remove, "$[2]")) == b'[ null, {"a": []} ,"", [4] ]'
    assert change(body, (Remove, "$[3][0]")) == b'[ 1, {"a": []} ,"3", [null] ]'


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
        b'{"card":{"n":1},"extra":{"a":1},"empty":{"x":"y" }}'
    )


@pytest.mark.parametrize(
    ("body", "at", "after"),
    [
        (b'{"a":{}}', "$.a", b'{"a":{"x":"1","y":"2"}}'),
        (b'{"a": {}}', "$.a", b'{"a": {"x": "1", "y": "2"}}'),
        (b'{"a":[{}]}', "$.a[0]", b'{"a":[{"x":"1","y":"2"}]}'),
        (b'{"a":[[{}, 1]]}', "$.a[0][0]", b'{"a":[[{"x":"1","y":"2"}, 1]]}'),
        (b'{"a":1,"b": {}}', "$.b", b'{"a":1,"b": {"x": "1", "y": "2"}}'),
        (b'[{},{"a":1}]', "$[0]", b'[{"x": "1", "y": "2"},{"a":1}]'),  # nothing around it says
        (b'{"a":\n{}}', "$.a", b'{"a":\n{"x": "1", "y": "2"}}'),
        (b'{"a":{"b":1}}', "$.a", b'{"a":{"b":1,"x":"1","y":"2"}}'),
        (b'{"a" :{"b":1,"c":2}}', "$.a", b'{"a" :{"b":1,"c":2,"x":"1","y":"2"}}'),
        (b'{"a":1, "b":2}', "$", b'{"a":1, "b":2, "x":"1", "y":"2"}'),
        (b'{ "a":1 }', "$", b'{ "a":1,"x":"1","y":"2" }'),
    ],
)
def test_what_is_inserted_is_written_as_what_is_around(body: bytes, at: str, after: bytes) -> None:
    assert change(body, (Insert, at, (("x", "1"), ("y", "2")), {})) == after


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (b'{"n":1}', b'{"n":1,"e":{"m":"12","y":{"y":"30"}}}'),
        (b'{"n": 1}', b'{"n": 1, "e": {"m": "12", "y": {"y": "30"}}}'),
        (b'{"n":1,"e":null}', b'{"n":1,"e":{"m":"12","y":{"y":"30"}}}'),
        (b'{"n" : 1,"e":{"y":null}}', b'{"n" : 1,"e":{"y":{"y":"30"},"m":"12"}}'),
    ],
)
def test_objects_that_are_made_are_written_as_what_is_around(body: bytes, after: bytes) -> None:
    adds = ((Add, "$.n", "e.m", "12"), (Add, "$.n", "e.y.y", "30"))
    assert change(body, *adds) == after


@pytest.mark.parametrize(
    "text",
    [
        "missing[0].x",
        "missing[a='b'].x",
        "..missing.x",
        "n.x",
        "n.x.y",
        "list.x",
        "list[0]",
        "n",
        "list[*].x",
        "o",
        "$",
    ],
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


def test_objects_that_are_missing_are_made_one_for_all_that_goes_into_them() -> None:
    body = b'{"card":{"n":1,"z":0},"e":{},"u":null}'
    assert change(
        body,
        (Add, "$.card.n", "card.exp.month", "12"),
        (Add, "$.card.n", "card.w", "W"),
        (Add, "$.card.n", "card.exp.of.year", "2030"),
        (Add, "$.card.n", "e.a.b", "B"),
        (Add, "$.card.n", "u.a.b", "N"),
        (Add, "$.card.n", "u.c", "C"),
    ) == (
        b'{"card":{"n":1,"w":"W","exp":{"month":"12","of":{"year":"2030"}},"z":0},'
        b'"e":{"a":{"b":"B"}},"u":{"a":{"b":"N"},"c":"C"}}'
    )


@pytest.mark.parametrize(
    ("one", "other"), [("x.y", "x.y"), ("x.y", "x.y.z"), ("x", "x.y"), ("n", "n.y")]
)
def test_what_is_made_is_not_made_twice(one: str, other: str) -> None:
    for paths in ((one, other), (other, one)):
        with pytest.raises(MessageUnfit):
            change(b'{"n":1}', *((Add, "$.n", text, "y") for text in paths))


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("body", [b'{"n":""}', b'{"n":"x"}', b'{"n":1}'])
def test_p15_two_texts_for_one_place_are_refused(body: bytes, first: str) -> None:
    """Nothing of an empty text is replaced, so the two would not even overlap."""
    with pytest.raises(MessageUnfit):
        change(body, (Set, "$.n", first), (Set, "$.n", "b"))
