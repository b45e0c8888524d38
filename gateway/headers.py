"""Header fields of one message, in order, as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
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

    __slots__ = ("_fields", "_names")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.fields = list(fields)

    @property
    def fields(self) -> Sequence[tuple[bytes, bytes]]:
        """Every (name, value), in order. Assign others to change them."""
        return tuple(self._fields)

    @fields.setter
    def fields(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self._fields = list(fields)
        # What is looked for is found in these, for each name some dozen times.
        self._names = [name.lower() for name, _ in self._fields]

    def get_all(self, name: str) -> list[str]:
        """Every value of `name`, in order."""
        key = _key(name)
        if key not in self._names:
            return []
        pairs = zip(self._names, self._fields, strict=True)
        return [field[1].decode("latin-1") for known, field in pairs if known == key]

    def get(self, name: str) -> str | None:
        """The first value of `name`, or None."""
        key = _key(name)
        if key not in self._names:
            return None
        return self._fields[self._names.index(key)][1].decode("latin-1")

    def remove(self, *names: str) -> None:
        """Drop every field with one of these names."""
        keys = _keys(names)
        if not keys.isdisjoint(self._names):
            pairs = zip(self._names, self._fields, strict=True)
            self.fields = [field for known, field in pairs if known not in keys]

    def set(self, name: str, value: str) -> None:
        """Make `value` the only value of `name`; it takes the first one's place, else the last.

        Raises ValueError where `value` would end the field or is not Latin-1; its text does not
        hold the value.
        """
        if _FORBIDDEN.search(value):
            raise ValueError("a header value holds a sign that can not be sent")
        key, field = _key(name), (name.encode("ascii"), value.encode("latin-1"))
        if key not in self._names:
            self._fields.append(field)
            self._names.append(key)
            return
        place = self._names.index(key)
        self._fields[place] = field
        if self._names.count(key) > 1:
            pairs = enumerate(zip(self._names, self._fields, strict=True))
            self.fields = [one for at, (known, one) in pairs if known != key or at == place]

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._names

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._fields)

    def __repr__(self) -> str:
        return f"Headers({len(self._fields)} fields)"  # values may hold cards
