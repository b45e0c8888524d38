"""Reading JSON one entry at a time, whatever its length: what is too long for one window, or wrong.

Every call looks at `WINDOW` bytes at most. Raises `MessageMalformed`, `MessageForbidden`.
"""

from __future__ import annotations

from gateway.codecs.json_grammar import (
    CHARACTERS,
    IN_ARRAY,
    IN_OBJECT,
    LONE_SURROGATE,
    NAME,
    NEXT,
    NO_STRING,
    NOT_A_NUMBER,
    NOT_SPACE,
    OPENING,
    WINDOW,
)
from gateway.errors import MessageForbidden, MessageMalformed


def read_slowly(body: bytes, position: int, *, is_object: bool, first: bool) -> tuple[int, bool]:
    """Reads a container from its start, or from the end of an entry, to the next bracket.

    For what does not fit into one window, or is wrong. Returns the offset of a bracket that opens
    and True, or the offset after the container's own closing bracket and False.
    """
    position = after_space(body, position)
    if first and body[position : position + 1] == (b"}" if is_object else b"]"):
        return position + 1, False
    more = True
    if not first:
        position, more = _separator(body, position, is_object=is_object)
    pattern = (IN_OBJECT if is_object else IN_ARRAY).further
    while more:
        match = pattern.match(body, position, position + WINDOW)
        if match is not None and match.lastgroup is not None:
            opens = match.lastgroup == "opens"
            return match.end() - opens, opens
        if match is not None and match.end() > position:
            position = match.end()
            continue
        # One entry that is longer than the window, or wrong.
        position = after_space(body, position)
        if is_object:
            _, position = name_at(body, position)
        if body[position : position + 1] in OPENING:
            return position, True
        position, more = _separator(body, scalar_end(body, position), is_object=is_object)
    return position, False


def name_at(body: bytes, position: int) -> tuple[int, int]:
    """The offsets after the name at `position`, and of the value that it names."""
    match = NAME.match(body, position, position + WINDOW)
    if match is not None and match.end() < position + WINDOW:
        return match.end(1), match.end()
    name_end = string_end(body, position)
    position = after_space(body, name_end)
    if body[position : position + 1] != b":":
        raise MessageMalformed
    return name_end, after_space(body, position + 1)


def _separator(body: bytes, position: int, *, is_object: bool) -> tuple[int, bool]:
    """The offset after the comma (and True) or the closing bracket (and False) that must follow."""
    position = after_space(body, position)
    sign = body[position : position + 1]
    if sign == b",":
        return position + 1, True
    if sign != (b"}" if is_object else b"]"):
        raise MessageMalformed
    return position + 1, False


def after_entry(body: bytes, position: int) -> int:
    """The offset of what stands after the separator that follows an entry's end at `position`."""
    match = NEXT.match(body, position, position + WINDOW)
    if match is not None and match.end() < position + WINDOW:
        return match.end()
    return after_space(body, after_space(body, position) + 1)


def scalar_end(body: bytes, position: int) -> int:
    """The offset after the string, number or literal at `position`."""
    if body[position : position + 1] == b'"':
        return string_end(body, position)
    match = NO_STRING.match(body, position, position + WINDOW)
    if match is None:
        raise MessageForbidden if NOT_A_NUMBER.match(body, position) else MessageMalformed
    if match.end() == position + WINDOW:  # no reader keeps such a number as it is
        raise MessageForbidden
    return match.end()


def string_end(body: bytes, position: int) -> int:
    """The offset after the closing quote of the string that must stand at `position`."""
    if body[position : position + 1] != b'"':
        raise MessageMalformed
    position += 1
    while True:
        match = CHARACTERS.match(body, position, position + WINDOW)
        end = match.end() if match is not None else position
        if body[end : end + 1] == b'"':
            return end + 1
        if end == position:
            raise MessageForbidden if LONE_SURROGATE.match(body, end) else MessageMalformed
        position = end


def after_space(body: bytes, position: int) -> int:
    """The offset of the next byte that is no white space, or the body's end."""
    while position < len(body):
        match = NOT_SPACE.search(body, position, position + WINDOW)
        if match is not None:
            return match.start()
        position = min(position + WINDOW, len(body))
    return position
