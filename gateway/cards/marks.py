"""Marks: where a message's bytes may spell a digit, so that decoding them (`spelling.py`) is worth its cost."""

from __future__ import annotations

import re
from typing import Final

# Where decoding is worth its cost: a spelled digit, a spelled something right after a plain digit, or one whose
# own last digit stands right before a number (`%204111...`): its bytes are those of a longer one. Each with its
# first byte, so that a body without that byte pays one memchr.
_DIGIT_REFERENCE: Final = (
    rb"0*+(?:4[89]|5[0-7]|163[2-9]|164[01]|177[6-9]|178[0-5]|6529[6-9]|6530[0-5]|(?:2[4-9]|3[0-8])[0-9]{2}"
    rb"|120(?:7[89]|8[0-3])[0-9])(?![0-9])"
    rb"|[xX]0*+(?:3[0-9]|6[6Ff][0-9]|[Ff]{2}1[0-9]|[9A-Da-d][6Ee][6-9A-Fa-f]|[Ee][5Dd][0-9]|[Ff]2[0-9]"
    rb"|1[Dd]7[C-Fc-f][0-9A-Fa-f])(?![0-9A-Fa-f])"
)
_DIGIT_PERCENT: Final = (
    rb"3[0-9]|u003|u06|u[Ff]{2}1|[Ee][Ff]%(?:25)*+[Bb][Cc]|[Dd][9Bb]%|[Ff]0%(?:25)*+9[DdFf]%(?:25)*+[9Aa][Ff]"
    rb"|[Ee]0%(?:25)*+(?:[Bb][9Bb]%(?:25)*+9|[Bb][Cc]%(?:25)*+[Aa]|[AaBb][13579BbDdFf]%(?:25)*+[Aa][6-9A-Fa-f])"
)
# Behind a spelled sign a number begins only so; in texts with escapes throughout (Cyrillic in JSON) all but the
# first two of a digit's signs are seldom looked at.
_NUMBER: Final = rb"(?=[0-9]{4}|[0-9]{1,3}[ +.-][0-9])"
_DIGIT_ESCAPE: Final = (
    rb"u(?:[0dDfF][06896A-Fa-f](?:(?<=00)3[0-9]|(?<=06)[6Ff][0-9]|(?<=[Ff]{2})1[0-9]|(?<=0[9A-Da-d])[6Ee][6-9A-Fa-f]"
    rb"|(?<=0[Ee])[5Dd][0-9]|(?<=0[Ff])2[0-9]|(?<=[dD]8)35\\++u[dD][fF][c-fC-F])|[^\\]{3}[0-9]"
    + _NUMBER
    + rb")"
    rb"|x(?:3[0-9]|[0-9A-Fa-f][0-9]" + _NUMBER + rb")"
)
_ALL_MARKS: Final = tuple(
    (first, re.compile(pattern))
    for first, pattern in (
        (b"&", rb"&(?:(?:amp;)*+#(?:" + _DIGIT_REFERENCE + rb")|(?<=[0-9]&)[A-Za-z#])"),
        (
            b"%",
            rb"%(?:(?:25)*+(?:" + _DIGIT_PERCENT + rb")|(?<=[0-9]%)(?<!%[0-9A-F]{2}%)[0-9A-Fa-fu]"
            rb"|(?:25)*+(?:u[0-9A-Fa-f]{2})?[0-9A-Fa-f][0-9]" + _NUMBER + rb")",
        ),
        (b"\\", rb"\\(?:" + _DIGIT_ESCAPE + rb"|(?<=[0-9]\\)(?<!u[0-9A-Fa-f]{4}\\)[\\unrtfx/])"),
        (b"\xef", rb"\xef(?:\xbc[\x90-\x99]|(?<=[0-9]\xef)(?:\xbb\xbf|\xb8[\x80-\x8f]|\xb9|\xbc))"),
        (b"\xd9", rb"\xd9[\xa0-\xa9]"),
        (b"\xdb", rb"\xdb[\xb0-\xb9]"),
        (b"\xc2", rb"\xc2(?<=[0-9]\xc2)[\x85\xa0\xad\xb7]"),
        (b"\xcc", rb"\xcc(?<=[0-9]\xcc)"),
        (b"\xcd", rb"\xcd(?<=[0-9]\xcd)"),
        (
            b"\xe0",
            rb"\xe0(?:[\xa5\xa7\xa9\xab\xad\xaf\xb1\xb3\xb5\xb7][\xa6-\xaf]|[\xb9\xbb][\x90-\x99]|\xbc[\xa0-\xa9])",
        ),
        (b"\xe1", rb"\xe1(?<=[0-9]\xe1)[\x9a\xa0]"),
        (b"\xe2", rb"\xe2(?<=[0-9]\xe2)[\x80\x81\x83\x88]"),
        (b"\xe3", rb"\xe3(?<=[0-9]\xe3)(?:\x80\x80|\x83\xbc)"),
        (b"\xf0", rb"\xf0(?:\x9d\x9f[\x8e-\xbf]|\x9f\xaf[\xb0-\xb9])"),
        (b"\xf3", rb"\xf3(?<=[0-9]\xf3)\xa0"),
    )
)
_ASCII_MARKS: Final = tuple(mark for mark in _ALL_MARKS if mark[0].isascii())


def marks(data: bytes) -> tuple[tuple[bytes, re.Pattern[bytes]], ...]:
    """The marks that `data` may have, with their first bytes."""
    return _ASCII_MARKS if data.isascii() else _ALL_MARKS
