"""Random XML messages, random changes to them, and what must come of these by another parser."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypothesis import strategies as st

from gateway.codecs.document import Add, Change, Element, Insert, Remove, Set
from gateway.codecs.paths import Path, Step
from gateway.codecs.xml import XmlDocument
from gateway.codecs.xml_select import Place

NAMES = ("Card", "CardNumber", "Holder", "B", "card", "Card-x", "x.Card")
ATTRIBUTES = ("n", "CardNumber", "Code", "xn", "n.x")
PREFIXES = ("", "", "p:", "q:", "r:")  # p and q are one namespace, r another
NAMESPACES = {"p": "urn:one", "q": "urn:one", "r": "urn:two"}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1251")

characters = st.sampled_from(list("41 1<>&'\"]/=!?-\t\n\rZäПё山𝄞€xn"))
texts = st.text(characters, max_size=8)
spaces = st.sampled_from([" ", "\n", "\t", "\r\n", "  ", "\r"])
asides = st.sampled_from(
    [
        "<!-- <Card n='1'/> -->",
        '<!-- <Card n=" -->',
        "<!--\n<![CDATA[ -->",
        "<?p <Card n='1'/> <!-- ?>",
        "<?p?>",
    ]
)


@st.composite
def escaped(draw, value: str, quote: str = "") -> str:
    """One way to write a value: each character plain, by name, or by number."""
    written, source = [], draw(st.randoms(use_true_random=True))
    for character in value:
        must = character in "<&\r" or (quote and character in "\t\n" + quote) or character == ">"
        style = source.randrange(4 if must else 0, 6)
        written.append(
            character
            if style < 4
            else f"&#{ord(character)};"
            if style == 4
            else f"&#x{ord(character):X};"
        )
    return "".join(written)


@st.composite
def attribute(draw, name: str) -> str:
    quote = draw(st.sampled_from("\"'"))
    before, around = draw(spaces), draw(st.sampled_from(["", "", " ", "\n"]))
    value = draw(texts.flatmap(lambda value: escaped(value, quote)))
    return f"{before}{name}{around}={around}{quote}{value}{quote}"


@st.composite
def attributes(draw) -> str:
    chosen: dict[tuple[str, str], str] = {}
    for name in draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=4)):
        prefix = draw(st.sampled_from(PREFIXES))
        chosen.setdefault((NAMESPACES.get(prefix[:-1], ""), name), prefix + name)
    return "".join(draw(attribute(name)) for name in chosen.values())


@st.composite
def content(draw, depth: int) -> str:
    pieces = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.integers(0, 9))
        if kind < 4 and depth:
            pieces.append(draw(element(depth - 1)))
        elif kind < 7:
            pieces.append(draw(texts.flatmap(escaped)))
        elif kind < 8:
            pieces.append(draw(asides))
        else:
            pieces.append(f"<![CDATA[{draw(texts).replace(']', '').replace(chr(13), '')}]]>")
    return "".join(pieces)


@st.composite
def element(draw, depth: int, declarations: str = "") -> str:
    name = draw(st.sampled_from(PREFIXES)) + draw(st.sampled_from(NAMES))
    default = draw(st.sampled_from(["", "", "", " xmlns='urn:two'", '\nxmlns = ""']))
    start = f"<{name}{declarations}{default}{draw(attributes())}{draw(st.sampled_from(['', ' ']))}"
    inside = draw(content(depth))
    if not inside and draw(st.booleans()):
        return start + "/>"
    return f"{start}>{inside}</{name}{draw(st.sampled_from(['', ' ', chr(10)]))}>"


DECLARATIONS = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())


@st.composite
def messages(draw) -> bytes:
    """A whole message in some encoding."""
    encoding = draw(st.sampled_from(ENCODINGS))
    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    name = "UTF-16" if name.startswith("utf-16") else name
    head = draw(st.sampled_from(["", "\n", " \r\n"])) + f'<?xml version="1.0" encoding="{name}"?>'
    head += draw(st.sampled_from(["", "\r\n", "<!-- <Card/> -->", "<!DOCTYPE Card>\n"]))
    text = head + draw(element(3, DECLARATIONS)) + draw(st.sampled_from(["", "\n", "<!-- -->"]))
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    return mark + text.encode(encoding, "xmlcharrefreplace")


@dataclass
class Model:
    """A message in the second parser's view; what happens to it happens by hand."""

    root: ET.Element
    elements: list[ET.Element]

    @staticmethod
    def of(body: bytes) -> Model:
        root = parse(body)
        return Model(root, list(root.iter()))

    def remove(self, gone: ET.Element) -> None:
        parent = next(one for one in self.root.iter() if gone in list(one))
        place = list(parent).index(gone)
        if place:
            before = parent[place - 1]
            before.tail = (before.tail or "") + (gone.tail or "")
        else:
            parent.text = (parent.text or "") + (gone.tail or "")
        parent.remove(gone)


def parse(body: bytes) -> ET.Element:
    """expat takes no white space before the declaration."""
    for mark, space in (
        (codecs.BOM_UTF8, (b" ", b"\r", b"\n")),
        (codecs.BOM_UTF16_LE, (b" \0", b"\r\0", b"\n\0")),
        (codecs.BOM_UTF16_BE, (b"\0 ", b"\0\r", b"\0\n")),
        (b"", (b" ", b"\r", b"\n")),
    ):
        if body.startswith(mark):
            rest = body[len(mark) :]
            while rest.startswith(space):
                rest = rest[len(space[0]) :]
            return ET.fromstring(mark + rest)
    raise AssertionError


def facts(root: ET.Element) -> list[object]:
    return [(one.tag, one.attrib, one.text or "", one.tail or "") for one in root.iter()]


def elements_of(document: XmlDocument) -> list[Place]:
    """All elements, in the same order as a model's."""
    return [Place(one) for one in document.root.element.iter("*")]


@st.composite
def changed(draw, document: XmlDocument, model: Model) -> list[Change]:
    """Changes that fit together; the model is changed alike."""
    changes: list[Change] = []
    late = []
    gone: set[object] = set()
    for place, twin in zip(elements_of(document), model.elements, strict=True):
        element = place.element
        if any(ancestor in gone for ancestor in element.iterancestors()):
            continue
        is_root = element.getparent() is None
        if not is_root and draw(st.integers(0, 9)) == 0:
            gone.add(element)
            changes.append(Remove(place))
            late.append(lambda twin=twin: model.remove(twin))
            continue
        keys = list(element.keys())
        for key in keys:
            action = draw(st.integers(0, 3))
            if action == 0:
                value = draw(texts)
                changes.append(Set(Place(element, key), value))
                twin.set(key, value)
            elif action == 1:
                changes.append(Remove(Place(element, key)))
                del twin.attrib[key]
        if draw(st.integers(0, 3)) == 0:
            beside = Place(element, draw(st.sampled_from(keys))) if keys else place
            value = draw(texts)
            path = Path("@new", (Step("attribute", "new"),))
            changes.append(Add(place, path, beside, value))
            twin.set("new", value)
        if len(element) == 0 and draw(st.integers(0, 3)) == 0:
            value = draw(texts)
            changes.append(Set(place, value))
            twin.text = value
        for position in range(draw(st.integers(0, 2)) if draw(st.booleans()) else 0):
            value = draw(texts)
            form = Element("T", (("v", "{v}"),), (Element("U", (), (), "{v}"), Element("V")))
            changes.append(Insert(place, form, {"v": value}, position + 1))
            uri = element.nsmap.get(element.prefix)
            space = f"{{{uri}}}" if uri else ""
            late.append(lambda twin=twin, s=space, v=value, p=position: _insert(twin, s, v, p + 1))
    for step in late:
        step()
    return draw(st.permutations(changes)) if not late else changes


def _insert(twin: ET.Element, space: str, value: str, position: int) -> None:
    new = ET.SubElement(twin, f"{space}T", {"v": value, "position": str(position)})
    ET.SubElement(new, f"{space}U").text = value
    ET.SubElement(new, f"{space}V")
