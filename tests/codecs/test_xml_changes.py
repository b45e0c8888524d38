"""What a change makes of an XML document's bytes."""

from __future__ import annotations

import pytest

from gateway.codecs.document import Add, Element, Insert, Members, Remove, Set
from gateway.codecs.paths import Path, Step
from gateway.codecs.xml import parse_fragment
from gateway.errors import MessageForbidden, MessageUnfit
from tests.codecs.xml_places import Message, xml

TOKEN = parse_fragment(
    "<PaycometResponse><iduser>{iduser}</iduser><tokenuser>{tokenuser}</tokenuser></PaycometResponse>"
)
VALUES = {"iduser": "7", "tokenuser": "aB3"}
WRITTEN = b"<PaycometResponse><iduser>7</iduser><tokenuser>aB3</tokenuser></PaycometResponse>"


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
        ("<a><b><![CDATA[1]]></b></a>", "<a><b><![CDATA[x]]></b></a>"),
        ("<a><b><![CDATA[<&]]></b></a>", "<a><b><![CDATA[x]]></b></a>"),
        ("<a><b><![CDATA[]]></b></a>", "<a><b><![CDATA[x]]></b></a>"),
        ("<a><b><![CDATA[1]]><![CDATA[2]]></b></a>", "<a><b>x</b></a>"),
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


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("//b", "<a><b>\r\n  1\r\n\t</b></a>", "<a><b>\r\n  x\r\n\t</b></a>"),
        ("//b", "<a><b>\r1\r\r\n</b></a>", "<a><b>\rx\r\r\n</b></a>"),
        ("//b", "<a><b>\r\n <![CDATA[1]]>\r\n</b></a>", "<a><b>\r\n <![CDATA[x]]>\r\n</b></a>"),
        (
            "//b",
            "<a><b>\r\n <![CDATA[\r\n1\r]]>\r\n</b></a>",
            "<a><b>\r\n <![CDATA[\r\nx\r]]>\r\n</b></a>",
        ),
        ("//b", "<a><b><!--\r\n--></b></a>", None),
        ("/a/@c", "<a c='\r\n\t1 \r\n'/>", "<a c='\r\n\tx \r\n'/>"),
        ("/a/@c", "<a c='&#13;&#10;1&#9;'/>", "<a c='&#13;&#10;x&#9;'/>"),
    ],
)
def test_p15_white_space_around_a_new_value_is_that_which_came(path, text, expected) -> None:
    """A parser tells every line end as a line feed, and in an attribute as a blank."""
    message = Message(text)
    if expected is None:
        with pytest.raises(MessageForbidden):
            message.document.text(message.place(path))
        return
    there = message.document.text(message.place(path))
    assert message.splice(Set(message.place(path), there.replace("1", "x"))) == expected


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
    "path",
    [
        "@n",
        ".",
        "x[1]/y",
        "x[@a='b']/y",
        "x[a='b']/y",
        ".//x/y",
        "p:x/y",
        "x/p:y",
        "/x/y",
        "/second",
        "@p:m",
        "p:m",
        "m[1]",
        "m[@a='b']",
        "m/@n/x",
        "there",
    ],
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


def test_parents_that_are_missing_are_made_one_for_all_that_goes_into_them() -> None:
    message = Message("<p:c xmlns:p='u'><p:n>1</p:n><p:x/><p:x><p:e/></p:x></p:c>")
    card, number = message.place("/c"), message.place("/c/n")
    assert message.splice(
        Add(card, xml("exp/month"), number, "<1>"),
        Add(card, xml("@w"), number, "W"),
        Add(card, xml("exp/@at"), number, "A"),
        Add(card, xml("exp/of/year"), number, "2"),
        Add(card, xml("last"), number, "L"),
        Add(card, xml("x/y/z"), number, "Z"),
        Add(card, xml("/c/top/t"), number, "T"),
    ) == (
        "<p:c xmlns:p='u' w=\"W\"><p:n>1</p:n><p:last>L</p:last>"
        '<p:exp at="A"><p:month>&lt;1&gt;</p:month><p:of><p:year>2</p:year></p:of></p:exp><p:top><p:t>T</p:t></p:top>'
        "<p:x><p:y><p:z>Z</p:z></p:y></p:x><p:x><p:e/></p:x></p:c>"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<c xmlns='u'><n>1</n></c>", "<c xmlns='u'><n>1</n><a><b>2</b></a></c>"),
        ("<c xmlns:p='u'><p:n>1</p:n></c>", "<c xmlns:p='u'><p:n>1</p:n><p:a><p:b>2</p:b></p:a></c>"),
        # declared on the sibling itself: there the parent's
        ("<c><p:n xmlns:p='u'>1</p:n></c>", "<c><p:n xmlns:p='u'>1</p:n><a><b>2</b></a></c>"),
        ("<o:c xmlns:o='v' xmlns='u'><n>1</n></o:c>", "<o:c xmlns:o='v' xmlns='u'><n>1</n><a><b>2</b></a></o:c>"),
    ],
)  # fmt: skip
def test_what_is_made_has_the_namespace_of_its_sibling(body: str, expected: str) -> None:
    message = Message(body)
    card, number = message.place("/c"), message.place("/c/n")
    assert message.splice(Add(card, xml("a/b"), number, "2")) == expected


@pytest.mark.parametrize("pair", [("x/y", "x/y"), ("x/@y", "x/@y"), ("x", "x/y"), ("x/y", "x/y/z")])
def test_what_is_made_is_not_made_twice(pair: tuple[str, str]) -> None:
    message = Message("<c><n>1</n></c>")
    card, number = message.place("/c"), message.place("/c/n")
    for paths in (pair, pair[::-1]):
        with pytest.raises(MessageUnfit):
            message.splice(*(Add(card, xml(path), number, "2") for path in paths))


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("4<&>", "<![CDATA[4<&>]]>"), ("]]", "<![CDATA[]]]]>"), ("a]]>b", "a]]&gt;b"), ("a\rb", "a&#13;b"),
        ("", "<![CDATA[]]>"),
    ],
)  # fmt: skip
def test_a_cdata_section_stays_one_where_it_can(value: str, inside: str) -> None:
    message = Message("<a><b><![CDATA[1]]></b></a>")
    changed = message.splice(Set(message.place("/a/b"), value))
    assert changed == f"<a><b>{inside}</b></a>"
    again = Message(changed)
    assert again.document.text(again.place("/a/b")) == value


def test_a_cdata_section_that_the_encoding_can_not_write_in_becomes_text() -> None:
    body = b"<?xml version='1.0' encoding='iso-8859-1'?><a><![CDATA[1]]></a>"
    document = Message(body).document
    changed = document.splice([Set(document.root, "\u20ac")]).body
    assert changed.endswith(b"<a>&#8364;</a>")
