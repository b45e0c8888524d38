"""XML messages: lxml parses and decides, the original bytes are what is sent.

The parser says which elements and attributes there are and what they hold. Where they stand in the
bytes is found by `xml_scan`, only for the names that are about to change, and only when they are.
Both must agree on every element of such a name: how many there are, the name with its prefix, and
each attribute's value. Nothing is ever written out by the parser.

1. The encoding is decided from the bytes and told to the parser (a parser that guesses differently
   than the receiver's would show us another message).
2. A DOCTYPE may say nothing but a name: no internal subset (entities that expand, defaulted
   attributes), no external one (the receiver's parser could fetch such a DTD, we do not see it).
   So no entity is declared, and a reference to one is not well-formed. Where a rule lets a partner
   name its external DTD, references to entities are refused here: the parser would let them pass.
3. XInclude is refused (the receiver's parser could fetch what we did not see).
4. A comment, processing instruction or element inside a text that is read is refused (it splits a
   number in two for one reader and not for another).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from lxml import etree

from gateway.codecs.document import Change, Element, Node
from gateway.codecs.edits import Edit, Spliced, apply_edits
from gateway.codecs.embedded import Embedded
from gateway.codecs.paths import Path, Step
from gateway.codecs.xml_embedded import embedded_in
from gateway.codecs.xml_parser import parse, parses
from gateway.codecs.xml_scan import may_include
from gateway.codecs.xml_select import Place, climb, finder, follow, prepare
from gateway.codecs.xml_source import (
    Source,
    read_source,
    read_source_with_doctype,
    refers_to_entities,
)
from gateway.codecs.xml_splice import Splicer, place_of, text_of
from gateway.codecs.xml_tree import Parsed, Tree
from gateway.errors import MessageForbidden, MessageMalformed
from gateway.heap import discard

_HEAD: Final = 64 * 1024  # bytes of a message whose sender is not known yet
_XINCLUDE: Final = "{http://www.w3.org/2001/XInclude}include"


class XmlDocument:
    """One parsed message; see `Document`.

    Absolute paths start at the document: the first step of `/a/b` names the outermost element. As
    in XPath, `[n]` counts among the children of one parent, after `//` too. An attribute's step
    takes neither `[n]` nor `[@a='v']`.
    """

    __slots__ = ("_absolute", "_body", "_source", "_tree")

    def __init__(self, body: bytes, source: Source, root: Parsed) -> None:
        self._body = body
        self._source = source
        self._tree = Tree(root, len(body))
        self._absolute: dict[str, list[Place]] = {}

    @property
    def root(self) -> Place:
        return Place(self._tree.root)

    @property
    def encoding(self) -> str:
        """The body's encoding: `utf-8`, `utf-16-le`, `utf-16-be`, `iso-8859-n`, `windows-125n`."""
        return self._source.wide or self._source.codec

    @property
    def source(self) -> bytes:
        """What `Edit`s refer to: the body itself, or for UTF-16 the same in UTF-8 without mark."""
        return self._source.text

    def close(self) -> None:
        """Frees a big document in short steps.

        To be called last, where time may pass: in a worker thread, after the answer has left. A
        document that is only dropped is freed at once, and holds the interpreter's lock for some
        3 ms per MB; in steps it takes some 12 ms per MB, but of less than 1 ms each.
        """
        discard(*self._absolute.values())
        self._tree.free()

    def select(self, path: Path, within: Node | None = None) -> Sequence[Place]:
        if path.absolute:
            return self._from_document(path)
        top = self.root if within is None else place_of(within)
        if not path.steps:
            return (top,)
        if path.up:
            return self._above(path, top)
        element, key = top
        return finder(path)(self._tree, element) if key is None else ()

    def _above(self, path: Path, within: Place) -> Sequence[Place]:
        top = climb(within, path.up)
        return () if top is None else finder(path)(self._tree, top)

    def _from_document(self, path: Path) -> Sequence[Place]:
        """Found once, however many bookings ask for it."""
        places = self._absolute.get(path.text)
        if places is None:
            places = self._absolute[path.text] = follow(self._tree, None, prepare(path.steps))
        return places

    def text(self, node: Node) -> str:
        return text_of(place_of(node))

    def instead(self, node: Node) -> Sequence[Node]:  # noqa: ARG002  # the Protocol names it
        return ()

    def holds(self, outer: Node, inner: Node) -> bool:
        place, element = place_of(outer), place_of(inner).element
        if place.key is not None or not any(
            one is place.element for one in element.iterancestors()
        ):
            return False
        beside = (place.element.text, *(child.tail for child in place.element))
        return not any(text and text.strip() for text in beside)

    def is_number(self, node: Node) -> bool:  # noqa: ARG002  # the Protocol names it
        return False

    def name(self, node: Node) -> str:  # noqa: ARG002  # the Protocol names it
        return ""

    def splice(self, changes: Iterable[Change]) -> Spliced:
        changes = tuple(changes)
        if not changes:
            return Spliced(self._body, [])
        edits = Splicer(self._source, self._tree).edits(changes)
        spliced = self.apply(edits)
        discard(edits)
        return spliced

    def embedded(self, nodes: Sequence[Node]) -> list[Embedded]:
        """Of attributes, and elements without children."""
        return embedded_in(self._source, self._tree, [place_of(node) for node in nodes])

    def apply(self, edits: Iterable[Edit]) -> Spliced:
        spliced = apply_edits(self._source.text, edits)
        if not spliced.edits:
            return Spliced(self._body, [])
        return Spliced(self._source.restore(spliced.body), spliced.edits)


def open_xml(body: bytes, *, is_text: bool = False) -> XmlDocument:
    """Parses a message; `is_text`: it stood in another one as text, and is here in UTF-8 whatever
    encoding it declares.

    Raises `MessageMalformed` for what is not well-formed (namespaces included), `MessageForbidden`
    for what the module's list says, a depth of more than 256, and a name or text that is too long.
    """
    return _open(body, read_source(body, is_text=is_text))


def open_xml_with_doctype(body: bytes) -> XmlDocument:
    """As `open_xml`, for a partner whose messages name an external DTD, as a rule of its route says.

    That DTD is never fetched, so nothing may depend on it: a reference to an entity that XML itself
    does not define is refused, wherever it stands.
    """
    source = read_source_with_doctype(body)
    document = _open(body, source)
    if source.doctype and refers_to_entities(source):
        raise MessageForbidden
    return document


def _open(body: bytes, source: Source) -> XmlDocument:
    root = parse(source)
    if (root.getroottree().docinfo.internalDTD is not None) != source.doctype:
        raise MessageForbidden
    document = XmlDocument(body, source, root)
    if may_include(source.text, source.start):
        included = document.select(Path("//include", (Step("descendant", "include"),), True))
        if any(place.element.tag == _XINCLUDE for place in included):
            raise MessageForbidden
    return document


def reads_as_xml(body: bytes, *, doctype: bool = False) -> bool:
    """Whether `open_xml` (with `doctype`: `open_xml_with_doctype`) takes a message. Raises nothing.

    Where nothing stands in it that only a tree shows, none is built.
    """
    try:
        source = (read_source_with_doctype if doctype else read_source)(body)
        if not source.doctype and not may_include(source.text, source.start):
            told = parses(source)
            if told is not None:
                return told
        (open_xml_with_doctype if doctype else open_xml)(body)
    except (MessageMalformed, MessageForbidden):
        return False
    return True


def read_texts(body: bytes, names: tuple[str, ...]) -> dict[str, list[str]]:
    """The texts of all elements with these local names, in document order, from a small message.

    A name that does not occur has an empty list. Raises what `open_xml` raises, and
    `MessageForbidden` where such an element holds more than text.
    """
    document = open_xml(body)
    texts: dict[str, list[str]] = {}
    for name in names:
        places = document.select(Path(f"//{name}", (Step("descendant", name),), True))
        texts[name] = [document.text(place) for place in places]
    return texts


def read_head_texts(body: bytes, names: tuple[str, ...], until: str) -> dict[str, list[str]]:
    """As `read_texts`, but reads no further than the end of the first element called `until`, and
    no further than 64 KB: for whoever is not yet known to deserve more work.

    What stands behind is not looked at, nor is it checked for being well-formed. Where `until` does
    not end within that the lists are empty. Raises `MessageMalformed`, `MessageForbidden`.
    """
    source = read_source(body)
    parser = etree.XMLPullParser(
        events=("end",), encoding=source.codec, resolve_entities=False, no_network=True
    )
    texts: dict[str, list[str]] = {name: [] for name in names}
    malformed = False
    try:
        parser.feed(source.document[:_HEAD])
    except etree.XMLSyntaxError:
        malformed = True
    if malformed:
        raise MessageMalformed
    for _, element in parser.read_events():
        if not isinstance(element, etree._Element):  # noqa: SLF001  # the stubs' name for it
            continue
        name = etree.QName(element).localname if isinstance(element.tag, str) else ""
        if name in texts:
            texts[name].append(text_of(Place(element)))
        if name == until:
            return texts
    return {name: [] for name in names}


def parse_fragment(text: str) -> Element:
    """An element to insert, from a rule's template, such as `<B2B>{b2b}</B2B>`.

    Raises ValueError, with a text for whoever wrote the template, for anything but elements with
    attributes that hold either text or elements, all without prefix and namespace.
    """
    try:
        root = open_xml(text.encode("utf-8")).root.element
    except MessageMalformed:
        raise ValueError("the template is not one well-formed XML element") from None
    except MessageForbidden:
        raise ValueError("the template has a DOCTYPE, an odd encoding or too much depth") from None
    return _template(root)


def _template(element: Parsed) -> Element:
    name, text = element.tag, element.text or ""
    if not isinstance(name, str):
        raise ValueError(  # noqa: TRY004  # to whoever wrote the template it is no type
            "the template holds a comment or a processing instruction"
        )
    # An element iterates over its children, not over its keys.
    if element.nsmap or any(key.startswith("{") for key in element.keys()):  # noqa: SIM118  # as above
        raise ValueError(
            f"<{name}>: a template has no prefixes and no xmlns; the parent's are taken"
        )
    children = tuple(_template(child) for child in element)
    beside = [text, *(child.tail or "" for child in element)] if children else []
    if any(piece.strip() for piece in beside):
        raise ValueError(f"<{name}>: text stands beside elements")
    return Element(name, tuple(element.items()), children, "" if children else text)
