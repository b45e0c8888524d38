"""A card's number: its digits, check digit, brand and mask. Pure functions on text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, islice
from typing import Final

_SEPARATORS: Final = re.compile(r"[ \u00a0-]")
_GROUP: Final = re.compile(r"[^ \u00a0-]++")
_MOST_GROUPS: Final = 20  # no number has as many digits
_DIGITS: Final = re.compile(r"[0-9]{12,19}")
_DIGIT: Final = re.compile(r"\d")  # of any script: a full-width number is masked, too
_DIGITS_RUN: Final = re.compile(r"\d++")
_STARS: Final = dict.fromkeys(map(ord, "0123456789"), "*")
_MASK_SIGNS: Final = "*#xX•·"
_MASK_SIGN: Final = re.compile(f"[{_MASK_SIGNS}]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_LAST_FOUR: Final = re.compile(  # `4111...1111` and `411111......1111`, too
    r"(?:(?:[0-9]{4}|[0-9]{6})(?=\.\.|\u2026))?[.\u2026]*+[0-9]{4}"
)
_UNBROKEN: Final = re.compile(rf"{_MASK_SIGN.pattern}*\d+{_MASK_SIGN.pattern}*")
_MASK_AND_CODE: Final = re.compile(
    rf"{_MASK_SIGN.pattern}{_SEPARATORS.pattern}*\d+{_SEPARATORS.pattern}+\d{{3,4}}\Z"
)
# A masked number in a text of any kind. Fewer signs would be `#12`, or the `x` of a word.
_MASKED: Final = re.compile(
    rf"{_MASK_SIGN.pattern}(?:{_SEPARATORS.pattern}*{_MASK_SIGN.pattern}){{3,}}"
    rf"{_SEPARATORS.pattern}*(?:\d+(?!\d))?"
)
_MONTH: Final = "(?:0?[1-9]|1[0-2])"
_EXPIRY_OR_CODE: Final = re.compile(
    rf"(?<!\d)(?:(?P<expiry>{_MONTH}[-/.]20\d\d|20\d\d[-/.]{_MONTH})|\d{{3,4}})(?!\d)"
)
# How cards are printed: groups of four, American Express, Diners. Nineteen digits as 4-4-4-4-3 are
# not among them: they may be sixteen and a CVC.
PRINTED: Final = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4))
_CVC_LENGTHS: Final = (3, 4)
_LONGEST_TOKEN: Final = 1 << 16  # nobody's is as long: what is longer fails, and is masked

# Issuer ranges (ISO/IEC 7812; the schemes' published tables), longest prefix first. Lengths are
# those a scheme issues. Only the guard needs them strict: a named field is a card whatever it says.
_BRANDS: Final[tuple[tuple[str, re.Pattern[str], frozenset[int]], ...]] = (
    ("amex", re.compile(r"3[47]"), frozenset({15})),
    ("diners", re.compile(r"30[0-5]|3095|36|3[89]"), frozenset(range(14, 20))),
    ("jcb", re.compile(r"35(?:2[89]|[3-8][0-9])"), frozenset(range(16, 20))),
    ("visa", re.compile(r"4"), frozenset({13, 16, 19})),
    ("mir", re.compile(r"220[0-4]"), frozenset(range(16, 20))),
    (
        "mastercard",
        re.compile(r"5[1-5]|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720"),
        frozenset({16}),
    ),
    ("discover", re.compile(r"6011|64[4-9]|65"), frozenset(range(16, 20))),
    ("unionpay", re.compile(r"62|81"), frozenset(range(16, 20))),
    (
        "maestro",
        re.compile(r"50(?:18|20|38)|56|57|58|6304|6390|67"),
        frozenset(range(12, 20)),
    ),
)

# Most numbers are told apart by their first digit alone.
_BY_FIRST: Final = {
    first: tuple(brand for brand in _BRANDS if brand[0] in names)
    for first, names in {
        "2": {"mir", "mastercard"},
        "3": {"amex", "diners", "jcb"},
        "4": {"visa"},
        "5": {"mastercard", "maestro"},
        "6": {"discover", "unionpay", "maestro"},
        "8": {"unionpay"},
    }.items()
}

# Published by the schemes and processors for testing; a live product refuses them.
TEST_NUMBERS: Final = frozenset(
    {
        "4111111111111111", "4111111111111112", "4111111111111113", "4242424242424242",
        "4000002500003155", "4000000000000002", "4000000000003220", "4000000000009995",
        "4012888888881881", "4222222222222", "4444333322221111", "4444444444444444",
        "4917610000000000", "4988438843884305", "4580458045804580", "4012001037141112",
        "4548812049400004", "4548814479727229", "5555555555554444", "5105105105105100",
        "5200828282828210", "5454545454545454", "5413541354135413", "2223003122003222",
        "2222400070000005", "378282246310005", "371449635398431", "378734493671000",
        "370000000000002", "6011111111111117", "6011000990139424", "3056930009020004",
        "30569309025904", "36227206271667", "38520000023237", "3530111333300000",
        "3566002020360505", "6200000000000005", "6771798021000008",
    }
)  # fmt: skip


def digits_of(text: str) -> str | None:
    """The 12 to 19 digits that `text` spells, spaces and dashes removed, or None.

    None also where the last of them may be a CVC that was typed behind the number.
    """
    if _DIGITS.fullmatch(text):
        return text
    bare = _bare(text)
    return bare if _DIGITS.fullmatch(bare) and _is_one_number(_groups(text)) else None


def _bare(text: str) -> str:
    """Without spaces and dashes. No expression: a field of a megabyte would hold the interpreter."""
    return text.strip().replace(" ", "").replace("-", "").replace("\u00a0", "")


def _groups(text: str) -> list[str]:
    """What stands between spaces and dashes; of more than a number can have, the first."""
    return [group[0] for group in islice(_GROUP.finditer(text.strip()), _MOST_GROUPS)]


def _is_one_number(groups: Sequence[str]) -> bool:
    """Whether groups of digits are one number, not a number and the CVC behind it.

    Where both fit, it is not: a CVC in the vault would be kept, and charged as part of the number.
    That costs one in ten of the numbers of nineteen digits that come as 4-4-4-4-3: they fail.
    """
    digits, sizes = "".join(groups), tuple(len(group) for group in groups)
    if _is_layout(sizes):
        return True
    plausible = is_plausible(digits)
    if plausible and len(set(sizes)) == 1:
        return True
    for end in accumulate(sizes[:-1]):
        if is_plausible(digits[:end]):
            return False
        # The number before the CVC may be mistyped. Twelve and four are one number in halves.
        if not plausible and end > 12 and len(digits) - end in _CVC_LENGTHS:
            return False
    return True


def _is_layout(sizes: tuple[int, ...]) -> bool:
    """Whether groups of these sizes are one number for sure: unbroken, or as printed."""
    return len(sizes) == 1 or sizes in PRINTED


def luhn_ok(digits: str) -> bool:
    """Whether the check digit fits (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, sign in enumerate(reversed(digits)):
        value = ord(sign) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def brand_of(digits: str) -> str:
    """The scheme by prefix and length, or `unknown`."""
    for name, prefix, lengths in _BY_FIRST.get(digits[:1], ()):
        if len(digits) in lengths and prefix.match(digits):
            return name
    return "unknown"


def is_plausible(digits: str) -> bool:
    """Whether digits without a field path are taken for a card: issued prefix, length, Luhn."""
    return brand_of(digits) != "unknown" and luhn_ok(digits)


def is_test_number(digits: str) -> bool:
    """Whether `digits` is a number that schemes or processors published for testing."""
    return digits in TEST_NUMBERS


def mask(digits: str) -> str:
    """First six, last four, `*` between: `444444******4444`. PCI DSS 3.4.1's upper limit."""
    return digits[:6] + "*" * (len(digits) - 10) + digits[-4:]


def last4(digits: str) -> str:
    """Only the last four, `*` before them; the length is kept."""
    return "*" * (len(digits) - 4) + digits[-4:]


def mask_every_digit(text: str) -> str:
    """Masks a text in which nothing says what its digits are: a CVC may be among them."""
    if text.isascii():  # a tenth of the time, which counts where a message is a megabyte of digits
        return text.translate(_STARS)
    return _DIGITS_RUN.sub(lambda run: "*" * len(run[0]), text)


def _count_digits(text: str) -> int:
    """How many digits of any script there are."""
    if text.isascii():
        return sum(map(text.count, "0123456789"))
    return sum(len(run[0]) for run in _DIGITS_RUN.finditer(text))


def mask_unreadable(text: str) -> str:
    """Masks a number field whose content is no PAN: every digit but the last four becomes `*`.

    The last four are masked, too, unless the digits are one number, for they may be a CVC that was
    typed behind it: in other groups than cards are printed in, beside other signs, broken by a mask.
    Fewer than nine digits are all masked, so that a short fragment gives nothing away; so are more
    than sixteen.
    """
    groups, total = _groups(text), _count_digits(text)
    one = _is_layout(tuple(map(len, groups))) and _UNBROKEN.fullmatch("".join(groups))
    if not one or not 9 <= total <= 16:
        return mask_every_digit(text)
    return _DIGIT.sub("*", text, count=total - 4)


def has_code_behind_mask(text: str) -> bool:
    """Whether a CVC may stand behind a masked number, in a text that may have words, too.

    It may be any three or four digits but the year of an expiry: `411111******1111 CVC 123`.
    """
    masked = _MASKED.search(text)
    return masked is not None and any(
        found["expiry"] is None for found in _EXPIRY_OR_CODE.finditer(text, masked.end())
    )


def is_one_however_parted(text: str) -> bool:
    """Whether the digits of a text without letters are a card's by their count and check digit, whatever
    stands between them and whoever issued it."""
    if not 12 <= _count_digits(text) <= 19 or _LETTER.search(text) is not None:
        return False
    return luhn_ok("".join(str(int(sign)) for sign in text if sign.isdecimal()))


def is_no_part_of_one(text: str) -> bool:
    """Whether a text can hold no card, for it has fewer digits than one, and no CVC behind a mask."""
    few = _count_digits(text) < 12
    return few and not has_code_behind_mask(text) and not _ends_in_code(text)


def is_zeros(text: str) -> bool:
    """Whether a number field holds zeros and nothing else, however many and in whatever groups."""
    bare = _bare(text)
    return bool(bare) and not bare.strip("0")


def is_no_card(text: str) -> bool:
    """Whether a number field says "no clear card here": empty, a mask, the last four digits alone, zeros, a
    foreign token.

    A foreign token has letters and fewer than twelve digits; twelve or more digits beside letters
    are a mistyped card, which fails and is masked. So is a mask with what may be a CVC behind it.
    """
    bare = _bare(text)
    digits = _count_digits(bare)
    if not digits or not bare.strip("0"):
        return True
    if _LAST_FOUR.fullmatch(bare):
        return True  # as many systems show a stored card; shorter may be a code
    signs = sum(map(bare.count, _MASK_SIGNS))
    if signs and signs + digits == len(bare):
        return digits <= 10 and not _ends_in_code(text)  # first six and last four at most
    if digits >= 12 or len(text) > _LONGEST_TOKEN or has_code_behind_mask(text):
        return False
    return _LETTER.search(bare) is not None


def _ends_in_code(text: str) -> bool:
    """Whether a mask without words may have a CVC behind it: `************1111 123`."""
    if _is_layout(tuple(map(len, _groups(text)))):
        return False
    text = text.strip(" \u00a0-\t\r\n")
    last = max(
        map(text.rfind, _MASK_SIGNS)
    )  # no sign of a mask follows the one that it begins with
    return last >= 0 and _MASK_AND_CODE.match(text, last) is not None
