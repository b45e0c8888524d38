from __future__ import annotations

import codecs
import socket
import traceback

import pytest

from gateway.codecs.document import Add, Element, Insert, Members, Remove, Set
from gateway.codecs.paths import Path, Step, parse_path
from gateway.codecs.xml import open_xml, parse_fragment, read_texts
from gateway.errors import GatewayError, MessageForbidden, MessageMalformed, MessageUnfit

TOKEN = parse_fragment(
    "<PaycometResponse><iduser>{iduser}</iduser><tokenuser>{tokenuser}</tokenuser></PaycometResponse>"
)
VALUES = {"iduser": "7", "tokenuser": "aB3"}
WRITTEN = b"<PaycometResponse><iduser>7</iduser><tokenuser>aB3</tokenuser></PaycometResponse>"


def xml(text: str) -> Path:
    return parse_path(text, "xml")


class Message:
    """A document with short words for its places."""

    def __init__(self, text: str | bytes) -> None:
        self.body = text.encode() if isinstance(text, str) else text
        self.document = open_xml(self.body)

    def places(self, path: str, within: str | None = None):
        top = None if within is None else self.place(within)
        return self.document.select(xml(path), top)

    def place(self, path: str):
        (place,) = self.places(path)
        return place

    def texts(self, path: str, within: str | None = None) -> list[str]:
        return [self.document.text(place) for place in self.places(path, within)]

    def splice(self, *changes) -> str:
        return self.document.splice(changes).body.decode()


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


# --- changing --------------------------------------------------------------------------------------


def test_set_keeps_the_quotes_and_escapes_for_them() -> None:
    message = Message("<a b='1' c=\"2\"\n d = '3'>old</a>")
    value = "<\"&'>\t\n\rß"
    changes = [Set(message.place(f"/a/@{name}"), value) for name in "bcd"]
    assert message.splice(*changes, Set(message.place("/a"), value)) == (
        "<a b='&lt;\"&amp;&apos;&gt;&#9;&#10;&#13;ß' c=\"&lt;&quot;&amp;'&gt;&#9;&#10;&#13;ß\"\n"
        " d = '&lt;\"&amp;&apos;&gt;&#9;&#10;&#13;ß'>&lt;\"&amp;'&gt;\t\n&#13;ß</a>"
    )
    again = Message(message.splice(*changes, Set(message.place("/a"), value)))
    assert [*again.texts("/a/@b"), *again.texts("/a/@c"), *again.texts("/a")] == [value] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a><b>1</b></a>", "<a><b>x</b></a>"),
        ("<a><b/></a>", "<a><b>x</b></a>"),
        ("<a><b n='1' /></a>", "<a><b n='1' >x</b></a>"),
        ("<a><b></b ></a>", "<a><b>x</b ></a>"),
        ("<a><b><![CDATA[1]]>2</b></a>", "<a><b>x</b></a>"),
        ("<a><b>\n <![CDATA[1]]>\n</b></a>", "<a><b>x</b></a>"),
        ("<a><b> <![CDATA[1]]> <![CDATA[2]]></b></a>", "<a><b>x</b></a>"),
        ("<a><b> </b></a>", "<a><b>x</b></a>"),
        ("<a><b>  \r\n  1\r\n</b></a>", "<a><b>x</b></a>"),
        ("<a><b>\t\r\n\t\t1</b></a>", "<a><b>x</b></a>"),
        ("<a><b>   \r\n  </b></a>", "<a><b>x</b></a>"),
        ("<a><b>  <![CDATA[   ]]>1</b></a>", "<a><b>x</b></a>"),
        ("<a><b>\n<![CDATA[ 1 ]]> </b></a>", "<a><b>x</b></a>"),
        ("<a>\n<b>&#32;</b>\n</a>", "<a>\n<b>x</b>\n</a>"),
        ("<p:a xmlns:p='u'><p:b/></p:a>", "<p:a xmlns:p='u'><p:b>x</p:b></p:a>"),
    ],
)
def test_set_an_elements_text(text: str, expected: str) -> None:
    message = Message(text)
    assert message.splice(Set(message.place("//b"), "x")) == expected


def test_set_nothing_in_a_self_closed_element_changes_nothing() -> None:
    message = Message("<a><b/></a>")
    assert message.splice(Set(message.place("//b"), "")) == "<a><b/></a>"


@pytest.mark.parametrize(
    ("removed", "expected"),
    [
        ("b", "<a c = '2'\n\td=\"3\" />"),
        ("c", '<a  b="1"\n\td="3" />'),
        ("d", "<a  b=\"1\" c = '2' />"),
        ("bc", '<a\n\td="3" />'),
        ("dcb", "<a />"),
    ],
)
def test_remove_attributes(removed: str, expected: str) -> None:
    message = Message('<a  b="1" c = \'2\'\n\td="3" />')
    assert message.splice(*(Remove(message.place(f"/a/@{name}")) for name in removed)) == expected


def test_remove_elements() -> None:
    message = Message("<a> <b/> <c>1<d/></c > <p:e xmlns:p='u'></p:e></a>")
    changes = [Remove(message.place(path)) for path in ("//b", "//c", "//e")]
    assert message.splice(*changes) == "<a>   </a>"


def test_add_beside_a_set_one_while_the_next_is_removed() -> None:
    message = Message('<Card Number="1" Code="2" Expiry="3"/>')
    card, number = message.place("/Card"), message.place("/Card/@Number")
    assert (
        message.splice(
            Set(number, "9"),
            Add(card, xml("@Holder"), number, "A"),
            Remove(message.place("/Card/@Code")),
            Add(card, xml("@Second"), number, 'B"'),
            Remove(message.place("/Card/@Expiry")),
        )
        == '<Card Number="9" Holder="A" Second="B&quot;"/>'
    )


def test_add_elements_beside_a_sibling_or_last() -> None:
    message = Message("<p:c xmlns:p='u'><p:n>1</p:n><p:x/></p:c>")
    card, number = message.place("/c"), message.place("/c/n")
    assert message.splice(
        Add(card, xml("holder"), number, "<A>"),
        Add(card, xml(".//p:expiry"), number, "B"),
        Add(card, xml("x/y"), number, "C"),
        Add(card, xml("x/@z"), number, "D"),
        Add(card, xml("@w"), number, "E"),
        Add(card, xml("/c/last"), message.place("/c/x"), "F"),
        Add(card, xml("end"), card, "G"),
    ) == (
        "<p:c xmlns:p='u' w=\"E\"><p:n>1</p:n><p:holder>&lt;A&gt;</p:holder><p:expiry>B</p:expiry>"
        '<p:x z="D"><p:y>C</p:y></p:x><p:last>F</p:last><p:end>G</p:end></p:c>'
    )


def test_add_an_attribute_in_a_namespace_that_is_in_scope() -> None:
    message = Message("<c xmlns:p='u' n='1'/>")
    card, number = message.place("/c"), message.place("/c/@n")
    added = message.splice(
        Add(card, xml("@p:m"), number, "2"), Add(card, xml("@xml:lang"), number, "de")
    )
    assert added == "<c xmlns:p='u' n='1' p:m=\"2\" xml:lang=\"de\"/>"


def test_an_attribute_that_is_there_under_another_prefix_is_not_added() -> None:
    message = Message("<c xmlns:p='u' xmlns:q='u' q:n='1'/>")
    root = message.document.root
    with pytest.raises(MessageUnfit):
        message.splice(Add(root, xml("@p:n"), root, "2"))
    with pytest.raises(MessageUnfit):
        message.splice(*(Add(root, xml(path), root, "2") for path in ("@p:m", "@q:m")))


def test_a_removed_attribute_may_be_added_again() -> None:
    message = Message("<c n='1' m='2'/>")
    number = message.place("/c/@n")
    changes = (Remove(number), Add(message.document.root, xml("@n"), message.place("/c/@m"), "3"))
    assert message.splice(*changes) == "<c m='2' n=\"3\"/>"


@pytest.mark.parametrize(
    "path", ["@n", ".", "x/y", "/second", "@p:m", "p:m", "m[1]", "m[@a='b']", "m/@n/x", "there"]
)
def test_what_can_not_be_added_is_refused(path: str) -> None:
    message = Message("<c n='1'><there/></c>")
    steps = (Step("attribute", "n"), Step("child", "x")) if path == "m/@n/x" else xml(path).steps
    change = Add(
        message.document.root,
        Path(path, steps, path.startswith("/")),
        message.place("/c/@n"),
        "1",
    )
    with pytest.raises(MessageUnfit):
        message.splice(change)


def test_inserts_keep_their_order_and_open_the_parent() -> None:
    message = Message("<a><b/><c>x</c><d n='/' /></a>")
    changes = [
        Insert(message.place(f"/a/{name}"), Element("t", (), (), "{v}"), {"v": str(place)}, place)
        for name in "bcd"
        for place in (1, 2)
    ]
    both = '<t position="1">1</t><t position="2">2</t>'
    assert message.splice(*changes) == (f"<a><b>{both}</b><c>x{both}</c><d n='/' >{both}</d></a>")


@pytest.mark.parametrize(
    ("start", "end", "prefix"),
    [("<a>", "</a>", ""), ("<a xmlns='u'>", "</a>", ""), ("<p:a xmlns:p='u'>", "</p:a>", "p:")],
)
def test_what_is_inserted_takes_the_parents_prefix(start: str, end: str, prefix: str) -> None:
    message = Message(start + end)
    written = WRITTEN.decode().replace("</", "<\0").replace("<", f"<{prefix}")
    written = written.replace(f"<{prefix}\0", f"</{prefix}")
    assert message.splice(Insert(message.document.root, TOKEN, VALUES)) == start + written + end


def test_inserted_values_are_escaped_and_stay_in_their_place() -> None:
    fragment = parse_fragment(
        "<t a='{x}&amp;{y}' position='old'>{x}<!-- --></t>".replace("<!-- -->", "")
    )
    message = Message("<a/>")
    insert = Insert(message.document.root, fragment, {"x": '"</t>{y}', "y": "&"}, 3)
    assert message.splice(insert) == (
        '<a><t a="&quot;&lt;/t&gt;{y}&amp;&amp;" position="3">"&lt;/t&gt;{y}</t></a>'
    )


def test_a_template_may_name_the_position() -> None:
    fragment = parse_fragment("<t>{position}</t>")
    message = Message("<a/>")
    assert message.splice(Insert(message.document.root, fragment, {})) == "<a><t>1</t></a>"
    named = Insert(message.document.root, fragment, {"position": "7"}, 2)
    assert message.splice(named) == '<a><t position="2">7</t></a>'


def test_text_and_inserts_into_one_element() -> None:
    for text, expected in (("<a/>", "<a>x<t>1</t></a>"), ("<a>old</a>", "<a>x<t>1</t></a>")):
        message = Message(text)
        insert = Insert(message.document.root, Element("t", text="1"), {})
        assert message.splice(insert, Set(message.document.root, "x")) == expected


def test_a_removed_last_child_and_an_insert_meet() -> None:
    message = Message("<a><b/><c/></a>")
    changes = (
        Insert(message.document.root, Element("t", text="1"), {}),
        Remove(message.place("//c")),
        Remove(message.place("//b")),
    )
    assert message.splice(*changes) == "<a><t>1</t></a>"


def contradictions():
    def place(path):
        return lambda message: message.place(path)

    attribute, leaf, card = place("//c/@n"), place("//c/l"), place("//c")
    last = Element("t")
    return {
        "set twice": lambda m: [Set(attribute(m), "1"), Set(attribute(m), "2")],
        "text set twice": lambda m: [Set(leaf(m), "1"), Set(leaf(m), "2")],
        "set and removed": lambda m: [Set(attribute(m), "1"), Remove(attribute(m))],
        "removed twice": lambda m: [Remove(leaf(m)), Remove(leaf(m))],
        "text set inside a removed one": lambda m: [Set(leaf(m), "1"), Remove(card(m))],
        "attribute set inside a removed one": lambda m: [Set(attribute(m), "1"), Remove(card(m))],
        "inserted into a removed one": lambda m: [Insert(card(m), last, {}), Remove(card(m))],
        "added to a removed one": lambda m: [
            Add(card(m), xml("@z"), card(m), "1"),
            Remove(card(m)),
        ],
        "attribute added twice": lambda m: [Add(card(m), xml("@z"), card(m), c) for c in "12"],
        "element added twice": lambda m: [Add(card(m), xml("z"), card(m), c) for c in "12"],
        "the root removed": lambda m: [Remove(m.document.root)],
        "inserted into an attribute": lambda m: [Insert(attribute(m), last, {})],
        "added to an attribute": lambda m: [Add(attribute(m), xml("z"), card(m), "1")],
        "JSON members": lambda m: [Insert(card(m), Members((("a", "b"),)), {})],
        "a value without its name": lambda m: [Insert(card(m), TOKEN, {"iduser": "1"})],
        "a control character": lambda m: [Set(attribute(m), "\x01")],
        "a surrogate": lambda m: [Set(leaf(m), "\ud800")],
        "a non-character": lambda m: [Set(leaf(m), "\uffff")],
        "another document's place": lambda m: [Set(Message("<c n='1'/>").place("/c/@n"), "1")],
    }


@pytest.mark.parametrize("change", contradictions().values(), ids=contradictions().keys())
def test_changes_that_contradict_each_other_are_refused(change) -> None:
    message = Message("<a><c n='' m='1'><l></l></c><c2/></a>")
    with pytest.raises(MessageUnfit):
        message.document.splice(change(message))


@pytest.mark.parametrize("inside", ["<!-- -->", "<?x?>", "<b/>", "1<!-- -->1"])
def test_p12_a_text_that_is_split_is_neither_read_nor_set(inside: str) -> None:
    message = Message(f"<a><c>{inside}</c></a>")
    for use in (message.document.text, lambda place: message.splice(Set(place, "1"))):
        with pytest.raises(MessageForbidden):
            use(message.place("//c"))
    assert message.splice(Remove(message.place("//c"))) == "<a></a>"


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
