"""Attacks and odd messages as files, each with the outcome that its name says."""

from __future__ import annotations

import pathlib
import re
from xml.etree import ElementTree as ET

import pytest

from gateway.codecs.document import Set
from gateway.codecs.edits import Edit
from gateway.codecs.paths import parse_path
from gateway.codecs.xml import XmlDocument, open_xml
from tests.codecs.corpus import corpus, outcome_of

MASK = "411111******1111"
CARDS = [file for file in corpus("xml") if file.id.startswith(("card--", "none--"))]


def path_of(file: pathlib.Path) -> str:
    return "//cc_number" if "--leaf-" in file.stem else "//PaymentCard/@CardNumber"


def expat(body: bytes) -> ET.Element:
    """The second parser; it does not take white space before the declaration."""
    return ET.fromstring(re.sub(rb"^(\xef\xbb\xbf)?[ \r\n\t]+", rb"\1", body))


def facts(element: ET.Element) -> list[object]:
    return [(one.tag, one.attrib, one.text, one.tail) for one in element.iter()]


def masked(element: ET.Element, file: pathlib.Path) -> list[object]:
    """What must have become of a document: the second parser's view, changed by hand."""
    for one in element.iter():
        local = one.tag.rpartition("}")[2]
        if "--leaf-" in file.stem and local == "cc_number":
            one.text = MASK
        if "--leaf-" not in file.stem and local == "PaymentCard":
            for name in one.attrib:
                if name.rpartition("}")[2] == "CardNumber":
                    one.set(name, MASK)
    return facts(element)


def mask(document: XmlDocument, file: pathlib.Path):
    places = document.select(parse_path(path_of(file), "xml"))
    return document.splice([Set(place, MASK) for place in places])


@pytest.mark.parametrize("file", corpus("xml"))
def test_p12_each_message_of_the_corpus_has_its_outcome(file: pathlib.Path) -> None:
    expected, _, _ = file.stem.partition("--")
    assert outcome_of("xml", path_of(file), file.read_bytes()) == expected


@pytest.mark.parametrize("file", CARDS)
def test_p15_nothing_changes_where_nothing_is_changed(file: pathlib.Path) -> None:
    body = file.read_bytes()
    spliced = open_xml(body).splice([])
    assert spliced.body is body
    assert spliced.edits == []


@pytest.mark.parametrize("file", CARDS)
def test_p15_only_the_number_changes_and_another_parser_sees_the_same(file: pathlib.Path) -> None:
    body = file.read_bytes()
    spliced = mask(open_xml(body), file)
    assert facts(expat(spliced.body)) == masked(expat(body), file)
    assert not (file.stem.startswith("card") and b"4111111111111111" in spliced.body)


@pytest.mark.parametrize("file", CARDS)
def test_p15_the_edits_say_what_changed(file: pathlib.Path) -> None:
    document = open_xml(file.read_bytes())
    spliced = mask(document, file)
    written = document.source
    for edit in reversed(spliced.edits):
        written = written[: edit.start] + edit.new + written[edit.end :]
    text = spliced.body
    if document.encoding.startswith("utf-16"):
        text = text[2:].decode(document.encoding).encode()
    assert text == written
    assert all(isinstance(edit, Edit) for edit in spliced.edits)
