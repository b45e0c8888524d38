"""Whose turn it is: some partners take one request at a time for each hotel (`one_at_a_time`)."""

from __future__ import annotations

from gateway.codecs.document import Document
from gateway.errors import PullInFlight
from gateway.exchange import Exchange
from gateway.rules.model import Route


class Turns:
    """What is under way in this process: (system, what the request asks for)."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()

    def needed(self, route: Route, document: Document) -> tuple[str, str] | None:
        """The turn that a request needs; None for one that asks for nothing of the kind."""
        if route.one_at_a_time is None:
            return None
        places = document.select(route.one_at_a_time)
        return (route.system, document.text(places[0])) if places else None

    def take(self, exchange: Exchange, turn: tuple[str, str] | None) -> None:
        """Takes it. Raises PullInFlight where somebody else has it."""
        if turn is None:
            return
        if turn in self._taken:
            raise PullInFlight
        self._taken.add(turn)
        exchange.turn = turn

    def give_back(self, exchange: Exchange) -> None:
        """Ends the exchange's turn, if it has one."""
        if exchange.turn is not None:
            self._taken.discard(exchange.turn)
            exchange.turn = None
