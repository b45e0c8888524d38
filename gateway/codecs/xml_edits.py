"""What bytes change in an XML document when places of it do: bytes and spans, no parser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.codecs.edits import Edit
from gateway.codecs.xml_scan import Tag
from gateway.codecs.xml_write import Writer
from gateway.heap import discard

_OPEN: Final = b"<![CDATA["
_CLOSE: Final = b"]]>"


@dataclass(slots=True)
class _Content:
    """What comes between an element's tags: a new text, new last children."""

    tag: Tag
    text: bytes | None = field(default=None, repr=False)
    added: list[bytes] = field(default_factory=list, repr=False)


class Edits:
    """Collects changes to one document's `text`; `all()` tells them as edits.

    Attribute names are bytes, as written. The caller has made sure that nothing is set or added
    twice; where changes overlap, `apply_edits` refuses them.
    """

    __slots__ = ("_contents", "_edits", "_text", "_write")

    def __init__(self, text: bytes, write: Writer) -> None:
        self._text = text
        self._write = write
        self._edits: list[Edit] = []
        self._contents: dict[int, _Content] = {}  # by the place of the element's start tag

    def set_value(self, tag: Tag, name: bytes, value: str) -> None:
        """An attribute's value becomes `value`, between the quotes that stand there."""
        start, end = tag.value_of(name)
        quote = self._text[end : end + 1]
        self._edits.append(Edit(start, end, self._write.value(value, quote)))

    def remove_attribute(self, tag: Tag, name: bytes) -> None:
        """An attribute goes, with the white space before it."""
        start, _, end = tag.attributes[name]
        self._edits.append(Edit(start, end + 1, b""))

    def add_attribute(self, tag: Tag, beside: bytes | None, name: str, value: str) -> None:
        """A new attribute, after the one called `beside`, or else as the last one."""
        written = self._write.attribute(name, value)
        if beside is None and tag.attributes:
            beside = next(reversed(tag.attributes))
        at = tag.start + 1 + len(tag.name) if beside is None else tag.attributes[beside][2] + 1
        self._edits.append(Edit(at, at, written))

    def remove_element(self, tag: Tag) -> None:
        """An element goes, from the `<` of its start tag to the `>` of its end tag."""
        self._edits.append(Edit(tag.start, tag.after, b""))

    def set_text(self, tag: Tag, value: str) -> None:
        """Everything between an element's tags becomes `value`. Where that is one CDATA section it
        stays one, if it can hold the value: whoever writes them may look for them."""
        inside = (tag.end + len(_OPEN), tag.close - len(_CLOSE))
        if self._text.startswith(_OPEN, tag.end) and self._text.find(_CLOSE, *inside) < 0:
            written = self._write.cdata(value)
            if written is not None and self._text.startswith(_CLOSE, inside[1]):
                self._edits.append(Edit(*inside, written))
                return
        self._content(tag).text = self._write.text(value)

    def add_after(self, tag: Tag, new: bytes) -> None:
        """`new` comes right after an element."""
        self._edits.append(Edit(tag.after, tag.after, new))

    def append(self, tag: Tag, new: bytes) -> None:
        """`new` comes last inside an element."""
        self._content(tag).added.append(new)

    def all(self) -> Iterator[Edit]:
        """The edits; several at one point stand in the order in which they must be written."""
        yield from self._edits
        for content in self._contents.values():
            tag, added = content.tag, b"".join(content.added)
            if tag.self_closed:
                inner = (content.text or b"") + added
                if inner:
                    yield Edit(tag.end - 2, tag.end, b">%b</%b>" % (inner, tag.name))
                continue
            if content.text is not None:
                yield Edit(tag.end, tag.close, content.text)
            if added:
                yield Edit(tag.close, tag.close, added)

    def forget(self) -> None:
        """Frees what was collected, once it has been told. To be called in a thread."""
        discard(self._edits, self._contents)

    def _content(self, tag: Tag) -> _Content:
        content = self._contents.get(tag.start)
        if content is None:
            content = self._contents[tag.start] = _Content(tag)
        return content
