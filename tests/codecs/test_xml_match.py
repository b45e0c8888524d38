"""The bytes and the parser must agree; here they are made to disagree, one thing at a time."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.codecs import xml_source
from gateway.codecs.document import Remove, Set
from gateway.codecs.paths import parse_path
from gateway.codecs.xml import open_xml
from gateway.codecs.xml_match import Matcher
from gateway.codecs.xml_parser import parse
from gateway.codecs.xml_scan import scan_tags
from gateway.codecs.xml_source import read_source
from gateway.codecs.xml_tree import Tree
from gateway.errors import MessageForbidden, MessageUnfit

PARSED = b'<a xmlns:p="u"><c n="1" p:m="2">x</c><c/></a>'


def matcher(scanned: bytes) -> tuple[Matcher, list[etree._Element]]:
    """The tree of `PARSED` with the bytes of another document."""
    root = parse(read_source(PARSED))
    source = read_source(PARSED)._replace(text=scanned)
    return Matcher(source, Tree(root, 0)), list(root)


def test_they_agree_on_what_was_parsed() -> None:
    both, elements = matcher(PARSED)
    tags = both.locate(elements)
    assert [PARSED[tag.start : tag.after] for tag in tags.values()] == [
        b'<c n="1" p:m="2">x</c>',
        b"<c/>",
    ]
    assert both.same_text(elements[0], tags[elements[0]])


@pytest.mark.parametrize(
    "scanned",
    [
        b'<a xmlns:p="u"><c n="1" p:m="2">x</c></a>',
        b'<a xmlns:p="u"><c n="1" p:m="2">x</c><c/><c/></a>',
        b'<a xmlns:p="u"><c/><c n="1" p:m="2">x</c></a>',
        b'<a xmlns:p="u"><c n="2" p:m="2">x</c><c/></a>',
        b'<a xmlns:p="u"><c n="&#50;" p:m="2">x</c><c/></a>',
        b'<a xmlns:p="u"><c k="1" p:m="2">x</c><c/></a>',
        b'<a xmlns:p="u"><c n="1" q:m="2">x</c><c/></a>',
        b'<a xmlns:p="u"><c n="1" m="2">x</c><c/></a>',
        b'<a xmlns:p="u"><c n="1">x</c><c/></a>',
        b'<a xmlns:p="u"><c n="1" p:m="2" k="3">x</c><c/></a>',
        b'<a xmlns:p="u"><p:c n="1" p:m="2">x</p:c><c/></a>',
        b'<a xmlns:p="u"><c n="1" p:m="2">x</c><!-- <c/> --></a>',
        b'<a xmlns:p="u"><c n="1" p:m="2">x</c><c/><!-- ',
        b'<a xmlns:p="u"><c n="1" p:m="2">x<c/></a>',
        b'<a xmlns:p="u"></c><c n="1" p:m="2">x</c><c/></a>',
        b'<a xmlns:p="u"><c n="\xff" p:m="2">x</c><c/></a>',
    ],
)
def test_p12_any_disagreement_is_refused(scanned: bytes) -> None:
    both, elements = matcher(scanned)
    with pytest.raises(MessageUnfit):
        both.locate(elements)


@pytest.mark.parametrize("inside", [b"y", b"<![CDATA[y]]>", b"x&#32;", b"\xff"])
def test_p12_a_text_that_differs_is_refused(inside: bytes) -> None:
    document = open_xml(PARSED)
    document._source = document._source._replace(text=PARSED.replace(b">x<", b">" + inside + b"<"))
    places = document.select(parse_path("/a/c", "xml"))
    with pytest.raises(MessageUnfit):
        document.splice([Set(places[0], "z")])
    assert document.splice([Remove(places[0])]).body == b'<a xmlns:p="u"><c/></a>'


def test_p12_a_doctype_that_only_the_parser_sees_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(xml_source, "_has_doctype", lambda text, start, doctypes: False)
    with pytest.raises(MessageForbidden):
        open_xml(b"<!DOCTYPE a><a/>")


def test_p12_utf_16_that_does_not_come_back_the_same_is_refused(monkeypatch) -> None:
    real = xml_source._transcode
    monkeypatch.setattr(
        xml_source, "_transcode", lambda data, old, new: real(data, old, new).replace(b"x", b"y")
    )
    with pytest.raises(MessageForbidden):
        open_xml(b"\xff\xfe" + "<x/>".encode("utf-16-le"))


def test_tags_tell_where_everything_is() -> None:
    text = b"<a><b n = '1'\n m=\"\" ><b/></b ></a>"
    outer, inner = scan_tags(text, 0, [b"b"])
    assert text[outer.start : outer.end] == b"<b n = '1'\n m=\"\" >"
    assert text[outer.close : outer.after] == b"</b >"
    assert {
        name: (text[space:start], text[start:end])
        for name, (space, start, end) in outer.attributes.items()
    } == {b"n": (b" n = '", b"1"), b"m": (b'\n m="', b"")}
    assert inner.self_closed
    assert (inner.close, inner.after) == (inner.end, inner.end)
