"""What Ruby's Net::HTTP writes of its traffic (`set_debug_output`), brought into the form of a transcript.

Payment libraries record in it: what was sent stands behind `<- `, what was received behind `-> `, as Ruby
writes strings, between words of its own (`opening connection to …`, `reading 2 bytes...`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# A string ends where the next line is another one's: in some recordings the quotes within it have lost their
# backslashes. In others what was scrubbed took the string's end along.
_STRING: Final = re.compile(
    rb'^[ \t]*(<-|->) "(.*?)(?:(")[ \t]*\r?(?:\n|\Z)'
    rb"(?=[ \t]*(?:<- |-> |reading |read |Conn |opening |opened|starting |SSL |I, |\r?\n)|[ \t]*\Z|[^\n\"]*\Z)"
    rb'|(?=\r?\n[ \t]*(?:<- "|-> "|reading [0-9]|read [0-9]|Conn close|opening connection)))',
    re.MULTILINE | re.DOTALL,
)
_HEAD: Final = 64 << 10  # as far as a recording may begin with other words
_TOLD: Final = re.compile(rb'^[ \t]*(?:<-|->) "', re.MULTILINE)
# A recording that was itself printed as a string: every sign of it is escaped once more, its quotes maybe not;
# or each of its lines was.
_TOLD_IN_A_STRING: Final = re.compile(
    rb'(?:\A"?|\\n)[ \t]*(?:<-|->) \\?"|^[ \t]*(?:<-|->) \\"', re.MULTILINE
)
_TO: Final = re.compile(rb"^[ \t]*\"?opening connection to ([^\s:]+:\d+)", re.MULTILINE)
_SECURE: Final = re.compile(rb"^[ \t]*(?:starting SSL|SSL established)", re.MULTILINE)
_ESCAPE: Final = re.compile(
    rb"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|(.))", re.DOTALL
)
_SIGNS: Final = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"v": b"\v", b"f": b"\f",
    b"e": b"\x1b", b"0": b"\0",
}  # fmt: skip
_FIRST: Final = re.compile(rb"\A([A-Z]{3,20} )(/\S*)( HTTP/1)")
_REQUEST: Final = re.compile(rb"[A-Z]{3,20} \S+ HTTP/1")
_BEGINS: Final = re.compile(rb"[A-Z]{3,20} \S+ HTTP/1|HTTP/[0-9]")
# An editor's, in a head whose own lines end in CR LF.
_WRAPPED: Final = re.compile(rb"(?<!\r)\n[ \t]*")
_BLANK: Final = re.compile(rb"\n\r?\n")
_LARGEST_SIGN: Final = 0x10FFFF


def looks_like_ruby(raw: bytes) -> bool:
    """Whether `raw` is what Net::HTTP wrote."""
    return any(one.search(raw, 0, _HEAD) for one in (_TOLD, _TOLD_IN_A_STRING))


def unruby(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Each message as it was on the line, and the line of the recording that it begins in."""
    if _TOLD.search(raw, 0, _HEAD) is None:
        raw = unruby_string(raw)
    way, held, begins, counted, line = b"", bytearray(), 0, 0, 1
    for found in _STRING.finditer(raw):
        line += raw.count(b"\n", counted, found.start())
        counted = found.start()
        if found[1] != way or (way == b"<-" and _REQUEST.match(found[2]) and held):
            if held:
                yield begins, _message(raw, way, held, counted)
            way, held, begins = found[1], bytearray(), line
        elif _BEGINS.match(held) and not _BLANK.search(held):
            held += _ended(bytes(held[-1:]), way, found[2])
        text = unruby_string(found[2])
        if b"\\r\\n" in text and _BEGINS.match(text):  # a head that was escaped once more
            text = unruby_string(text)
        held += text
        if found[3] is None and b"\r\n\r\n" not in held and _BEGINS.match(held):
            held += b"\r\n\r\n" if way == b"<-" else b"\r\n"
    if held:
        yield begins, _message(raw, way, held, len(raw))


def _ended(last: bytes, way: bytes, following: bytes) -> bytes:
    """What a head, whose last byte is `last`, lacks of its line ends, cut off with the rest of each string,
    before what follows it.

    Net::HTTP writes a request's head at once, and tells an answer's line by line.
    """
    end = b"" if last == b"\n" else b"\r\n"
    return end + b"\r\n" if way == b"<-" or not following else end


def unruby_string(text: bytes) -> bytes:
    """What a string says that is written as Ruby, or JSON, writes it."""
    return _ESCAPE.sub(_sign, text)


def _message(raw: bytes, way: bytes, held: bytearray, until: int) -> bytes:
    """With the host that was connected to: the `Host` that stands there lacks the scheme."""
    message = bytes(held)
    head, blank, body = message.partition(b"\r\n\r\n")
    if blank and b"\r\n" in head and _BEGINS.match(head):
        message = _WRAPPED.sub(b"", head) + blank + body
    if not _BEGINS.match(message):  # of some libraries' logs the heads were cut
        message = (
            b"POST / HTTP/1.1\r\n\r\n" if way == b"<-" else b"HTTP/1.1 200 OK\r\n\r\n"
        ) + message
    opened = [one for one in _TO.finditer(raw) if one.start() < until]
    first = _FIRST.match(message)
    if way != b"<-" or not opened or first is None:
        return message
    plain = opened[-1][1].endswith(b":80") and _SECURE.search(raw) is None
    target = (b"http://" if plain else b"https://") + opened[-1][1] + first[2]
    return first[1] + target + first[3] + message[first.end() :]


def _sign(found: re.Match[bytes]) -> bytes:
    byte, short, long, other = found.groups()
    if byte is not None:
        return bytes([int(byte, 16)])
    number = short or long
    if number is not None:
        sign = int(number, 16)
        return chr(sign).encode("utf-8", "surrogatepass") if sign <= _LARGEST_SIGN else found[0]
    return _SIGNS.get(other, other)
