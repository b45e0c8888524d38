from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.paths import Path, PathError, Step, parse_cards, parse_path


def child(name: str, **more: Any) -> Step:
    return Step("child", name, **more)


def deep(name: str, **more: Any) -> Step:
    return Step("descendant", name, **more)


def attribute(name: str) -> Step:
    return Step("attribute", name)


def member(name: str) -> Step:
    return Step("member", name)


@pytest.mark.parametrize(
    ("text", "steps", "absolute"),
    [
        (".", (), False),
        ("@CardNumber", (attribute("CardNumber"),), False),
        ("a", (child("a"),), False),
        ("a/b/@c", (child("a"), child("b"), attribute("c")), False),
        ("./a", (child("a"),), False),
        ("/a/b", (child("a"), child("b")), True),
        ("//a", (deep("a"),), True),
        ("//a/*/@b", (deep("a"), Step("every"), attribute("b")), True),
        ('a[@b="it\'s"]', (child("a", where=("b", "it's")),), False),
        (".//a/@b", (deep("a"), attribute("b")), False),
        ("a//b", (child("a"), deep("b")), False),
        ("ota:PaymentCard", (child("ota:PaymentCard"),), False),
        ("a.b-c_1", (child("a.b-c_1"),), False),
        ("a[2]/b", (child("a", index=2), child("b")), False),
        (
            "UniqueID[@Type='14']/@ID",
            (child("UniqueID", where=("Type", "14")), attribute("ID")),
            False,
        ),
        ("//a[@b='x / [y] \"z\"']", (deep("a", where=("b", 'x / [y] "z"')),), True),
        ("a[@b='']", (child("a", where=("b", "")),), False),
        ("a[b='1']/c", (child("a", named=("b", "1")), child("c")), False),
        ("a[@p:b='c']", (child("a", where=("p:b", "c")),), False),
        ("//Карта/@Срок", (deep("Карта"), attribute("Срок")), True),
        ("氏名[種別='1']", (child("氏名", named=("種別", "1")),), False),
    ],
)
def test_xml(text: str, steps: tuple[Step, ...], absolute: bool) -> None:
    assert parse_path(text, "xml") == Path(text, steps, absolute=absolute)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "/", "//", "./", "..", "../", "../.", ".././a", "..//a", "a/../b", ".a", "a/", "a//", "a b", "a/.", "///a", "*", "/*", "//*", "a//*", "a/*b", "@*", "a/@*",
        "text()", "a[0]", "a[-1]", "a[1", "a[]", "a[b=1]", "@a[b='1']", "a[/b='1']", "a[@b=1]", "a[@b='1\"]", "a[1][2]",
        "@a/b", "//@a", "@", "a@b", "a|b", "1a", "a:b:c", ":a", "a:", "a\n", "$", "a.b[*]",
    ],
)  # fmt: skip
def test_xml_refuses(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text, "xml")


@pytest.mark.parametrize(
    ("text", "steps", "absolute"),
    [
        ("$", (), False),
        (".", (), False),
        ("$.card.number", (member("card"), member("number")), True),
        ("card.number", (member("card"), member("number")), False),
        ("card_number", (member("card_number"),), False),
        ("x-y.z2", (member("x-y"), member("z2")), False),
        ("$.data[*].a", (member("data"), Step("item"), member("a")), True),
        ("$[0][12]", (Step("item", index=0), Step("item", index=12)), True),
        ("[*].a", (Step("item"), member("a")), False),
        ("['any. name[0]'].b", (member("any. name[0]"), member("b")), False),
        ("$['a']['b']", (member("a"), member("b")), True),
        ("$..a.b", (Step("below", "a"), member("b")), True),
        ("..a", (Step("below", "a"),), False),
        ("$..['ota:Card'].b", (Step("below", "ota:Card"), member("b")), True),
        ("a..['@b']", (member("a"), Step("below", "@b")), False),
        ("a..b", (member("a"), Step("below", "b")), False),
        ("a[b='x y'].c", (member("a"), Step("item", named=("b", "x y")), member("c")), False),
        ("имя", (member("имя"),), False),
        ("$.a.*.b", (member("a"), Step("every"), member("b")), True),
    ],
)
def test_json(text: str, steps: tuple[Step, ...], absolute: bool) -> None:
    assert parse_path(text, "json") == Path(text, steps, absolute=absolute)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "$.", "$a", ".a", "a.", "a..", "$..", "...a", "..['']", "..['a", "..[0]", "..[*]", "a[b=1]", "[b='1'", "[='1']", "a b", "a[", "a[-1]", "a[01]", "a[?(@.b)]",
        "a[1:2]", "a['b", "a['']", 'a["b"]', "a.[0]", "a.['b']", "$$", "a..*", "a.*b", "*", "1a", "a[*]b",
        "a/b", "@a", "a\ud800", "a\n",
    ],
)  # fmt: skip
def test_json_refuses(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text, "json")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("card number", "['card number']"),
        ("$.a.card number.x", "$.a['card number'].x"),
        ("$.payments[*].card:no", "$.payments[*]['card:no']"),
        ("$.a..b d", "$.a..['b d']"),
        ("$.a.*.1st", "$.a.*['1st']"),
        ("a[0]['x y'].@pan", "a[0]['x y']['@pan']"),
    ],
)
def test_a_name_with_other_signs_is_told_how_it_is_written(text: str, meant: str) -> None:
    with pytest.raises(PathError, match=re.escape(f"is written `{meant}`")):
        parse_path(text, "json")
    assert parse_path(meant, "json")


def test_form() -> None:
    for text in ("$", "."):
        assert parse_path(text, "form") == Path(text, ())
    for text in ("card[number]", "payment_method_data[card][number]", "a.b", "@x", "/", "x y"):
        assert parse_path(text, "form") == Path(text, (Step("field", text),))
    assert parse_path("card%5Bnumber%5d", "form").steps == (Step("field", "card[number]"),)
    for text in (
        "cards[*]",
        "cards[*][number]",
        "[*]",
        "100%",
        "%5",
        "a%00",
        "",
        "a\0",
        "a\tb",
        "\ud800",
    ):
        with pytest.raises(PathError):
            parse_path(text, "form")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(PathError):
        parse_path("a", "yaml")


@settings(deadline=None)
@given(st.text(max_size=12) | st.text(alphabet="ab/@.[]*'$=1:", max_size=12))
def test_a_path_parses_or_is_refused(text: str) -> None:
    for format in ("xml", "json", "form"):
        try:
            path = parse_path(text, format)
        except PathError:
            continue
        assert path.text == text
        assert path.steps or text in (".", "$")


@pytest.mark.parametrize("format", ["xml", "json"])
def test_above(format: str) -> None:
    below = parse_path("a", format)
    assert parse_path("../a", format) == Path("../a", below.steps, up=1)
    assert parse_path("../../a", format) == Path("../../a", below.steps, up=2)
    with pytest.raises(PathError):
        parse_path("../" + ("$.a" if format == "json" else "/a"), format)


def test_nothing_is_above_a_form() -> None:
    with pytest.raises(PathError):
        parse_path("../a", "form")


def test_cards_in_a_row() -> None:
    for text in ("cards[*]", "a[cards][*]", "cards[*][card]"):
        assert parse_cards(text, "form") == Path(text, (Step("field", text),))
    assert parse_cards("a%5Bb%5D[*]", "form").steps == (Step("field", "a[b][*]"),)
    assert parse_cards("$", "form") == parse_path("$", "form")
    assert parse_cards("a[*]", "json") == parse_path("a[*]", "json")
    for text in ("[*]", "[*][number]", "a[*][*]", "a[*][b][*]"):
        with pytest.raises(PathError):
            parse_cards(text, "form")
