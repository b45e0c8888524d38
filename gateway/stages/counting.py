"""What became of a message's cards, in numbers: for the exchange, for its answer's header, for the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gateway.exchange import Exchange, Seen
from gateway.metrics import Metrics
from gateway.rules.model import Route
from gateway.stages.failed_cards import failed_cards
from gateway.stages.reading import BookingPlace

# So many failures stand in an answer's header; `exchanges show` has more.
_FAILURES_TOLD = 20


def count_cards(
    exchange: Exchange,
    route: Route,
    bookings: Sequence[BookingPlace],
    seen: Seen,
    metrics: Metrics,
) -> None:
    """Counts the cards of a message, and adds them to the exchange's; `seen` is of this message. To be called
    once that is certain."""
    clear = tokenized = left = ask_again = carried = not_carried = with_card = 0
    for booking in bookings:  # once through: six sums of their own cost more than a card does
        with_card += booking.has_card_data and not booking.outside
        carried += len(booking.carried)
        not_carried += booking.asks and not booking.carried
        for place in booking.cards:
            if not place.left_alone:
                clear += 1
                tokenized += place.token is not None
            elif place.asks_again:
                ask_again += 1
            else:
                left += 1
    failed = tuple(failed_cards(bookings))
    counts = exchange.counts
    counts.left += left
    counts.ask_again += ask_again
    counts.found += clear
    counts.tokenized += tokenized
    counts.failed += len(failed)
    counts.failures += failed[:_FAILURES_TOLD]
    counts.carried += carried
    counts.not_carried += not_carried
    seen.with_card = with_card
    seen.cards, seen.left_alone, seen.failed = clear, left + ask_again, len(failed)
    for outcome, count in (
        ("done", tokenized),
        ("left_alone", left),
        ("ask_again", ask_again),
        ("carried", carried),
        ("not_carried", not_carried),
        *(Counter(one.code for one in failed).items() if failed else ()),
    ):
        if count:
            metrics.cards_of[route.id, "tokenize", outcome].inc(count)
