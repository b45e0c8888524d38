"""New elements that hold others: the parents that a field lacks, with the fields that go into them."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.codecs.xml_write import Writer
from gateway.errors import MessageUnfit


@dataclass(slots=True, repr=False)
class NewElement:
    """An element that is to be written. Names may have a prefix; those without get one from outside."""

    attributes: dict[str, str] = field(default_factory=dict)
    children: dict[str, NewElement] = field(default_factory=dict)
    text: str | None = None

    def child(self, name: str) -> NewElement:
        """The new child of that name, one for all the fields that go into it."""
        return self.children.setdefault(name, NewElement())

    def set_text(self, text: str) -> None:
        """Raises `MessageUnfit` where it has a text or children already."""
        if self.text is not None or self.children:
            raise MessageUnfit
        self.text = text

    def set_attribute(self, name: str, value: str) -> None:
        """Raises `MessageUnfit` where it is there already."""
        if name in self.attributes:
            raise MessageUnfit
        self.attributes[name] = value

    def write(self, write: Writer, name: str, prefix: str) -> bytes:
        """The element, called `name`; `prefix` (`p:`, or empty) is for names that have none."""
        if self.text is not None and self.children:
            raise MessageUnfit
        tag = write.name(name if ":" in name else prefix + name)
        attributes = b"".join(write.attribute(*item) for item in self.attributes.items())
        inner = write.text(self.text or "") + b"".join(
            child.write(write, inner_name, prefix) for inner_name, child in self.children.items()
        )
        return b"<%b%b>%b</%b>" % (tag, attributes, inner, tag)
