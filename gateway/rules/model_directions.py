"""What a loaded rule does to one message of an exchange, its request or its response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.cards.kept import LinkTerms
from gateway.codecs.document import Element, Format, Members
from gateway.codecs.envelope import Layout
from gateway.codecs.paths import Path
from gateway.rules.model_shapes import Field, Shape

Because = Literal["signed", "encrypted"]


@dataclass(frozen=True, slots=True)
class Inserted:
    """One thing that is inserted: into which place, how often, from which template.

    `into` is relative to the booking, or with `of="card"` to the card. A place that is missing is
    the booking itself.
    """

    into: Path
    each: Literal["card", "booking"]
    content: Element | Members
    of: Literal["booking", "card"] = "booking"
    shapes: frozenset[str] = frozenset()  # for the cards of these alone; empty: for all


@dataclass(frozen=True, slots=True)
class Tokenize:
    """What becomes of the cards in one direction of a route."""

    shapes: tuple[Shape, ...]
    insert: tuple[Inserted, ...] = ()  # for each card that got a token / booking with card data
    on_failure: tuple[Inserted, ...] = ()  # for each card that got none
    errors: Mapping[str, str] = field(default_factory=dict)  # Failure → the text of `{error}`
    header: str | None = None  # response header that carries the tokens, each with its place
    carry_forward: bool = False  # a booking without a card gets the tokens that it had last
    retention: LinkTerms | None = None  # of the cards that come; None: as their product says


@dataclass(frozen=True, slots=True)
class Harmless:
    """`not_cards:` of a message: places whose digits are no card numbers, whatever they look like."""

    format: Format
    at: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """A body that is refused, for the gateway can not look into it or may not change it.

    With `at`, in which one of these places holds something; without, any body."""

    format: Format | None = None  # of `at`
    at: tuple[Path, ...] = ()
    because: Because | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a token stands as two fields, without a card (relative to `at`)."""

    name: str
    format: Format
    at: Path
    iduser: Field
    tokenuser: Field

    @property
    def layout(self) -> Layout:
        """How a message is read to get to the pair."""
        return Layout(self.format)


@dataclass(frozen=True, slots=True)
class Said:
    """A place of an answer, and the texts that it may hold."""

    at: Path
    texts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Issuer:
    """How a processor is asked for its own token for a card: a POST to `path`, at the very host that
    the caller's request goes to. JSON both ways."""

    id: str  # `system/name`
    path: str
    headers: tuple[str, ...]  # of the caller's request, sent along
    copied: tuple[str, ...]  # fields that stand beside the caller's pair, sent along
    members: tuple[tuple[str, str], ...]  # name → template
    issued: Said  # what the answer says when there is a token
    iduser: Path
    tokenuser: Path


@dataclass(frozen=True, slots=True)
class PairExchange:
    """In a request: our pair becomes the processor's own. In a response: the other way round."""

    pairs: tuple[Pair, ...]
    issuer: Issuer | None = None  # of a request, always
    copied: tuple[tuple[str, Path], ...] = ()  # the issuer's, as paths of the pairs' format
    issue: bool = True  # a card that has none yet is sent to the issuer
    forget: Said | None = None  # in a response: the processor's own pairs are good no more


@dataclass(frozen=True, slots=True)
class Direction:
    """What happens to the request, or to the response. Nothing: it passes (and is guarded).

    Where its messages may have several formats, `by_format` has what happens to those of each, and
    `tokenize` or `detokenize` here is all of them together, for whoever asks what a rule is about. No
    message is read by that (`gateway/stages/formats.py` chooses).
    """

    tokenize: Tokenize | None = None
    detokenize: tuple[Shape, ...] = ()
    exchange: PairExchange | None = None
    harmless: tuple[Harmless, ...] = ()  # of each format at most one
    opaque: Opaque | None = None
    by_format: tuple[Direction, ...] = ()

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes by which its cards are taken out, or put in."""
        return self.tokenize.shapes if self.tokenize is not None else self.detokenize

    @property
    def idle(self) -> bool:
        """Whether nothing happens to a message, and nothing in it is looked at."""
        acts = self.tokenize or self.detokenize or self.exchange or self.opaque
        return not acts
