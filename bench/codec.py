"""What a known card costs in its codec: from the decoded bytes to the bytes with the token in them.

Counted is all that is done with a message because of its format and its rule: parsing, finding bookings
and cards, reading their fields, deciding what changes, finding the bytes, splicing. Not counted is what
any message costs (HTTP, the guard) and the vault. Each message is also read without its cards, as the
gateway reads one: what parsing takes is the message's, and the rest is the cards'.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import messages
from gateway.cards.bins import Bins
from gateway.cards.token import Token
from gateway.codecs.envelope import open_layout
from gateway.rules.load import load_pack_text
from gateway.rules.model_directions import Tokenize
from gateway.stages.reading import read_bookings, read_not_cards
from gateway.stages.tokenize import take_out

PACK = Path(__file__).with_name("bench.yaml")
_RUN = 50  # cards: some milliseconds, so that in some run nothing else comes between
_BINS = Bins()
_TOKEN = Token(1_000_001, "tokenuserABCDEFGHIJ", test=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """Messages of one format with `count` cards."""

    format: str
    title: str
    body: str
    count: int


KINDS = (
    Kind("xml", "XML, one", messages.cards(1), 1),
    Kind("xml", "XML, a hundred", messages.cards(100), 100),
    Kind("json", "JSON, one", "jsoncards-1", 1),
    Kind("json", "JSON, a hundred", "jsoncards-100", 100),
    Kind("form", "form, one", "formcards-1", 1),
)


@dataclass(frozen=True, slots=True)
class Codec:
    """CPU µs for each card: in all, and of that what parsing the message takes."""

    kind: Kind
    bytes: int
    micros: float
    parsing: float


def measure(*, repeats: int) -> list[Codec]:
    """Each kind of message so many times; the least of all counts."""
    pack = load_pack_text(PACK.read_text("utf-8"), PACK.name)
    rules = {route.name: route.response.tokenize for route in pack.routes}
    found = []
    for kind in KINDS:
        body, rule = messages.body(kind.body), rules[kind.format]
        if rule is None or swapped(body, rule).count(_TOKEN.tokenuser.encode()) != kind.count:
            raise RuntimeError(f"{kind.title}: not every card got its token")
        whole = _least(lambda body=body, rule=rule: swapped(body, rule), repeats, kind.count)
        layout = rule.shapes[0].layout
        parsing = _least(lambda body=body, to=layout: open_layout(to, body), repeats, kind.count)
        found.append(Codec(kind, len(body), whole, parsing))
    return found


def swapped(body: bytes, rule: Tokenize) -> bytes:
    """A body with a token for each card, as `Swap` makes it around the vault's answer."""
    document = open_layout(rule.shapes[0].layout, body)
    for shape in rule.shapes:
        read_not_cards(document, shape)
    bookings = read_bookings(document, rule.shapes, "bench")
    for booking in bookings:
        for place in booking.cards:
            place.token = _TOKEN
    return document.splice(take_out(document, bookings, rule, _BINS)).body


def _least(work: Callable[[], object], repeats: int, cards: int) -> float:
    """µs of CPU for each card: of so many runs of `_RUN` cards, the cheapest."""
    best, times = float("inf"), max(1, _RUN // cards)
    gc.disable()
    try:
        for _ in range(repeats):
            began = time.thread_time()
            for _ in range(times):
                work()
            best = min(best, time.thread_time() - began)
            gc.collect(0)
    finally:
        gc.enable()
    return best / times / cards * 1e6


if __name__ == "__main__":
    for one in measure(repeats=100):
        print(f"{one.kind.title:18} {one.micros:6.1f} µs a card, {one.parsing:6.1f} of it parsing")
