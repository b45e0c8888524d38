"""Plain text: what a path finds, what may be written, and that no message makes a path slow."""

from __future__ import annotations

import csv
import io
import re
import time
from email.parser import Parser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.codecs import open_document
from gateway.codecs.document import Add, Insert, Members, Remove, Set
from gateway.codecs.paths import PathError, parse_path
from gateway.errors import MessageForbidden, MessageUnfit

MAIL = b"Card number: 4111 1111 1111 1111\r\nExpires: 09/27 (soon)\nName: J\xc3\xb6rg\n\nCard number:\n"


def found(body: bytes, path: str, within: str = "$") -> list[str]:
    document = open_document("text", body)
    return [
        document.text(node)
        for top in document.select(parse_path(within, "text"))
        for node in document.select(parse_path(path, "text"), top)
    ]


@pytest.mark.parametrize(
    ("body", "path", "values"),
    [
        (MAIL, "Card number: {}", ["4111 1111 1111 1111"]),
        (MAIL, "^Card number:{}", ["4111 1111 1111 1111", ""]),
        (MAIL, "Expires: {} (", ["09/27"]),
        (MAIL, "Expires: {5}", ["09/27"]),
        (MAIL, "^Name: {}\n", ["Jörg"]),
        (MAIL, "1111\nExpires: {}", ["09/27 (soon)"]),
        (MAIL, "number: {*4} {*} {*4} {}", ["1111"]),
        (MAIL, "card number: {}", []),
        (b"C" + b"aaaX" * 25 + b"a" * 200 + b"XY", "C{}XY", []),  # a value has 256 signs at most
        (b"C" + b"aaaX" * 25 + b"a" * 100 + b"XY", "C{}XY", ["aaaX" * 25 + "a" * 100]),
        (MAIL.decode().encode("latin-1"), "Name: {}", ["Jörg"]),
        (b"a;b c;d\n;;\n1;2", "^{*};{};", ["b c", ""]),
        (b"a;b c;d\n;;\n1;2", "{*};{};", ["b c", ""]),
        (b"a;b c;d\n;;\n1;2", "^{*};{}", ["b c;d", ";", "2"]),
        (b"card 4111 1111 exp 1230 cvc", "card {} exp", ["4111 1111"]),
        (b"card 4111 e exp", "card {} exp", ["4111 e"]),
        (b"card 4111\n exp", "card {} exp", []),
        (b"A" + b"1" * 256 + b";", "A{};", ["1" * 256]),
        (b"A" + b"1" * 257 + b";", "A{};", []),
        (b"A" + b"1" * 257, "A{}", []),
        (b"x" * 20, "x{*2}{3}", ["xxx"] * 3),
        (b"", "a{}", []),
        (b"a", "a{}", [""]),
        (b'"a":null,', '"a":{},', [""]),
        (b'"a":null,', '"a":{4}', ["null"]),
        (b'"a":nulls,"a":Null,', '"a":{},', ["nulls", "Null"]),
        (b"[1](2){x", "[1]({}){*}", ["2"]),
        (b"[1](2)", "[1]({})", ["2"]),
        (b"\xef\xbb\xbfa: 1", "a: {}", ["1"]),
        (b"a;b c;d\r;;\r1;2", "^{*};{};", ["b c", ""]),
        (b"a;b c;d\r;;\r1;2", "{*};{}", ["b c;d", ";", "2"]),
        (b"a: 1\r\nb: 2\ra: 3\na: 4 a: 5", "^a: {}", ["1", "3", "4 a: 5"]),
        (b"a;1\r\r\n\n\ra;2\r", "^a;{}", ["1", "2"]),
        (b"1\rb: 2\r\nb: 3\nb: 4", "^b: {}\r", ["2", "3", "4"]),
        (b"1\rb: 2\r\nb: 3\nb: 4", "b: {}\r\nb: 3", ["2"]),
    ],
)
def test_what_a_path_finds(body, path, values):
    assert found(body, path) == values


@pytest.mark.parametrize(
    ("body", "path", "values"),
    [
        (b"x\nGuest A\n1\nEnd\nGuest B\n2\nEnd", "Guest{...}End", ["Guest A\n1\n", "Guest B\n2\n"]),
        (b"Guest A\nGuest B\nEnd", "Guest{...}End", ["Guest A\nGuest B\n"]),
        (b"Guest A\nGuest B", "Guest{...}End", ["Guest A\nGuest B"]),
        (b"a Guest\nGuest\r\nx\n\ny", "^Guest{...}\n\n", ["Guest\r\nx"]),
        (b"a\r\n\n  \n b\nc", "{line}", ["a", " b", "c"]),
        (b"a\r\r  \r b\rc\r", "{line}", ["a", " b", "c"]),
        (b"a Guest\rGuest\rx\r\ry", "^Guest{...}\n\n", ["Guest\rx"]),
    ],
)
def test_what_a_part_of_a_text_is(body, path, values):
    assert found(body, path) == values


@pytest.mark.parametrize(
    ("body", "part", "path", "values"),
    [
        (b"[a=1;b=2][a=;b=][a=3;b=4]", "[{...}]", "b={}]", ["2", "", "4"]),
        (b"[a=1;b=2][a=3;b=4]", "[{...}]", "b={}", ["2", "4"]),
        (b"[a=1;b=2][a=3;b=4]", "[{...}]", "b={}][", []),
        (b"[a=1;b=2][a=3;b=4]", "[{...}]", "]{}]", []),
        (b"[a=1]2][a=3]", "[{...}]", "a={}]2]", []),
        (b"<1 b=2></1><1 b=3></1>", "<1{...}></1>", "b={1}></1>", ["2", "3"]),
        (b"c\nx=1\n\nc\nx=2\n\n", "c{...}\n\n", "\nx={}\n", ["1", "2"]),
        (b"c\r\nx=1\r\n\r\nc\r\nx=2", "c{...}\n\n", "\nx={}\n", ["1", "2"]),
        (b"a 1\nb 2", "{line}", "^b {}\n", ["2"]),
        (b"a 1\nb 2", "$", "^b {}\n", ["2"]),
        (b"a 1\nb 2", "$", "^a {}\nb {*}", ["1"]),
        (b"a 1\nb 2", "$", "^b {}\n\n", []),
        (b"b " + b"2" * 257, "$", "b {}\n", []),
        (b"b 23", "$", "b {1}\n", []),
    ],
)
def test_what_ends_a_part_or_the_text_may_end_its_last_value(body, part, path, values):
    assert found(body, path, part) == values


def test_a_value_is_looked_for_in_its_part_alone():
    body = b"1;a;x\n2;b;y\n"
    assert found(body, "^{*};{};", "{line}") == ["a", "b"]
    assert found(body, "^{*};{*};{}", "{line}") == ["x", "y"]
    assert found(b"Guest A\nNo: 1\nEnd No: 2", "No: {}", "Guest{...}End") == ["1"]


def test_two_paths_to_the_same_signs_lead_to_one_place():
    """Else two cards could have one expiry, or one number be written twice."""
    document = open_document("text", b"exp 12/2030 \nexp\n")

    def place(path):
        (node,) = document.select(parse_path(path, "text"))
        return node

    one = place("^exp {} ")
    assert {one, place("exp {}"), place("exp {7}")} == {one}
    assert one != place("exp {2}")
    assert one != place("exp 1{}")
    assert one != (4, 11)


@pytest.mark.parametrize(
    "path",
    [
        "", "abc", "{}{}", "a{}b{}", "a{", "a}{}", "{*}", "a{*}", "{16", "{0}", "{257}", "{999}x", "a{}{*}", "{*}{}",
        "a{...}", "{...}a", "^{...}a", "a{...}b{}", "a{...}b{...}c", "{line};{}", "a^{}", "a{ }", "a{n}", "\x00{}",
        "\u200b{}", "\ud800{}", "//a/@b", "$.a", "[*]",
    ],
)  # fmt: skip
def test_what_is_no_path(path):
    if path == "a{...}":  # up to the end
        assert parse_path(path, "text").steps
        return
    with pytest.raises(PathError):
        parse_path(path, "text")


@pytest.mark.parametrize("body", [b"a\0b", b"\xff\xfea\0", b"\xfe\xff\0a", b"a" * ((1 << 19) + 1)])
def test_what_is_no_text_is_refused(body):
    with pytest.raises(MessageForbidden):
        open_document("text", body)


def test_p15_only_the_value_changes():
    document = open_document("text", MAIL)
    (number,) = document.select(parse_path("Card number: {}", "text"))
    (name,) = document.select(parse_path("Name: {}", "text"))
    assert document.splice([]).body == MAIL
    spliced = document.splice([Set(number, "4111"), Remove(name)])
    assert spliced.body == MAIL.replace(b"4111 1111 1111 1111", b"4111").replace(
        b"J\xc3\xb6rg", b""
    )
    assert len(spliced.edits) == 2


@pytest.mark.parametrize(
    ("body", "path", "text"),
    [
        (b"a;b", "^{};", "x;y"), (b"a;b", "^{};", "x\ny"), (b"a;b", "^{};", "x\r"), (b"ab", "^{2}", "abc"),
        (b"card 1 exp", "card {} exp", "1 exp 2"), (b"\xf6;b", "^{};", "\u4e2d"), (b"a;b", "^{};", "\ud800"),
    ],
)  # fmt: skip
def test_what_another_reader_would_take_for_more_than_a_value_is_refused(body, path, text):
    document = open_document("text", body)
    (node,) = document.select(parse_path(path, "text"))
    with pytest.raises(MessageUnfit):
        document.splice([Set(node, text)])


def test_columns_stay_where_they_are():
    document = open_document("text", b"ab4111  cd")
    (node,) = document.select(parse_path("^ab{6}", "text"))
    assert document.splice([Set(node, "1")]).body == b"ab1     cd"
    assert document.splice([Remove(node)]).body == b"ab      cd"


def test_nothing_is_added_to_a_text_or_changed_twice():
    document = open_document("text", b"a=&b=1")
    (node,) = document.select(parse_path("a={}&", "text"))
    path = parse_path("c={}", "text")
    for changes in (
        [Add(document.root, path, node, "1")],
        [Insert(document.root, Members((("c", "1"),)), {})],
        [Set(node, "1"), Set(node, "2")],
        [Set("a place of another document", "1")],
    ):
        with pytest.raises(MessageUnfit):
            document.splice(changes)
    assert document.select(parse_path("$.a", "json")) == []


CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters=';"\r\n\0', exclude_categories=("C", "Z")),
    max_size=9,
).filter("null".__ne__)  # which is an empty one here


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_p15_columns_are_those_of_another_reader(rows, end):
    body = "".join(f"{a};{b};{c}{end}" for a, b, c in rows).encode()
    read = [row[1] for row in csv.reader(io.StringIO(body.decode(), newline=None), delimiter=";")]
    assert found(body, "^{*};{};") == read
    document = open_document("text", body)
    nodes = document.select(parse_path("^{*};{};", "text"))
    changed = document.splice([Set(node, "new") for node in nodes]).body
    assert changed.decode() == "".join(f"{a};new;{c}{end}" for a, _, c in rows)


@given(st.text("a ;\r\n", max_size=40))
def test_a_line_is_what_another_reader_takes_for_one(text):
    """Python's lines of bytes: LF, CRLF and CR end them, nothing else does."""
    body = text.encode()
    lines = [line.decode() for line in body.splitlines()]
    assert found(body, "{line}") == [line for line in lines if line.strip()]
    values = [line[2:].strip() for line in lines if line.startswith("a;")]
    assert found(body, "^a;{}") == values
    document = open_document("text", body)
    nodes = document.select(parse_path("^a;{}", "text"))
    changed = document.splice([Set(node, "new") for node in nodes]).body
    assert found(changed, "^a;{}") == ["new"] * len(values)
    assert len(changed) == len(body) + sum(len("new") - len(value) for value in values)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=60))
@example("null")
def test_a_line_with_a_name_says_what_it_says_to_a_mail_reader(value):
    body = f"Subject: x\nNumber: {value}\nOther: 1\n"
    wanted = Parser().parsestr(body)["Number"].strip()
    assert found(body.encode(), "^Number: {}") == ["" if wanted == "null" else wanted]


@given(
    st.binary(max_size=300).filter(
        lambda body: b"\0" not in body and body[:2] not in {b"\xff\xfe", b"\xfe\xff"}
    )
)
def test_p15_any_bytes_come_back(body):
    document = open_document("text", body)
    for path in ("^{};", "{line}", "a{...}b", "a{}", "^{3}"):
        assert all(
            isinstance(document.text(node), str)
            for node in document.select(parse_path(path, "text"))
        )
    assert document.splice([]).body == body


@pytest.mark.parametrize(
    "path",
    [
        "A{*};{};",
        "A{} A",
        "A {} A B",
        "{*};{*};{*};{};",
        "^{*} A {*} B{}",
        "{line}",
        "A{...}B",
        "A{*2}{3};",
        "A\nA{};",
    ],
)
@pytest.mark.parametrize(
    "sign", [b"A", b"A ", b"A A", b" ", b";", b"\n", b"A\n", b"A;", b"\r", b" \n"]
)
def test_no_message_makes_a_path_slow(path, sign):
    body = sign * ((1 << 18) // len(sign))
    document = open_document("text", body)
    begun = time.process_time()
    try:
        document.select(parse_path(path, "text"))
    except MessageForbidden:
        assert re.search(b"\n|;|A", sign)  # too many places
    assert time.process_time() - begun < 4
