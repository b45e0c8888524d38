"""The parser's elements matched with the tags that were found in the bytes, one by one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from gateway.codecs.xml_scan import Tag, attribute_value, element_text, scan_tags
from gateway.codecs.xml_select import XML
from gateway.codecs.xml_source import Source
from gateway.codecs.xml_tree import Parsed, Tree, local_name
from gateway.errors import MessageUnfit

_SPACE: Final = " \t\r\n"


class Matcher:
    """Finds the tags of one document's elements. Both sides must agree, or it is `MessageUnfit`."""

    __slots__ = ("_names", "_source", "_tree")

    def __init__(self, source: Source, tree: Tree) -> None:
        self._source = source
        self._tree = tree
        self._names: dict[tuple[str, str | None], bytes] = {}

    def locate(self, wanted: Collection[Parsed]) -> dict[Parsed, Tag]:
        """The tags of all `wanted` elements.

        Every element that has a wanted one's name is compared: as many as tags, in the same order,
        with the same prefix, the same attributes and the same values.
        """
        names = {self._written(element) for element in wanted}
        tags = scan_tags(self._source.text, self._source.start, names)
        found: dict[Parsed, Tag] = {}
        locals_ = dict.fromkeys(tag.rpartition("}")[2] for tag, _ in self._names)
        for element in self._tree.walk(self._tree.root, *locals_):
            name = self._written(element)
            if name not in names:
                continue  # another prefix
            tag = next(tags, None)
            if tag is None or tag.name != name or not self._same_attributes(element, tag):
                raise MessageUnfit
            if element in wanted:
                found[element] = tag
        if next(tags, None) is not None or len(found) != len(wanted):
            raise MessageUnfit
        return found

    def attribute(self, element: Parsed, tag: Tag, key: str) -> bytes:
        """An attribute's name as written, from lxml's spelling of it."""
        if key[0] != "{":
            return self._encoded(key)
        uri, _, local = key[1:].rpartition("}")
        ending = self._encoded(":" + local)
        for name in tag.attributes:
            if name.endswith(ending) and self._namespace(name, element) == uri:
                return name
        raise MessageUnfit

    def same_text(self, element: Parsed, tag: Tag) -> bool:
        """Whether an element without children holds the text that stands between its tags."""
        raw = self._decoded(self._source.text[tag.end : tag.close])
        if raw is None:
            return False
        # The parser leaves out white space that it takes for indentation: before a CDATA section, or
        # before a carriage return, some of what a text begins with.
        return (element.text or "").lstrip(_SPACE) == element_text(raw).lstrip(_SPACE)

    def _same_attributes(self, element: Parsed, tag: Tag) -> bool:
        expected = element.items()
        if _is_plain(self._decoded(tag.written), expected):
            return True
        spans = tag.attributes
        if len(spans) != len(expected):
            declarations = sum(_is_declaration(name) for name in spans)
            if len(spans) - declarations != len(expected):
                return False
        text = self._source.text
        for key, value in expected:
            name = self._encoded(key) if key[0] != "{" else self.attribute(element, tag, key)
            span = spans.get(name)
            if span is None:
                return False
            raw = self._decoded(text[span[1] : span[2]])
            if raw != value and (raw is None or attribute_value(raw) != value):
                return False
        return True

    def _namespace(self, name: bytes, element: Parsed) -> str | None:
        prefix = self._decoded(name.partition(b":")[0])
        namespace: str | None = element.nsmap.get(prefix) if prefix != "xml" else XML
        return namespace

    def _written(self, element: Parsed) -> bytes:
        prefix = element.prefix
        key = (element.tag, prefix)
        name = self._names.get(key)
        if name is None:
            local = local_name(element)
            name = self._names[key] = self._encoded(f"{prefix}:{local}" if prefix else local)
        return name

    def _encoded(self, name: str) -> bytes:
        try:
            return name.encode(self._source.codec)
        except UnicodeEncodeError:
            raise MessageUnfit from None

    def _decoded(self, raw: bytes) -> str | None:
        try:
            return raw.decode(self._source.codec)
        except UnicodeDecodeError:
            return None


def _is_plain(written: str | None, expected: Sequence[tuple[str, str]]) -> bool:
    """Whether exactly `expected` stands in a tag, in the one way that needs no reading.

    Nearly every tag is written so. Where there are two quotation marks to each attribute and
    no reference or white space but single spaces, equal texts have equal attributes.
    """
    return (
        written == "".join([f' {key}="{value}"' for key, value in expected])
        and written.count('"') == 2 * len(expected)
        and "&" not in written
        and written.isprintable()
    )


def _is_declaration(name: bytes) -> bool:
    return name == b"xmlns" or name.startswith(b"xmlns:")
