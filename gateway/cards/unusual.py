r"""Numbers written as no card is printed: `4111/1111/1111/1111`, `4/1/1/1/...`, `4.111111111111111E15`.

A guest who was told not to write a card's number writes it so; a program that took it for a number writes a
power of ten (.NET, Java, Go). What stands between the digits has another meaning elsewhere (of a date, a time,
a path), so that only the layouts of cards count, with the same sign throughout, and a power only with as many
digits as a card has. A comma is left to lists of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from gateway.cards.judge import Verdict
from gateway.cards.pan import is_plausible

PARTS: Final = b"/_|:~"  # what may stand between
# One of these is in each such number with its separators left out, where a digit is `0` and a part `/`; and in
# hardly anything else.
SIGNS: Final = (b"0000/0000", b"0/0/0/0/0/0/0/0", b"0000000000e")
_FEWEST: Final = 9  # digits of a power of ten: fewer are a sum
_LONGEST: Final = 256  # no number with its signs is longer
_GAP: Final = rb"(?P<%s> {0,2}[/_|:~] {0,2})"
_NUMBER: Final = re.compile(
    rb"(?<![0-9])(?:"
    rb"[0-9]{4}"
    + _GAP
    % b"gap"
    + rb"(?:[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}|[0-9]{6}(?P=gap)[0-9]{4,5})"
    rb"|[0-9]"
    + _GAP % b"one"
    + rb"[0-9](?:(?P=one)[0-9]){11,17}(?!(?P=one)[0-9])"
    rb"|(?<![0-9][.,])(?<![A-Za-z_])(?P<mantissa>[0-9]{1,18}\.[0-9]{1,19})[eE](?:\+|%%2[Bb])?0{0,2}(?P<power>1?[0-9])(?![0-9A-Za-z_.])"
    rb")(?![0-9])".replace(b"%%", b"%")
)
_ADDRESS: Final = re.compile(rb"[0-9A-Fa-f:]+")
_LONGEST_ADDRESS: Final = 39


def unusual(text: bytes, first: int, last: int) -> Iterator[Verdict]:
    """Where such a number begins in `text[first:last]`, in order. Linear."""
    for match in _NUMBER.finditer(text, first, last + _LONGEST):
        if match.start() >= last:
            return
        verdict = _verdict(match)
        if verdict is not None:
            yield verdict


def _verdict(match: re.Match[bytes]) -> Verdict | None:
    if match["mantissa"] is not None:
        return _power_of_ten(match)
    digits = bytes(sign for sign in match[0] if 48 <= sign < 58)
    if not is_plausible(digits.decode()) or (b":" in match[0] and _is_address(match)):
        return None
    return Verdict(match.start(), match.end(), known=False)


def _power_of_ten(match: re.Match[bytes]) -> Verdict | None:
    """`4.1e15`, `0.41e16`, `41.1e14`: the zeros in front are none of the number, those behind are not written."""
    whole, _, fraction = match["mantissa"].partition(b".")
    digits = (whole + fraction).lstrip(b"0")
    zeros = int(match["power"]) - len(fraction)
    if len(digits) < _FEWEST or not zeros >= 0 or not is_plausible(digits.decode() + "0" * zeros):
        return None
    first = re.search(rb"[1-9]", match["mantissa"])
    start = match.start() + (first.start() if first else 0)
    return Verdict(start, match.end("mantissa"), known=False, zeros=zeros)


def _is_address(match: re.Match[bytes]) -> bool:
    """Whether the number is a part of an IPv6 address."""
    near = match.string[max(0, match.start() - _LONGEST_ADDRESS) : match.end() + _LONGEST_ADDRESS]
    for word in _ADDRESS.findall(near):
        if match[0] in word:
            try:
                IPv6Address(word.decode())
            except AddressValueError:
                continue
            return True
    return False
