"""Token pairs in a message: ours, the processor's own, and the changes that put one for the other.

Pure, like `detokenize.py`; `exchange_tokens.py` asks vault and processor between the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.cards.token import Presented, present_pair
from gateway.codecs.document import Document, Node, Set
from gateway.errors import MessageUnfit
from gateway.exchange import Exchanged
from gateway.rules.model_directions import Pair, PairExchange, Said
from gateway.secret import Secret
from gateway.stages.select import only

_LONGEST_BESIDE: Final = 11  # signs: terminals have fewer, and no card number is so short


@dataclass(frozen=True, slots=True)
class ForeignPair:
    """What a processor issued for a card: it lets the card be charged there."""

    iduser: str
    tokenuser: str = field(repr=False)

    def write(self) -> Secret[bytes]:
        """As the vault keeps it."""
        return Secret(json.dumps([self.iduser, self.tokenuser]).encode("ascii"))


def read_foreign(kept: Secret[bytes]) -> ForeignPair:
    """What `ForeignPair.write` wrote."""
    iduser, tokenuser = json.loads(kept.reveal())
    return ForeignPair(str(iduser), str(tokenuser))


@dataclass(frozen=True, slots=True)
class Beside:
    """A field that stands beside a pair, and goes to the issuer as it stands there."""

    name: str
    text: str
    number: bool


@dataclass(frozen=True, slots=True)
class PairSpot:
    """Two fields that have the form of a token. It may be another issuer's."""

    pair: Pair
    iduser: Node
    tokenuser: Node
    presented: Presented
    beside: tuple[Beside, ...]


def read_pairs(document: Document, rule: PairExchange) -> list[PairSpot]:
    """Every pair that may be ours. Half a pair is none.

    Raises `MessageForbidden` where a field stands there twice, `MessageUnfit` where what stands
    beside is too long.
    """
    spots = []
    for pair, at, iduser, tokenuser in _places(document, rule.pairs):
        said = present_pair(document.text(iduser), document.text(tokenuser))
        if said.ours is not None or said.old is not None:
            spots.append(PairSpot(pair, iduser, tokenuser, said, _beside(document, rule, at)))
    return spots


def put_theirs(spot: PairSpot, theirs: ForeignPair) -> Iterator[Set]:
    """The processor's own pair takes the place of ours."""
    yield Set(spot.iduser, theirs.iduser, spot.pair.iduser.number)
    yield Set(spot.tokenuser, theirs.tokenuser, spot.pair.tokenuser.number)


def put_ours(
    document: Document, rule: PairExchange, exchanged: Sequence[Exchanged]
) -> Iterator[Set]:
    """Our pair takes the place of each of the processor's own that this exchange put in."""
    for pair, _, iduser, tokenuser in _places(document, rule.pairs):
        theirs = (document.text(iduser), document.text(tokenuser))
        for one in exchanged:
            if theirs == (one.iduser, one.tokenuser):
                yield Set(iduser, str(one.token.iduser), pair.iduser.number)
                yield Set(tokenuser, one.token.tokenuser, pair.tokenuser.number)
                break


def says(document: Document, said: Said) -> bool:
    """Whether an answer says it."""
    return any(document.text(node) in said.texts for node in document.select(said.at))


def _places(document: Document, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, Node, Node, Node]]:
    """Each pair with where it stands, its iduser and its tokenuser."""
    for pair in pairs:
        for node in document.select(pair.at):
            iduser = only(document, pair.iduser.at, node)
            tokenuser = only(document, pair.tokenuser.at, node)
            if iduser is not None and tokenuser is not None:
                yield pair, node, iduser, tokenuser


def _beside(document: Document, rule: PairExchange, at: Node) -> tuple[Beside, ...]:
    found = []
    for name, path in rule.copied:
        node = only(document, path, at)
        if node is None:
            continue
        text = document.text(node)
        if len(text) > _LONGEST_BESIDE or not text.isprintable():
            raise MessageUnfit
        found.append(Beside(name, text, document.is_number(node)))
    return tuple(found)
