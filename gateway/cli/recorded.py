"""One recorded message, whatever it was recorded with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from gateway.cli.hiding import hide_target
from gateway.errors import ConfigurationError, Problem
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.stages.guard import is_text

Way = Literal["request", "response"]

NOT_RECORDED: Final = "its body was not recorded"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message. A response says which request it answers, as far as that was recorded.

    `way` is None for a body alone, of which nothing else is known. `exchange` counts within the file;
    a request and its response have the same number. `path` begins with `/` and holds the query.
    """

    way: Way | None
    exchange: int
    file: Path
    line: int  # where the message begins
    method: str = ""
    authority: Authority | None = None
    path: str = field(default="", repr=False)
    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    complete: bool = True  # the body was recorded, whole
    notes: tuple[str, ...] = ()  # what was left out of it, or undone

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def target(self) -> str:
        """What was asked for, for people: without the query, long numbers and tokens masked."""
        return hide_target(self.method, str(self.authority or ""), self.path)


def wrong(file: Path, line: int, message: str, hint: str = "") -> ConfigurationError:
    """What is wrong with a recording; `message` and `hint` hold nothing of it."""
    return ConfigurationError([Problem(str(file), line, message, hint)])


def as_it_was(headers: Headers, body: bytes) -> tuple[Headers, tuple[str, ...]]:
    """The headers that fit a recorded body, and what was done to them.

    Tools write bodies without their content coding, and leave the header that names it. What is text
    is no gzip: the header would refuse a message that came well.
    """
    if not body or "Content-Encoding" not in headers or not is_text(body):
        return headers, ()
    kept = Headers(headers.fields)
    kept.remove("Content-Encoding")
    return kept, ("its Content-Encoding was undone by what recorded it",)


def fields_of(pairs: Sequence[tuple[str, str]]) -> Headers:
    """Header fields from text; HTTP/2's pseudo-headers are no fields."""
    return Headers(
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in pairs
        if not name.startswith(":")
    )
