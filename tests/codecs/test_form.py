from __future__ import annotations

import traceback

import pytest

from gateway.codecs.document import Add, Element, Insert, Members, Node, Remove, Set
from gateway.codecs.edits import Edit, Spliced
from gateway.codecs.form import FormDocument, open_form
from gateway.codecs.paths import Path, parse_path
from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit

CHARGE = b"amount=10&card[number]=tok_1_a&card[exp_month]=&card[name]=Jane+Doe&confirm"

PAN = "4111" * 4  # not as one word: tracebacks quote the source


def path(text: str) -> Path:
    return parse_path(text, "form")


def only(document: FormDocument, text: str) -> Node:
    (node,) = document.select(path(text))
    return node


def test_select_reads_fields() -> None:
    document = open_form(CHARGE)
    for name, value in (
        ("amount", "10"),
        ("card[number]", "tok_1_a"),
        ("card[exp_month]", ""),
        ("card[name]", "Jane Doe"),
        ("confirm", ""),
    ):
        assert document.text(only(document, name)) == value
    assert document.select(path("card")) == []


def test_the_whole_form_is_the_card() -> None:
    document = open_form(CHARGE)
    for text in ("$", "."):
        assert document.select(path(text)) == [document.root]
    pair = only(document, "amount")
    assert document.select(path("."), pair) == [pair]
    assert document.select(path("amount"), document.root) == [pair]
    with pytest.raises(MessageForbidden):
        document.text(document.root)


def test_select_answers_nothing_for_another_formats_path() -> None:
    document = open_form(CHARGE)
    assert document.select(parse_path("amount", "json")) == []
    assert document.select(parse_path("a/b", "xml")) == []
    assert open_form(b"").select(path("amount")) == []


def test_a_text_longer_than_any_card_field_is_not_read() -> None:
    document = open_form(b"m=1&n=" + b"4" * ((1 << 20) + 1))
    assert document.text(only(document, "m")) == "1"
    with pytest.raises(MessageForbidden):
        document.text(only(document, "n"))
    with pytest.raises(MessageForbidden):
        open_form(b"n" * ((1 << 20) + 1))


def test_a_node_shows_no_content() -> None:
    document = open_form(b"card[number]=4111111111111111")
    assert "4111" not in repr(only(document, "card[number]"))
    with pytest.raises(MessageUnfit):
        document.text("not a node")


def test_p14_the_input_is_not_in_the_exception() -> None:
    with pytest.raises(MessageMalformed) as caught:
        open_form(PAN.encode() + b"%FF=1")
    assert PAN not in "".join(traceback.format_exception(caught.value))


def change(body: bytes, *changes: object) -> bytes:
    """Applies changes written as (kind, path, ...) to a body."""
    document = open_form(body)
    made = []
    for kind, *arguments in changes:
        if kind is Insert:
            made.append(Insert(document.root, Members(arguments[0]), *arguments[1:]))
        elif kind is Add:
            node = only(document, arguments[0])
            made.append(Add(document.root, path(arguments[1]), node, *arguments[2:]))
        else:
            made.append(kind(only(document, arguments[0]), *arguments[1:]))
    return document.splice(made).body


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("4111111111111111", b"4111111111111111"),
        ("Ana María & Co=1", b"Ana+Mar%C3%ADa+%26+Co%3D1"),
        ("a/b~c[d]+%", b"a%2Fb~c%5Bd%5D%2B%25"),
        ("", b""),
    ],
)
def test_set(text: str, written: bytes) -> None:
    assert change(b"&a=1&n=x+y&&b=%zz&", (Set, "n", text)) == b"&a=1&n=" + written + b"&&b=%zz&"


def test_set_a_field_without_a_value() -> None:
    assert change(b"a=&n&b=1", (Set, "n", "x"), (Set, "a", "y")) == b"a=y&n=x&b=1"


def test_set_a_number_is_no_different() -> None:
    assert change(b"n=", (Set, "n", "0123", True)) == b"n=0123"


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        ("a", b"b=2&c=3&d=4"),
        ("b", b"a=1&c=3&d=4"),
        ("d", b"a=1&b=2&c=3"),
        ("bc", b"a=1&d=4"),
        ("cd", b"a=1&b=2"),
        ("db", b"a=1&c=3"),
        ("abcd", b""),
    ],
)
def test_remove(removed: str, left: bytes) -> None:
    assert change(b"a=1&b=2&c=3&d=4", *((Remove, name) for name in removed)) == left


def test_remove_keeps_empty_pairs() -> None:
    assert change(b"&&a=1&&b=2&", (Remove, "a")) == b"&&&b=2&"
    assert change(b"a=1&&b=2", (Remove, "b")) == b"a=1&"


def test_add_stands_right_after_the_number() -> None:
    assert change(b"a=1&n=2&b=3", (Add, "n", "card[exp_month]", "é")) == (
        b"a=1&n=2&card[exp_month]=%C3%A9&b=3"
    )
    adds = ((Add, "n", "x", "1"), (Add, "n", "y", "2"))
    assert change(b"n=2", *adds) == b"n=2&x=1&y=2"
    assert change(b"n&b=3", (Set, "n", "2"), *adds) == b"n=2&x=1&y=2&b=3"
    assert change(b"a=1&n=2&b=3", (Remove, "n"), (Remove, "b"), *adds) == b"a=1&x=1&y=2"
    assert change(b"a=1&n=2&b=3", (Remove, "n"), (Remove, "a"), *adds) == b"x=1&y=2&b=3"
    assert change(b"n=2", (Remove, "n"), *adds) == b"x=1&y=2"


def test_add_is_unfit() -> None:
    for name in ("b", "$"):
        with pytest.raises(MessageUnfit):
            change(b"n=1&b=2", (Add, "n", name, "x"))
    with pytest.raises(MessageUnfit):
        change(b"n=1", (Add, "n", "x", "1"), (Add, "n", "x", "1"))


def test_insert() -> None:
    members = (("card[id]", "{id}"), ("b", "{id}{id}"))
    assert change(b"a=1&b=2", (Insert, members, {"id": "7"})) == b"a=1&b=77&card[id]=7"
    assert change(b"", (Insert, members, {"id": "7"})) == b"card[id]=7&b=77"
    assert change(b"a=1&", (Insert, members[:1], {"id": "7"})) == b"a=1&&card[id]=7"


def test_insert_for_several_cards_loses_no_token() -> None:
    first = (Insert, (("id", "{id}"),), {"id": "10"}, 1)
    second = (Insert, (("id", "{id}"),), {"id": "20"}, 2)
    assert change(b"a=1", first, second) == b"a=1&id=10&id_2=20"
    assert change(b"id=", first, second) == b"id=10&id_2=20"


def test_insert_is_unfit() -> None:
    document = open_form(b"a=1")
    pair = only(document, "a")
    for insert in (
        Insert(pair, Members((("b", "1"),)), {}),
        Insert(document.root, Element("b"), {}),
        Insert(document.root, Members((("b", "{unknown}"),)), {}),
        Insert(document.root, Members((("b", "1"), ("b", "2"))), {}),
    ):
        with pytest.raises(MessageUnfit):
            document.splice([insert])


@pytest.mark.parametrize(
    "changes",
    [
        ((Set, "n", "x"), (Set, "n", "x")),
        ((Set, "n", "x"), (Remove, "n")),
        ((Remove, "n"), (Remove, "n")),
        ((Remove, "n"), (Insert, (("n", "x"),), {})),
    ],
)
@pytest.mark.parametrize("body", [b"n", b"n=", b"n=1", b"n&b=1", b"a=1&n="])
def test_changes_that_do_not_fit(body: bytes, changes: tuple[object, ...]) -> None:
    with pytest.raises(MessageUnfit):
        change(body, *changes)


def test_the_whole_form_is_not_changed() -> None:
    document = open_form(b"a=1")
    for wrong in (Set(document.root, "x"), Remove(document.root)):
        with pytest.raises(MessageUnfit):
            document.splice([wrong])


def test_text_that_is_no_unicode_is_unfit() -> None:
    with pytest.raises(MessageUnfit) as caught:
        change(b"n=1", (Set, "n", PAN + "\ud800"))
    assert PAN not in "".join(traceback.format_exception(caught.value))


def test_p15_no_change_gives_the_same_bytes() -> None:
    for body in (b"", b"&", b"a", b"a=1&&b=%zz;&", CHARGE):
        assert open_form(body).splice([]) == Spliced(body, [])


def test_edits_name_the_bytes() -> None:
    document = open_form(CHARGE)
    spliced = document.splice([Set(only(document, "card[number]"), "4")])
    assert spliced.edits == [Edit(23, 30, b"4")]


@pytest.mark.parametrize(
    "body",
    [
        b"\ngcode=987", b" gcode=987", b"+gcode=987", b"gcode%00x=987", b"a=1&%0Agcode=987",
        b"\xef\xbb\xbfgcode=987", b"%EF%BB%BFgcode=987&a=1", b"\0gcode=987", b"a=1&%00+gcode=987",
        b"gcode[]=987", b"gcode%5B%5D=987", b"gcode[0]=987", b"gcode[ 1 ]=987",
    ],
)  # fmt: skip
def test_p14_a_name_that_some_readers_take_for_a_named_one_is_refused(body: bytes) -> None:
    document = open_form(body)
    with pytest.raises(MessageForbidden):
        document.select(path("gcode"))
    assert document.select(path("number")) == []
