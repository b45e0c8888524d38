"""Cards in a message that no rule is about yet: a number, and what stands near it.

What is proposed is a guess that a person corrects; so what speaks against it is said (`doubts`). A number
without a card's name and with nothing of a card near it is none, however well its check digit fits.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from gateway.cards import pan
from gateway.cards.scan import find_cards
from gateway.cli.proposal import codes, expiries, spelled, words
from gateway.cli.proposal.called import called
from gateway.cli.proposal.expiries import Expiry
from gateway.cli.proposal.flat import cards_beside, own_of
from gateway.cli.proposal.holders import holder_of
from gateway.cli.proposal.leaves import Leaf, Steps, Taken, beside, common

_SHORTEST, _LONGEST = 12, 40  # signs of a number, with what stands between its digits
_BEHIND: Final = 6  # fields
_LAST_MONTH: Final = 12
_SCRUBBED: Final = re.compile(
    r"\[?(?:filtered|redacted|scrubbed|blank|removed|masked|hidden|x{3,}|\*{3,}|null)\]?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FoundCard:
    """The texts of one card. `scope`: the node that holds them all, but for what stands around."""

    number: Leaf
    scope: Steps
    expiry: Expiry | None = None
    code: Leaf | None = None
    holder: tuple[Leaf, ...] = ()
    brand: Leaf | None = None
    doubts: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()  # what of its expiry could be read in another way
    guessed: bool = False  # the code: it has its length and its place, and a name that says nothing
    again: tuple[Leaf, ...] = ()  # where the code is said again
    other_codes: tuple[Leaf, ...] = ()  # what could be its code as well
    unread: Leaf | None = None  # what is called its expiry, and says none
    flat: bool = False  # another card stands beside it in the same node

    @property
    def leaves(self) -> Iterator[Leaf]:
        """All of them."""
        yield self.number
        yield from self.expiry.at if self.expiry else ()
        yield from [self.code] if self.code else []
        yield from self.again
        yield from self.holder


@dataclass(slots=True)
class Looked:
    """What a document holds: cards, and what looks like one and is none, each with the reason."""

    cards: list[FoundCard] = field(default_factory=list)
    not_cards: list[tuple[Leaf, str]] = field(default_factory=list)
    scrubbed: list[tuple[Leaf, str]] = field(default_factory=list)
    called: list[Leaf] = field(default_factory=list)  # as a card's number is, and holding none
    in_texts: list[Leaf] = field(default_factory=list)


class Numbers:
    """The texts of a document that could be numbers of cards."""

    __slots__ = ("_at", "_flat", "_steps", "_taken")

    def __init__(self, taken: Taken, leaves: Sequence[Leaf]) -> None:
        self._flat = cards_beside(taken, leaves)
        self._taken, self._steps = taken, {leaf.steps for leaf in leaves}
        self._at = sorted(taken.index.span(steps)[0] for steps in self._steps)

    def __contains__(self, leaf: Leaf) -> bool:
        return leaf.steps in self._steps

    @property
    def alone(self) -> bool:
        """Whether there is one."""
        return len(self._at) == 1

    def own_of(self, number: Leaf) -> list[Leaf]:
        """What is this number's, where other cards stand flat beside it; nothing where none does."""
        beside = self._flat.get(number.steps[:-1], [])
        return own_of(self._taken, number, beside) if number in beside else []

    def others_below(self, place: Steps) -> bool:
        """Whether below a node that holds one of them stands another."""
        first, behind = self._taken.index.span(place)
        return bisect_left(self._at, behind) - bisect_left(self._at, first) > 1


def look(taken: Taken) -> Looked:
    """What is in a document."""
    looked = Looked()
    numbers = list(_numbers(taken, looked))
    places = Numbers(taken, [leaf for leaf, digits, name in numbers if _could_be(digits, name)])
    for leaf, digits, name in numbers:
        if not _could_be(digits, name):
            looked.not_cards.append((leaf, "its name is no card's"))
            continue
        card = _around(taken, leaf, places)
        near = card.expiry is not None or card.code is not None
        plausible = pan.is_plausible(digits)
        if words.names_number(name) and (plausible or near or words.is_of_card(name)):
            looked.cards.append(card if plausible else _doubted(card, digits))
        elif plausible and (near or any(words.is_of_card(step.name) for step in leaf.steps)):
            looked.cards.append(card)
        elif plausible and words.says_nothing(leaf.name):
            looked.cards.append(_unnamed(taken, card))
        else:
            looked.not_cards.append((leaf, "nothing of a card stands near it"))
    return looked


def _numbers(taken: Taken, looked: Looked) -> Iterator[tuple[Leaf, str, str]]:
    """The texts that could be numbers of cards, with their digits and names; notes what is no such text."""
    for leaf in taken.leaves:
        digits = pan.digits_of(leaf.text) if len(leaf.text) <= _LONGEST else None
        name = called(taken, leaf)
        if digits is not None:
            said = pan.is_plausible(digits) or words.names_number(name)
            if digits.strip("0") and said:
                yield leaf, digits, name
        elif _is_scrubbed(leaf.text):
            looked.scrubbed.append((leaf, name))
        elif len(leaf.text) > _SHORTEST and find_cards(leaf.text.encode("utf-8", "replace")):
            looked.in_texts.append(leaf)
        elif leaf.text.strip() and words.names_number(name) and not words.names_mask(name):
            looked.called.append(leaf)


def _is_scrubbed(text: str) -> bool:
    """Whether somebody has put a word or crosses in a value's place: `[FILTERED]`, `XXXX`."""
    bare = text.strip()
    return bool(bare) and (
        _SCRUBBED.fullmatch(bare) is not None
        or "filtered" in bare.casefold()
        or "redacted" in bare.casefold()
        or re.fullmatch(r"[0-9]{0,6}[xX*#•.]{3,}[0-9]{0,6}", re.sub(r"[ -]", "", bare)) is not None
    )


def _could_be(digits: str, name: str) -> bool:
    if words.names_else(name):
        return False
    return pan.is_plausible(digits) or words.names_number(name)


def _unnamed(taken: Taken, card: FoundCard) -> FoundCard:
    """A number whose name is the partner's code; what stands behind it may be the expiry and the code."""
    at = taken.index.span(card.number.steps)[0]
    behind = [
        one
        for one in taken.leaves[at + 1 : at + _BEHIND]
        if words.says_nothing(one.name) and beside(taken, one, card.number)
    ]
    expiry: Expiry | None = None
    for first, second in (*pairwise(behind), *pairwise(reversed(behind))):
        month, year = spelled.month(first.text, bare=first.number), spelled.year(second.text)
        if month and year and len(first.text) > 1 and int(second.text) > _LAST_MONTH:
            expiry = Expiry((first, second), (month, year))
            break
    used = expiry.at if expiry else ()
    code = next((one for one in behind if one not in used and codes.FORM.fullmatch(one.text)), None)
    doubt = "no name says that this is a card: is it one, and what stands behind it?"
    return replace(card, expiry=expiry, code=code, doubts=(*card.doubts, doubt))


def _doubted(card: FoundCard, digits: str) -> FoundCard:
    why = (
        "its check digit does not fit"
        if not pan.luhn_ok(digits)
        else "no scheme's number begins so"
    )
    doubt = f"this is called as a card's number is, but {why}: is it one?"
    return replace(card, doubts=(*card.doubts, doubt))


def _around(taken: Taken, number: Leaf, numbers: Numbers) -> FoundCard:
    """The card of a number: what stands near it, before another number is nearer."""
    own = numbers.own_of(number)
    expiry, unsure, code = _nearby(taken, number, numbers, own)
    if expiry is None and (expiry := expiries.guess(taken, number, own)) is not None:
        unsure = ("is it the expiry? its name does not say so; remove the line if not",)
    widest = own or _widest(taken, number, numbers)
    unread = expiries.unread(taken, widest, number) if expiry is None else None
    near = [number.steps, *(leaf.steps for leaf in (expiry.at if expiry else ()))]
    near += [code.steps] if code else []
    scope = common([_parent(one) for one in near])
    region = own or _region(taken, number, numbers, scope)
    wider = scope[:-1] if not numbers.others_below(scope[:-1]) else scope
    holder = holder_of(taken, region, number) or holder_of(taken, taken.under(wider), number)
    if not holder and numbers.alone:
        whole = [one for one in taken.leaves if "holder" in words.squash(one.name)]
        holder = holder_of(taken, whole, number)
    guessable = codes.guessable(taken, number, expiry.at if expiry else ())
    guessable = [one for one in guessable if not own or one in own]
    guessed = None if code else next(iter(guessable), None)
    brands = (one for one in region if words.names_brand(called(taken, one)))
    brand = next((one for one in brands if words.is_brand(one.text)), None)
    said = code or guessed or codes.blank(taken, region)
    card = FoundCard(
        number,
        scope,
        expiry,
        said,
        holder,
        brand,
        (),
        unsure,
        guessed is not None,
        unread=unread,
        flat=bool(own),
    )
    if said is None or not said.text.strip():
        return card
    named = codes.named(taken, widest, number)
    again, others = codes.beside(taken, said, scope, [*named, *guessable], named)
    return replace(card, again=again, other_codes=others)


def _widest(taken: Taken, number: Leaf, numbers: Numbers) -> Sequence[Leaf]:
    """All that is nearer to this number than to any other."""
    for length in range(len(number.steps)):
        place = number.steps[:length]
        if _is_flat(taken, place) or not numbers.others_below(place):
            return _region(taken, number, numbers, place)
    return (number,)


def _nearby(
    taken: Taken, number: Leaf, numbers: Numbers, own: Sequence[Leaf]
) -> tuple[Expiry | None, tuple[str, ...], Leaf | None]:
    """Expiry and code, in the smallest node around the number that has them, or in what is its own."""
    if own:
        expiry, doubt = expiries.expiry_in(taken, own)
        return expiry, (doubt,) if doubt else (), codes.code_of(taken, own, number)
    expiry = None
    unsure: tuple[str, ...] = ()
    code: Leaf | None = None
    for length in range(len(number.steps) - 1, -1, -1):
        place = number.steps[:length]
        if numbers.others_below(place) and not _is_flat(taken, place):
            break
        region = _region(taken, number, numbers, place)
        if expiry is None:
            expiry, doubt = expiries.expiry_in(taken, region)
            unsure = (doubt,) if doubt else ()
        code = code or codes.code_of(taken, region, number)
        if expiry is not None and code is not None:
            break
    return expiry, unsure, code


def _region(taken: Taken, number: Leaf, numbers: Numbers, place: Steps) -> Sequence[Leaf]:
    region = taken.under(place)
    return _nearest(region, number, numbers) if numbers.others_below(place) else region


def _is_flat(taken: Taken, place: Steps) -> bool:
    """Whether all stands side by side, as in a form: there nearness is the order."""
    return taken.format in {"form", "multipart", "text"} and not place


def _nearest(region: Sequence[Leaf], number: Leaf, numbers: Numbers) -> list[Leaf]:
    """Of fields side by side those between the number before and the one behind."""
    at = region.index(number)
    before = max((i for i, one in enumerate(region[:at]) if one in numbers), default=-1)
    behind = next((i for i, one in enumerate(region) if i > at and one in numbers), len(region))
    return list(region[at if before >= 0 else 0 : behind])


def _parent(steps: Steps) -> Steps:
    return steps[:-1]
