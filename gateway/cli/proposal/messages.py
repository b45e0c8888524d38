"""One recorded message: the documents in it, the cards in them, and what is said of what is no card."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from gateway.cards import pan
from gateway.cli.proposal import ways, words
from gateway.cli.proposal.called import called
from gateway.cli.proposal.found import FoundCard, Looked, look
from gateway.cli.proposal.leaves import Leaf, Steps, Taken
from gateway.cli.proposal.mended import PART, mended
from gateway.cli.proposal.opened import DEEPEST, open_all
from gateway.cli.proposal.sealed import is_encrypted, is_sealed
from gateway.cli.proposal.shapes import Layer
from gateway.cli.proposal.texts import take_text
from gateway.cli.recorded import Recorded, Way
from gateway.cli.ruby_debug import unruby_string
from gateway.codecs.encoding import decode_body
from gateway.config import LimitSettings
from gateway.errors import GatewayError

_SIGNATURE: Final = re.compile(
    r"signature|shasign|sha1hash|md5hash|digest|hmac|fingerprint\Z|hash\Z|firma\Z"
)
_SIGNED: Final = 16  # signs of a signature, at least
CODED: Final = "its content coding can not be undone"
_NO_PATH: Final = "the rules have no path for its name"
# A form that somebody has laid out in lines: white space of its own is spelled `+` or `%20`.
_WRAPPED: Final = re.compile(rb"\s*[^\s=&<{\[]+=[^\n]*&\s+\S")
_MARGIN: Final = re.compile(rb"\s*\n\s*|(?<=&)\s+")
_ESCAPED: Final = re.compile(rb'\\["nrt]')

Opened = tuple[Taken, tuple[Layer, ...], Looked]


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a message, with the cards in it."""

    taken: Taken
    layers: tuple[Layer, ...]
    cards: tuple[FoundCard, ...]


@dataclass(slots=True)
class Message:
    """One recorded message: what it holds, and what is said of what it does not."""

    way: Way
    recorded: Recorded
    body: bytes = field(repr=False)
    documents: list[Document] = field(default_factory=list)  # all, the outermost first
    not_cards: list[tuple[str, str, Leaf]] = field(default_factory=list)  # path, reason
    scrubbed: list[str] = field(default_factory=list)  # paths
    called: list[str] = field(default_factory=list)  # paths of what is called a number, and is none
    encrypted: list[tuple[str, str]] = field(default_factory=list)  # path, format
    sealed: list[str] = field(default_factory=list)  # paths of what may be encrypted
    signed: list[str] = field(default_factory=list)
    in_texts: dict[str, str] = field(default_factory=dict, repr=False)  # path → the text
    in_names: list[str] = field(default_factory=list)  # the nodes whose members are called so
    unreadable: str = ""
    mended: str = ""  # what was the matter with a body that no reader takes as it was recorded

    @property
    def cards(self) -> int:
        """How many stand in it."""
        return sum(len(document.cards) for document in self.documents)

    @property
    def with_cards(self) -> list[Document]:
        """Those of one layout; a route's shapes can have no other beside it."""
        holding = [one for one in self.documents if one.cards]
        if not holding:
            return []
        first = holding[0]
        return [one for one in holding if _layout(one) == _layout(first)]

    @property
    def left_out(self) -> int:
        """Cards that stand in another layout than the first."""
        return self.cards - sum(len(one.cards) for one in self.with_cards)


def _layout(one: Document) -> tuple[object, ...]:
    return (one.taken.format, tuple((layer.format, layer.at, layer.coding) for layer in one.layers))


def read_message(recorded: Recorded, way: Way) -> Message:
    """What a message holds. Raises nothing that is foreseen: what can not be read says so."""
    body, unreadable = recorded.body, ""
    try:
        body = decode_body(body, recorded.headers.get_all("Content-Encoding"), LimitSettings().body)
    except GatewayError:
        unreadable = CODED
    if (
        recorded.way is None and b"\0" not in body
    ):  # what stands around it is the file's, not the message's
        body = body.strip()
    message = Message(way, recorded, body, unreadable=unreadable)
    if unreadable or not body.strip():
        return message
    documents = _documents(message)
    if not documents:
        message.unreadable = "it is no XML, JSON, form or multipart"
    envelopes = {layers[-1].steps for _, layers, _ in documents if layers}
    for opened in documents:
        _note(message, opened, envelopes)
    return message


def _documents(message: Message) -> list[Opened]:
    """As the body stands there, or as it was before it was logged as a string."""
    if _WRAPPED.match(message.body):
        message.body = _MARGIN.sub(b"", message.body).strip()
    documents: list[Opened] = list(open_all(message.body))
    bare = unescaped(message.body)
    inside = list(open_all(bare)) if bare is not None else []
    if bare is not None and not (documents and _count(inside) <= _count(documents)):
        message.body, documents = bare, inside
    better = None if documents else mended(message.body)
    if better is not None:
        message.body, message.mended = better
        documents = list(open_all(message.body))
    lines = len(documents) == 1 and documents[0][0].format == "form" and b"\n" in message.body
    if not documents or (lines and not _count(documents)):
        text = take_text(message.body)
        looked = look(text) if text is not None else Looked()
        if text is not None and looked.cards:
            documents = [(text, (), looked)]
    if not any(looked.cards for _, _, looked in documents):
        documents += islice(_texts_within(documents), 1)
    return documents


def _texts_within(documents: Sequence[Opened]) -> Iterator[Opened]:
    """The plain texts that stand in fields, with a card in them: `data=CC~4111…|EXP~1230|`. Only where the
    message has no card in a field of its own, and is about no booking: what a guest remarks is the guard's."""
    for taken, layers, looked in documents:
        names = {step.name for leaf in taken.leaves for step in leaf.steps}
        if len(layers) == DEEPEST or any(map(words.names_booking, names)):
            continue
        for leaf in looked.in_texts:
            if words.names_remark(leaf.name):
                continue
            text = take_text(leaf.text.encode("utf-8", "replace"))
            inside = look(text) if text is not None else Looked()
            if text is not None and inside.cards and ways.can_be_written(leaf.steps, taken.format):
                layer = Layer(taken.format, ways.absolute(taken, leaf.steps), leaf.steps)
                yield text, (*layers, layer), inside


def _note(message: Message, opened: Opened, envelopes: Collection[Steps]) -> None:
    """Adds what is in one document; `envelopes` are texts that were opened themselves."""
    taken, layers, looked = opened
    prefix = "".join(f"{layer.at} → " for layer in layers)

    def told(leaf: Leaf) -> str:
        return prefix + ways.absolute(taken, leaf.steps)

    cards = [card for card in looked.cards if _writable(taken, card)]
    if message.mended == PART:
        cards = [replace(card, doubts=(*card.doubts, PART)) for card in cards]
    message.documents.append(Document(taken, layers, tuple(cards)))
    for leaf, why in looked.not_cards:
        if pan.is_plausible(pan.digits_of(leaf.text) or ""):
            message.not_cards.append((told(leaf), why, leaf))
        elif words.names_number(called(taken, leaf)):
            message.called.append(told(leaf))
    message.called += [
        told(leaf) for leaf in looked.called if not is_encrypted(leaf.name, leaf.text)
    ]
    for card in looked.cards:
        if not _writable(taken, card):
            message.not_cards.append((told(card.number), _NO_PATH, card.number))
    named = [leaf for leaf, name in looked.scrubbed if words.names_number(name)]
    scrubbed = named or [leaf for leaf, _ in looked.scrubbed]
    message.scrubbed += [told(leaf) for leaf in scrubbed if leaf.steps not in envelopes]
    message.in_texts |= {
        told(leaf): leaf.text for leaf in looked.in_texts if leaf.steps not in envelopes
    }
    _note_secrets(message, taken, told, inside=bool(layers))


def _note_secrets(
    message: Message, taken: Taken, told: Callable[[Leaf], str], *, inside: bool
) -> None:
    """Adds what is encrypted, or may be, what signs the message, and names that are cards' numbers."""
    for leaf in taken.leaves:
        for length, step in enumerate(leaf.steps):
            if step.name.isdigit() and pan.is_plausible(step.name):
                message.in_names.append(ways.absolute(taken, leaf.steps[:length]))
        name = called(taken, leaf)
        if is_encrypted(name, leaf.text):
            if inside:  # an envelope: a rule's paths are of what is around it
                message.sealed.append(told(leaf))
            else:
                message.encrypted.append((ways.absolute(taken, leaf.steps), taken.format))
        elif _SIGNATURE.search(words.squash(name)) and len(leaf.text) >= _SIGNED:
            message.signed.append(told(leaf))
        elif is_sealed(leaf.text):
            message.sealed.append(told(leaf))


def _count(documents: Sequence[Opened]) -> int:
    """How much of cards is in a message."""
    return sum(2 * len(looked.cards) + bool(looked.scrubbed) for _, _, looked in documents)


def unescaped(body: bytes) -> bytes | None:
    """A body that was logged as a string is written, with backslashes, as it was; None where it is none."""
    if not _ESCAPED.search(body):
        return None
    return unruby_string(body.strip().removeprefix(b'"').removesuffix(b'"')).strip()


def _writable(taken: Taken, card: FoundCard) -> bool:
    return all(ways.can_be_written(leaf.steps, taken.format) for leaf in card.leaves)
