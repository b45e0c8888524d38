"""What bytes change in an XML document when places of it do: bytes and spans, no parser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.codecs.edits import Edit
from gateway.codecs.xml_scan import Tag
from gateway.codecs.xml_write import Writer
from gateway.heap import discard

_OPEN: Final = b"<![CDATA["
_CLOSE: Final = b"]]>"
_BLANK: Final = b" \t\r\n"
_SPACE: Final = " \t\r\n"


class _Value(NamedTuple):
    """What is to stand between `start` and `end`."""

    start: int
    end: int
    text: str


@dataclass(slots=True)
class _Content:
    """What comes between an element's tags: a new text, new last children."""

    tag: Tag
    text: bytes | None = field(default=None, repr=False)
    start: int = 0  # of what the text takes the place of, and its end
    end: int = 0
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
        new = self._without_blanks(_Value(start, end, value), in_attribute=True)
        self._edits.append(Edit(new.start, new.end, self._write.value(new.text, quote)))

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
        new = self._in_section(tag, value)
        written = self._write.cdata(new.text) if new is not None else None
        if new is not None and written is not None:
            self._edits.append(Edit(new.start, new.end, written))
            return
        new = self._without_blanks(_Value(tag.end, tag.close, value))
        content = self._content(tag)
        content.start, content.end, content.text = new.start, new.end, self._write.text(new.text)

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
                yield Edit(content.start, content.end, content.text)
            if added:
                yield Edit(tag.close, tag.close, added)

    def forget(self) -> None:
        """Frees what was collected, once it has been told. To be called in a thread."""
        discard(self._edits, self._contents)

    def _in_section(self, tag: Tag, value: str) -> _Value | None:
        """Where `value` goes in the one CDATA section that is all of an element; None where it can not.

        White space may stand around the section where the value has it, too, but for what is before it:
        the parser may leave that out.
        """
        first, last = self._inner(tag.end, tag.close)
        start, end = first + len(_OPEN), last - len(_CLOSE)
        if not self._text.startswith(_OPEN, first) or self._text.find(_CLOSE, start, end) >= 0:
            return None
        if not self._text.startswith(_CLOSE, end):
            return None
        behind = _read(self._text[last : tag.close])
        found = [
            self._without_blanks(_Value(start, end, value[len(before) : len(value) - len(behind)]))
            for before in ("", _read(self._text[tag.end : first]))
            if value.startswith(before) and value.endswith(behind)
        ]
        bare = (one for one in found if one.text == one.text.strip(_SPACE))
        return next(bare, found[0] if found else None)

    def _inner(self, start: int, end: int) -> tuple[int, int]:
        """Where what is more than white space begins and ends; the same where there is no such thing."""
        there = self._text[start:end]
        if not (bare := there.strip(_BLANK)):
            return start, end
        first = start + there.index(bare)
        return first, first + len(bare)

    def _without_blanks(self, value: _Value, *, in_attribute: bool = False) -> _Value:
        """`value` without the white space at its ends that stands there already: readers see each line end
        as a line feed, and in an attribute as a blank; written so it would change."""
        bare = value.text.strip(_SPACE)
        if value.text == bare:
            return value
        start, end = self._inner(value.start, value.end)
        before, behind = self._text[value.start : start], self._text[end : value.end]
        if value.text != (
            _read(before, in_attribute=in_attribute)
            + bare
            + _read(behind, in_attribute=in_attribute)
        ):
            return value
        return _Value(start, end, bare)

    def _content(self, tag: Tag) -> _Content:
        content = self._contents.get(tag.start)
        if content is None:
            content = self._contents[tag.start] = _Content(tag)
        return content


def _read(blank: bytes, *, in_attribute: bool = False) -> str:
    """White space as a parser tells it (XML 1.0, sections 2.11 and 3.3.3)."""
    said = blank.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("ascii")
    return " " * len(said) if in_attribute else said
