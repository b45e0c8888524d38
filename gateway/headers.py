"""Header fields of one message, in order, as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

_FORBIDDEN: Final = re.compile(r"[\r\n\0]|[^\x00-\xff]")


# They describe bytes that are no longer the ones that go out; a digest of them would tell what was there.
STALE: Final = (
    "Content-Encoding",
    "Content-MD5",
    "Digest",
    "Content-Digest",
    "Repr-Digest",
    "ETag",
    "Accept-Ranges",
)


# A message's fields are asked for by the same few names again and again.
@lru_cache(maxsize=512)
def _key(name: str) -> bytes:
    return name.lower().encode("ascii")


@lru_cache(maxsize=128)
def _keys(names: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(_key(name) for name in names)


class Headers:
    """An ordered multimap of header fields; names compare without case.

    Names and values stay the bytes that came. `get` and `get_all` answer text (latin-1, as HTTP/1.1
    reads them), so that no byte is ever refused or lost here.
    """

    __slots__ = ("fields",)

    def __init__(self, fields: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.fields: list[tuple[bytes, bytes]] = list(fields)

    def get_all(self, name: str) -> list[str]:
        """Every value of `name`, in order."""
        key = _key(name)
        return [value.decode("latin-1") for field, value in self.fields if field.lower() == key]

    def get(self, name: str) -> str | None:
        """The first value of `name`, or None."""
        values = self.get_all(name)
        return values[0] if values else None

    def remove(self, *names: str) -> None:
        """Drop every field with one of these names."""
        keys = _keys(names)
        self.fields = [field for field in self.fields if field[0].lower() not in keys]

    def set(self, name: str, value: str) -> None:
        """Make `value` the only value of `name`; it takes the first one's place, else the last.

        Raises ValueError where `value` would end the field or is not Latin-1; its text does not
        hold the value.
        """
        if _FORBIDDEN.search(value):
            raise ValueError("a header value holds a sign that can not be sent")
        key, field = _key(name), (name.encode("ascii"), value.encode("latin-1"))
        places = [i for i, (known, _) in enumerate(self.fields) if known.lower() == key]
        if not places:
            self.fields.append(field)
            return
        self.fields[places[0]] = field
        for place in reversed(places[1:]):
            del self.fields[place]

    def __contains__(self, name: str) -> bool:
        key = _key(name)
        return any(field.lower() == key for field, _ in self.fields)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.fields)

    def __repr__(self) -> str:
        return f"Headers({len(self.fields)} fields)"  # values may hold cards
