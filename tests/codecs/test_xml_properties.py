from __future__ import annotations

from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codecs import edits as edits_module
from gateway.codecs import xml_scan, xml_tree
from gateway.codecs.paths import parse_path
from gateway.codecs.xml import open_xml
from tests.codecs.xml_documents import (
    ATTRIBUTES,
    NAMES,
    NAMESPACES,
    Model,
    changed,
    elements_of,
    facts,
    messages,
    parse,
)

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
quick = settings(max_examples=200, deadline=None, suppress_health_check=SLOW)


@quick
@given(messages())
def test_p15_no_change_leaves_every_byte(body: bytes) -> None:
    document = open_xml(body)
    for name in NAMES:
        document.select(parse_path(f"//{name}/@n", "xml"))
    assert document.splice([]).body is body


@quick
@given(messages())
def test_p15_another_parser_reads_the_same_values(body: bytes) -> None:
    document = open_xml(body)
    twins = Model.of(body).elements
    for place, twin in zip(elements_of(document), twins, strict=True):
        assert place.element.tag == twin.tag
        for name in ATTRIBUTES:
            places = document.select(parse_path(f"@{name}", "xml"), place)
            wanted = [v for k, v in twin.attrib.items() if k.rpartition("}")[2] == name]
            assert [document.text(one) for one in places] == wanted
        if not len(place.element):
            read, wanted_text = document.text(place), twin.text or ""
            if read != wanted_text:  # blanks before a CDATA section, taken for indentation
                assert b"<![CDATA[" in body.replace(b"\0", b"")
                assert read == wanted_text.lstrip()


@quick
@given(messages(), st.data())
def test_p15_only_the_named_places_change(body: bytes, data: st.DataObject) -> None:
    document = open_xml(body)
    model = Model.of(body)
    changes = data.draw(changed(document, model))
    spliced = document.splice(changes)
    assert facts(parse(spliced.body)) == facts(model.root)
    # The edits, and nothing but the edits, lead from the one text to the other.
    text = document.source
    for edit in reversed(spliced.edits):
        text = text[: edit.start] + edit.new + text[edit.end :]
    if document.encoding.startswith("utf-16"):
        assert spliced.body == body[:2] + text.decode().encode(document.encoding)
    else:
        assert spliced.body == text


paths = st.builds(
    lambda start, steps: start + steps,
    st.sampled_from(["//", ".//", "/", ""]),
    st.lists(
        st.tuples(
            st.sampled_from(NAMES[:5]),
            st.sampled_from(["", "", "[1]", "[2]", "[@n='4']", "[@Code='']"]),
        ).map("".join),
        min_size=1,
        max_size=3,
    ).flatmap(lambda names: st.sampled_from([sep.join(names) for sep in ("/", "//")])),
)


def xpath_of(path: str) -> str:
    """The same in XPath, names in any namespace, attributes too."""
    steps = []
    for step in parse_path(path, "xml").steps:
        test = f"*[local-name() = '{step.name}']"
        if step.where:
            test += f"[@*[local-name() = '{step.where[0]}'] [. = '{step.where[1]}']]"
        if step.index:
            test += f"[{step.index}]"
        steps.append(("//" if step.axis == "descendant" else "/") + test)
    absolute = path.startswith("/")
    return "".join(steps) if absolute else "." + "".join(steps)


@quick
@given(messages(), st.lists(paths, min_size=1, max_size=4))
def test_paths_lead_where_xpath_leads(body: bytes, asked: list[str]) -> None:
    document = open_xml(body)
    root = document.root.element
    assert NAMESPACES
    for path in asked:
        found = [place.element for place in document.select(parse_path(path, "xml"))]
        assert found == root.xpath(xpath_of(path))


@quick
@given(messages(), st.data(), st.integers(8, 40))
def test_p15_the_same_in_small_windows_and_parts(
    body: bytes, data: st.DataObject, window: int
) -> None:
    """What big messages go through: windows that end anywhere, a tree that is taken apart."""
    with (
        mock.patch.object(xml_scan, "_WINDOW", window),
        mock.patch.object(xml_tree, "_WHOLE", 0),
        mock.patch.object(xml_tree, "_DROPPED", 0),
        mock.patch.object(xml_tree, "_FEW", 10_000 // window),
        mock.patch.object(xml_tree, "_MANY", window),
        mock.patch.object(edits_module, "PIECE", window),
    ):
        document = open_xml(body)
        for name in NAMES:
            path = parse_path(f"//{name}", "xml")
            found = [place.element for place in document.select(path)]
            assert found == list(document.root.element.iter("{*}" + name))
        model = Model.of(body)
        spliced = document.splice(data.draw(changed(document, model)))
        document.close()
    assert facts(parse(spliced.body)) == facts(model.root)
