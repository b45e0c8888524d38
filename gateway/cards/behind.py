"""The security code behind a card number in running text: `4111 1111 1111 1111 12/26 cvc 123`.

Nothing but its place says that three digits are a code. So these are taken for one:

1. three or four digits behind a word for it, where that word follows the number: after at most forty
   signs without a digit, and an expiry among them at most;
2. three digits (American Express: four) behind the number and its expiry, without a word;
3. the same right behind a number in groups as cards are printed, after the same separator.

2 and 3 leave what goes on as an amount, a time or a number of nights. Nothing is looked for beyond the
text that the number stands in: not in another element, string or form field.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from gateway.cards.pan import is_plausible
from gateway.cards.scan import Finding

# Each alternative of a repeated group begins with a byte of its own: every text is read in one way, and
# what does not match costs no more than its length.
_SPELLED_BLANK: Final = (
    rb"%20|%0[9AaDd]|%[Cc]2%[Aa]0|\\[nrt]|\\u00[Aa]0"
    rb"|&nbsp;|&#(?:9|10|13|32|160|[xX]0*(?:9|[AaDd]|20|[Aa]0));"
)
_SPELLED_JOIN: Final = rb"%2[89CcDdEeFf]|%3[AaBbDd]|\\/"
_BLANK: Final = rb"(?:[ \t\r\n+]|\xc2\xa0|" + _SPELLED_BLANK + rb")"
_GAP: Final = (
    rb"(?:[ \t\r\n+,;:/|()=._#*-]|\xc2\xa0|" + _SPELLED_BLANK + rb"|" + _SPELLED_JOIN + rb")"
)
# What ends a text in one of the formats ends the search: `<` in XML, `"` in JSON, `&` in a form.
_SIGN: Final = rb"[^0-9<>\"&{}\\%\x00-\x08]"
# Any sign as a form, JSON or XML may spell it, but a digit and what ends a text.
_SPELLED: Final = (
    rb"%(?!3[0-9]|2[26]|3[CcEe])[0-9A-Fa-f]{2}"
    rb"|\\(?:[bfnrt/\\]|u(?!003[0-9])[0-9A-Fa-f]{4})"
    rb"|&(?:[A-Za-z]{2,8}|#(?!0*(?:4[89]|5[0-7]);)[0-9]{1,7}|#[xX](?!0*3[0-9];)[0-9A-Fa-f]{1,6});"
)
_FILL: Final = (
    rb"(?:(?:" + _SPELLED + rb"|" + _SIGN + rb"){0,39}?(?:" + _SPELLED + rb"|(?![A-Za-z])" + _SIGN + rb"))?"
)  # fmt: skip
_MONTH: Final = rb"(?:0?[1-9]|1[0-2])"
_SLASH: Final = rb"(?:[/.-]|%2[DdFf]|\\/)"
_EXPIRY: Final = (
    rb"(?:" + _MONTH + _BLANK + rb"?" + _SLASH + _BLANK + rb"?(?:20)?[0-9]{2}"
    rb"|(?:0[1-9]|1[0-2])(?:20)?[0-9]{2}|20[0-9]{2}" + _SLASH + _MONTH + rb")(?![0-9])"
)  # fmt: skip
_NAMED_EXPIRY: Final = (
    rb"(?:(?:exp(?:iry|ires|iration|\.)?(?:" + _BLANK + rb"{1,4}date)?|valid(?:" + _BLANK
    + rb"{1,4}(?:thru|through|until|to))?|cad(?:ucidad)?|g(?:\xc3\xbc|ue|\xfc)ltig(?:" + _BLANK
    + rb"{1,4}bis)?|good" + _BLANK + rb"{1,4}thru)" + _GAP + rb"{0,3})?" + _EXPIRY
)  # fmt: skip
_E: Final = rb"(?:e|\xc3\xa9|\xe9)"
_O: Final = rb"(?:o|\xc3\xb3|\xf3)"
_U: Final = rb"(?:u|ue|\xc3\xbc|\xfc)"
_WORD: Final = (
    rb"(?:c[vs]c2?|cvv2?|ccv2?|cvn2?|cav2|cid"
    rb"|(?:sec(?:urity|\.)?|verification|card)" + _GAP + rb"{1,2}(?:code|number|no\.?|value)"
    rb"|c" + _O + rb"d(?:igo|\.)?" + _GAP + rb"{1,4}(?:de" + _GAP + rb"{1,4})?seg(?:uridad|\.)?"
    rb"|code" + _GAP + rb"{1,4}de" + _GAP + rb"{1,4}s" + _E + rb"curit" + _E + rb"|cryptogramme"
    rb"|codice" + _GAP + rb"{1,4}di" + _GAP + rb"{1,4}sicurezza"
    rb"|sicherheitscode|(?:karten)?pr" + _U + rb"f(?:nummer|ziffer))(?![A-Za-z])"
)  # fmt: skip
_FILLER: Final = rb"(?:" + _GAP + rb"|(?:code|number|num|no|nr|is|ist|es|est)(?![A-Za-z])){0,8}"
# A digit, as XML, JSON and forms may spell it.
_DIGIT: Final = rb"(?:[0-9]|&#0*(?:4[89]|5[0-7]);|&#[xX]0*3[0-9];|\\u003[0-9]|%3[0-9])"
_END: Final = rb"(?!" + _DIGIT + rb")"
# What three digits are, if it stands behind them: an amount, a time, a count.
_NO_MORE: Final = (
    rb"(?!" + _DIGIT + rb"|[.,:/-][0-9]|" + _BLANK + rb"{0,2}(?:"
    rb"\xe2\x82\xac|\$|\xc2?\xa3|%(?![0-9A-Fa-f]{2})"
    rb"|(?:eur|usd|gbp|chf|cad|aud|nzd|dkk|sek|nok|pln|czk|huf|jpy|euros?|dollars?|pounds?|francs?"
    rb"|nights?|n(?:\xc3\xa4|ae|\xe4)chte|noches|notti|nuits|adults?|guests?|persons?|people|pax"
    rb"|rooms?|children|kids|uhr|h|hrs?|am|pm|kg|km|m2)(?![A-Za-z])))"
)  # fmt: skip

_WORDED: Final = re.compile(
    _FILL + rb"(?:" + _EXPIRY + _FILL + rb")?" + _WORD + _FILLER
    + rb"(?P<code>" + _DIGIT + rb"{3,4})" + _END,
    re.IGNORECASE,
)  # fmt: skip
_BESIDE: Final = rb"(?:" + _BLANK + rb"|[,;|])"


def _dated(digits: int, gap: bytes) -> re.Pattern[bytes]:
    code = rb"(?P<code>" + _DIGIT + rb"{%d})" % digits
    return re.compile(
        _GAP + rb"{1,4}" + _NAMED_EXPIRY + gap + rb"{1,4}" + code + _NO_MORE, re.IGNORECASE
    )


# Four digits behind a slash are the year of a date.
_DATED: Final = {3: _dated(3, rb"(?:" + _BESIDE + rb"|" + _SLASH + rb")"), 4: _dated(4, _BESIDE)}
_NEXT: Final = {
    digits: re.compile(rb"(?P<code>" + _DIGIT + rb"{%d})" % digits + _NO_MORE, re.IGNORECASE)
    for digits in (3, 4)
}
_AMEX: Final = 15
_PRINTED: Final = {16: (4, 8, 12), _AMEX: (4, 10)}  # before which digits a separator stands
_CODE: Final = 3  # digits; of American Express there is no longer number


def code_behind(text: bytes, one: Finding) -> tuple[int, int] | None:
    """Where in `text` the code of a card stands that was found there; None where none follows."""
    digits = 4 if len(one.spans) == _AMEX else 3
    match = _WORDED.match(text, one.end) or _DATED[digits].match(text, one.end)
    separator = _separator(text, one)
    if match is None and separator and text.startswith(separator, one.end):
        match = _NEXT[digits].match(text, one.end + len(separator))
    return None if match is None else match.span("code")


def code_within(one: Finding) -> int:
    """How many of a number's last digits may be a code, because the ones before are a number already:
    `4111 1111 1111 1111 123` where all nineteen are plausible, too. 0 where none are."""
    gaps = [at for at, (a, b) in enumerate(pairwise(one.spans), 1) if a[1] != b[0]]
    digits = one.digits.reveal()
    last = len(digits) - gaps[-1] if gaps else 0
    return last if last == _CODE and is_plausible(digits[:-last]) else 0


def _separator(text: bytes, one: Finding) -> bytes:
    """What stands between the groups of a number that is written as cards are printed."""
    gaps = [(at, text[a[1] : b[0]]) for at, (a, b) in enumerate(pairwise(one.spans), 1)]
    gaps = [(at, gap) for at, gap in gaps if gap]
    if tuple(at for at, _ in gaps) != _PRINTED.get(len(one.spans)):
        return b""
    kinds = {gap for _, gap in gaps}
    return kinds.pop() if len(kinds) == 1 else b""
