"""What is told of a message without a tree is what a tree would tell."""

from __future__ import annotations

import pathlib
import random
import threading

import pytest

from gateway.codecs import xml_parser
from gateway.codecs.xml import open_xml, open_xml_with_doctype, reads_as_xml
from gateway.codecs.xml_source import read_source
from gateway.errors import MessageForbidden, MessageMalformed

CORPUS = pathlib.Path(__file__).parent.parent / "corpus" / "xml"
CARD = b"4111111111111111"


def opens(body, *, doctype=False):
    try:
        (open_xml_with_doctype if doctype else open_xml)(body)
    except (MessageForbidden, MessageMalformed):
        return False
    return True


@pytest.mark.parametrize(
    "body",
    [
        b"<a/>",
        b"\xef\xbb\xbf <a>\xc3\xa9</a>\n<!-- end -->",
        b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
        b'<a xmlns:p="urn:u"><p:b p:c="1" c="1"/><?do it?><![CDATA[<x>]]></a>',
        b'<a xmlns="relative"><b xml:space="some" xml:lang="??"/></a>',
        b"<a>" * 256 + b"</a>" * 256,
        b"<!DOCTYPE a><a/>",
        b'<a xml:id="x"/>',
        b'<a t="&#33;"/>',
    ],
)
def test_p12_what_a_tree_takes_reads_without_one(body):
    assert opens(body)
    assert reads_as_xml(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>x",
        b"<a>&e;</a>",
        b"<a>&#0;</a>",
        b"<a>]]></a>",
        b"<a>\x01</a>",
        b"<a>\xff</a>",
        b'<?xml version="1.0" encoding="windows-1252"?><a>\x81</a>',
        b"<a b='<'/>",
        b'<a b="1" b="2"/>',
        # Namespaces: mistakes that are none to the parser where it builds no tree.
        b"<p:a/>",
        b'<a p:b="1"/>',
        b'<a xmlns:p="u:u" xmlns:q="u:u" p:b="1" q:b="2"/>',
        b'<a xmlns:p=""/>',
        b'<a xmlns:xml="u:u"/>',
        b'<a xmlns:xmlns="u:u"/>',
        b'<a xmlns="http://[x"/>',
        b"<a:/>",
        b"<:a/>",
        b'<a:b:c xmlns:a="u:u"/>',
        b"<?a:b x?><a/>",
        # What only a tree shows.
        b'<a xml:id="x"><b xml:id="x"/></a>',
        b'<a xml:id="1 2"/>',
        b'<a xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="b"/></a>',
        b'<a xmlns:x="http://www.w3.org/2001/XInclud&#101;"><x:include href="b"/></a>',
        b"<a>" * 257 + b"</a>" * 257,
        b"<" + b"x" * 60_000 + b"/>",
        b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a><!DOCTYPE a></a>",
    ],
)  # fmt: skip
def test_p12_what_a_tree_refuses_does_not_read_without_one(body):
    assert not opens(body)
    assert not reads_as_xml(body)


def test_p12_as_many_levels_as_a_tree_takes():
    for levels in (256, 257):
        body = b"<r>" + b"<a>" * (levels - 1) + b"</a>" * (levels - 1) + b"</r>"
        assert opens(body) is (levels == 256)
        assert xml_parser.parses(read_source(body)) is (levels == 256)


def test_p12_a_dtd_that_a_rule_allows_is_looked_at_as_ever():
    named, entity = (b'<!DOCTYPE a SYSTEM "a.dtd"><a>%b</a>' % inside for inside in (b"x", b"&e;"))
    assert reads_as_xml(named, doctype=True)
    assert not reads_as_xml(named)
    assert not reads_as_xml(entity, doctype=True)


def test_p12_a_text_longer_than_the_parser_takes():
    body = b"<a>" + b"x" * 10_000_001 + b"</a>"
    assert len(body) > xml_parser._MOST
    assert not opens(body)
    assert not reads_as_xml(body)


def test_a_message_that_is_in_order_builds_no_tree(monkeypatch):
    monkeypatch.setattr("gateway.codecs.xml.parse", None)
    assert reads_as_xml(b"<a>%b</a>" % (b'<b n="1">x</b>' * 1000))


@pytest.mark.parametrize(
    "body",
    [
        b"<!-- c --><a></a>",
        b"<a></a><!-- c -->",
        b"<a></a><?p?>",
        b"<a/>",
        b"<a><a></a></a>",
        b"<a><ab></ab></a>",
        b'<a><b xml:id="x"/></a>',
    ],
)
def test_what_bytes_do_not_tell_is_told_by_a_tree(body):
    assert xml_parser.parses(read_source(body)) is None
    assert reads_as_xml(body)


@pytest.mark.parametrize(
    "body",
    [b"<a></a><a></a>", b"<a></a>x", b"<a></b></a>", b"<a/><b></a>", b"<a></a><!-- </a>", b"<a></a></x><x>", b"<a></x><x></a>",
     b"<a/><a></a>", b"<a/>4111111111111111<a></a>", b"<a b='>'/><a></a>", b'<a b="/>" /><a></a>', b"<a/><a/></a>"],
)  # fmt: skip
def test_p12_nothing_slips_in_beside_the_outermost_element(body):
    assert not opens(body)
    assert not xml_parser.parses(read_source(body))
    assert not reads_as_xml(body)


def test_p16_no_parser_is_kept_that_has_seen_a_mistake():
    """Its list of mistakes quotes the message."""
    for body in (
        b"<a><b%b></a>" % CARD,
        b"<p%b:a></p%b:a>" % (CARD, CARD),
        b"<a><!DOCTYPE a></a>",
    ):
        assert xml_parser.parses(read_source(b"<a></a>"))
        assert xml_parser.parses(read_source(body)) is False
        assert xml_parser._for_nobody.cache_info().currsize == 0
    xml_parser.parse(read_source(b"<a/>"))
    with pytest.raises(MessageMalformed) as caught:
        xml_parser.parse(read_source(b"<a><b%b></a>" % CARD))
    assert caught.value.__context__ is None
    assert xml_parser._for_trees.cache_info().currsize == 0


def test_each_thread_and_encoding_has_a_parser_of_its_own():
    """One that is shared would have another message's mistakes, or wait for a large message."""
    seen = []

    def look():
        ident = threading.get_ident()
        assert xml_parser.parses(read_source(b"<a></a>"))
        seen.append(xml_parser._for_nobody("utf-8", ident))

    look()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen[0] is not seen[1]
    assert xml_parser.parses(read_source(b'<?xml version="1.0" encoding="latin-1"?><a>\xe9</a>'))
    assert not xml_parser.parses(read_source(b"<a>\xe9</a>"))


PIECES = [
    b"<", b">", b"/>", b"</", b"<a>", b"</a>", b"<a:b>", b"p:", b":", b'"', b"'", b"=", b"&", b"&amp;", b"&e;", b"&#x41;", b"&#1;",
    b"<!--", b"-->", b"--", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<!DOCTYPE a>", b" xmlns:p='u:u'", b" xmlns=''", b" xmlns:xml='u'",
    b" p:a='1'", b" a='1'", b" a='2'", b" xml:id='i'", b"\0", b"\x0b", b"\x80", b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    b"\xef\xbf\xbf", b" ", b"\n", b"xi:include xmlns:xi='http://www.w3.org/2001/XInclude'", b"<a>" * 256,
]  # fmt: skip


def changed(body, chance):
    """A message with some bytes dropped, doubled, or others put in."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(body) + 1)
        some = body[at : at + chance.randrange(1, 40)]
        new = (b"", some + some, chance.choice(PIECES) + some)[chance.randrange(3)]
        body = body[:at] + new + body[at + len(some) :]
    return body


def test_p12_with_and_without_a_tree_come_to_the_same():
    chance = random.Random(20261123)  # no secret
    seen = {True: 0, False: 0}
    small = [b'<a xmlns:p="u:u"><p:b p:c="1" c="2">x</p:b><b/></a>', b"<a><b>x</b></a>"] * 40
    for message in (*(file.read_bytes() for file in sorted(CORPUS.iterdir())), *small):
        if len(message) > 20_000:
            continue
        for body in (message, *(changed(message, chance) for _ in range(40))):
            for doctype in (False, True):
                reads = reads_as_xml(body, doctype=doctype)
                assert reads == opens(body, doctype=doctype), body
                seen[reads] += 1
    assert min(seen.values()) > 500
