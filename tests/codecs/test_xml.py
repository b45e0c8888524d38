from __future__ import annotations

import codecs
import socket
import traceback

import pytest

from gateway.codecs.document import Element, Insert, Set
from gateway.codecs.paths import Path, Step
from gateway.codecs.xml import open_xml, parse_fragment, read_texts
from gateway.errors import GatewayError, MessageForbidden, MessageMalformed, MessageUnfit
from tests.codecs.xml_places import Message, xml

TOKEN = parse_fragment(
    "<PaycometResponse><iduser>{iduser}</iduser><tokenuser>{tokenuser}</tokenuser></PaycometResponse>"
)


# --- finding ---------------------------------------------------------------------------------------

HOTEL = """<s:E xmlns:s="urn:s" xmlns="urn:d" xmlns:t="urn:s"><List>
  <B n="1"><ID Type="10" ID="x"/><ID Type="14" ID="one"/><Card n="1a"/><Sub><Card n="1b"/><Card n="1c"/></Sub></B>
  <s:B n="2"><ID Type="14" ID="two"/><s:Card s:n="2a" n="plain"/><t:Card n="2b"/></s:B>
</List></s:E>"""


@pytest.mark.parametrize(
    ("path", "within", "expected"),
    [
        ("//B/@n", None, ["1", "2"]),
        ("//s:B/@n", None, ["2"]),
        ("/E/List/B/@n", None, ["1", "2"]),
        ("/s:E/List/B/@n", None, ["1", "2"]),
        ("/t:E/List/B/@n", None, []),
        ("/List/B/@n", None, []),
        ("/@n", None, []),
        ("List/B/@n", None, ["1", "2"]),
        ("E/List/B/@n", None, []),
        (".//Card/@n", "//B[@n='1']", ["1a", "1b", "1c"]),
        ("Card/@n", "//B[@n='1']", ["1a"]),
        ("./Card/@n", "//B[@n='1']", ["1a"]),
        ("Card", "//B[@n='1']/@n", []),
        ("@n", "//B[@n='1']", ["1"]),
        (".", "//B[@n='1']/@n", ["1"]),
        ("//Card/@n", "//B[@n='1']", ["1a", "1b", "1c", "2a", "plain", "2b"]),
        ("//t:Card/@n", None, ["2b"]),
        ("//Card/@s:n", None, ["2a"]),
        ("//Card/@t:n", None, []),
        ("//Card/@x:n", None, []),
        ("//Card[2]/@n", None, ["1c", "2b"]),
        ("Card[2]/@n", "//B[@n='2']", ["2b"]),
        ("Card[3]/@n", "//B[@n='2']", []),
        ("ID[@Type='14']/@ID", "//B[@n='1']", ["one"]),
        ("ID[@x:Type='14']/@ID", "//B[@n='1']", []),
        ("//Card[@n='plain']/@n", None, ["2a", "plain"]),
        ("//Nothing", None, []),
    ],
)
def test_paths_lead_where_they_say(path: str, within: str | None, expected: list[str]) -> None:
    assert Message(HOTEL).texts(path, within) == expected


def test_no_path_is_the_node_at_hand() -> None:
    message = Message(HOTEL)
    assert message.document.select(xml(".")) == (message.document.root,)


def test_an_attribute_step_takes_no_condition() -> None:
    message = Message('<a n="1"/>')
    for step in (Step("attribute", "n", index=2), Step("attribute", "n", where=("n", "1"))):
        assert message.document.select(Path("?", (step,))) == []
    assert len(message.document.select(Path("?", (Step("attribute", "n", index=1),)))) == 1


def test_nested_places_come_once_and_in_order() -> None:
    message = Message(
        '<a><b n="1"><b n="2"><c n="x"/></b><c n="y"/></b><b n="3"><c n="z"/></b></a>'
    )
    assert message.texts("//b//c/@n") == ["x", "y", "z"]
    assert message.texts("//b/c/@n") == ["x", "y", "z"]
    assert message.texts("//b//b/@n") == ["2"]


def test_the_prefix_xml_needs_no_declaration() -> None:
    assert Message('<a xml:lang="de"/>').texts("/a/@xml:lang") == ["de"]
    assert Message('<a xml:lang="de"/>').texts("/a/@lang") == ["de"]


def test_places_show_no_content() -> None:
    message = Message('<a n="4111111111111111">4111111111111111</a>')
    assert "4111" not in repr(message.places("/a/@n")) + repr(message.places("/a"))


def test_another_codecs_node_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        Message("<a/>").document.text(object())


# --- encodings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("iso-8859-5", b""),
        ("iso-8859-1", b""),
        ("windows-1252", b""),
    ],
)
def test_p15_values_are_written_in_the_documents_own_encoding(encoding: str, mark: bytes) -> None:
    name = "utf-16" if encoding.startswith("utf-16") else encoding
    text = f'\n<?xml version="1.0" encoding="{name}"?><a b="1"><c/></a>'
    document = open_xml(mark + text.encode(encoding))
    assert document.encoding == encoding
    value = "Zoë Пётр 山 𝄞 €"
    (attribute,) = document.select(xml("/a/@b"))
    (leaf,) = document.select(xml("/a/c"))
    body = document.splice([Set(attribute, value), Set(leaf, value)]).body
    expected = (
        text.replace('"1"', f'"{value}"')
        .replace('"1".0', '"1.0')
        .replace("<c/>", f"<c>{value}</c>")
    )
    assert body == mark + expected.encode(encoding, "xmlcharrefreplace")
    again = open_xml(body)
    assert [again.text(place) for place in again.select(xml("/a/@b"))] == [value]
    assert [again.text(place) for place in again.select(xml("/a/c"))] == [value]


@pytest.mark.parametrize("number", [n for n in range(1, 17) if n != 12])
def test_p12_every_part_of_iso_8859_is_read(number: int) -> None:
    head = f'<?xml version="1.0" encoding="iso-8859-{number}"?><a n="'.encode()
    high = bytes(code for code in range(0xA0, 0x100) if _has(f"iso8859-{number}", code))
    document = open_xml(head + high + b'">x</a>')
    assert document.text(document.select(xml("/a/@n"))[0]) == high.decode(f"iso8859-{number}")
    changed = document.splice([Set(document.select(xml("/a"))[0], "y")]).body
    assert changed == head + high + b'">y</a>'


def _has(encoding: str, code: int) -> bool:
    try:
        bytes([code]).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def test_p15_where_two_decoders_disagree_nothing_is_changed() -> None:
    """Python has no character for 0xCA in windows-1255, libxml2 has one."""
    head = b'<?xml version="1.0" encoding="windows-1255"?>'
    document = open_xml(head + b'<a n="\xca" m="1"><b>\xca</b></a>')
    for path in ("/a/@m", "/a/b"):
        with pytest.raises(MessageUnfit):
            document.splice([Set(document.select(xml(path))[0], "2")])


def test_names_that_the_encoding_does_not_have_can_not_be_written() -> None:
    head = '<?xml version="1.0" encoding="iso-8859-1"?>'
    document = open_xml(f"{head}<a/>".encode("latin-1"))
    with pytest.raises(MessageUnfit):
        document.splice([Insert(document.root, Element("имя"), {})])


# --- attacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE a SYSTEM "http://{at}/a.dtd"><a/>',
        '<!DOCTYPE a PUBLIC "x" "http://{at}/a.dtd"><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "http://{at}/x">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://{at}/x"> %x;]><a/>',
        '<!DOCTYPE a SYSTEM "http://{at}/a.dtd" [<!ENTITY % y "z">]><a/>',
        '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="http://{at}/x"/></a>',
        '<?xml-stylesheet href="http://{at}/x" type="text/xsl"?><a/>',
        '<a xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:schemaLocation="u http://{at}/x"/>',
    ],
)
def test_p12_nothing_is_fetched(attack: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.05)
        at = f"127.0.0.1:{canary.getsockname()[1]}"
        try:
            document = open_xml(attack.replace("{at}", at).encode())
            document.splice([Set(document.root, "x")])
        except GatewayError:
            pass
        with pytest.raises(TimeoutError):
            canary.accept()


@pytest.mark.parametrize(
    "body",
    [
        b"<a>4111111111111111</b>",
        b"<a 4111111111111111/>",
        b"<a>4111111111111111\xff</a>",
        b"<a>&x4111111111111111;</a>",
        b"<4111111111111111/>",
        b'<?xml version="1.0" encoding="4111111111111111"?><a/>',
        codecs.BOM_UTF16_LE + b"4\x001\x001\x001\x001\x00\x00\xd8",
    ],
)
def test_p16_no_error_shows_the_message(body: bytes) -> None:
    with pytest.raises((MessageMalformed, MessageForbidden)) as caught:
        open_xml(body)
    error = caught.value
    assert "4111" not in "".join(traceback.format_exception(error))
    assert error.__cause__ is None
    assert error.__context__ is None


def test_p12_texts_over_ten_megabytes_are_refused_and_many_smaller_ones_are_not() -> None:
    million = b"x" * 1_000_000
    with pytest.raises(MessageForbidden):
        open_xml(b"<a>" + million * 10 + b"x</a>")
    with pytest.raises(MessageForbidden):
        open_xml(b'<a b="' + million * 10 + b'x"/>')
    text = b"<a>" + (b"<b>" + million * 9 + b"</b>") * 2 + b"<c/></a>"
    document = open_xml(text)
    (place,) = document.select(xml("//c"))
    assert document.splice([Set(place, "1")]).body == text.replace(b"<c/>", b"<c>1</c>")


# --- small helpers ---------------------------------------------------------------------------------


def test_templates() -> None:
    assert (
        Element(
            "PaycometResponse",
            (),
            (Element("iduser", (), (), "{iduser}"), Element("tokenuser", (), (), "{tokenuser}")),
        )
        == TOKEN
    )
    assert parse_fragment("\n<t a='{b}'>\n <u/>\n</t>\n") == Element(
        "t", (("a", "{b}"),), (Element("u"),)
    )
    assert parse_fragment("<t><![CDATA[ <{x}> ]]></t>") == Element("t", text=" <{x}> ")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("", "well-formed"),
        ("{iduser}", "well-formed"),
        ("<a>", "well-formed"),
        ("<a/><b/>", "well-formed"),
        ("<p:a/>", "well-formed"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "DOCTYPE"),
        ("<p:a xmlns:p='u'/>", "prefixes"),
        ("<a xmlns='u'/>", "prefixes"),
        ("<a xml:lang='de'/>", "prefixes"),
        ("<a><!-- x --></a>", "comment"),
        ("<a><?x?></a>", "comment"),
        ("<a>x<b/></a>", "text stands beside"),
        ("<a><b/>x</a>", "text stands beside"),
    ],
)
def test_templates_that_are_refused(template: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_fragment(template)


def test_reading_credentials() -> None:
    body = b"""<s:Envelope xmlns:s="urn:s"><s:Header><w:Security xmlns:w="urn:w"><w:UsernameToken>
      <w:Username>pms</w:Username><w:Password Type="PasswordText">a&amp;<![CDATA[b]]></w:Password>
      </w:UsernameToken></w:Security></s:Header></s:Envelope>"""
    assert read_texts(body, ("Username", "Password", "Nonce")) == {
        "Username": ["pms"],
        "Password": ["a&b"],
        "Nonce": [],
    }
    with pytest.raises(MessageForbidden):
        read_texts(body.replace(b"pms", b"p<!-- -->ms"), ("Username",))
    with pytest.raises(MessageMalformed):
        read_texts(body[:-1], ("Username",))
