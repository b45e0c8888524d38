"""A document with short words for its places."""

from __future__ import annotations

from gateway.codecs.paths import Path, parse_path
from gateway.codecs.xml import open_xml


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
