"""What a message says of a virtual card: an agency's, good from one day to another, up to a sum."""

from __future__ import annotations

from gateway.cards.card import Virtual
from gateway.codecs.document import Document
from gateway.rules.model import VirtualPlace
from gateway.stages.card_place import CardPlace
from gateway.stages.select import date_of, first_text, text_of

_TRUE = frozenset({"1", "true", "yes", "y", "virtual_card"})


def read_virtual(document: Document, place: CardPlace) -> Virtual | None:
    """What the message says of a virtual card; None where it does not say that it is one."""
    rule = place.shape.virtual
    if rule is None:
        return None
    flag = first_text(document, rule.flag, place.node).strip().casefold()
    active_from = date_of(first_text(document, rule.active_from, place.node))
    active_until = date_of(first_text(document, rule.active_until, place.node))
    if not (flag in _TRUE or active_from or active_until or _is_agent(document, place, rule)):
        return None
    balance = first_text(document, rule.balance, place.node) or None
    return Virtual(active_from, active_until, balance)


def _is_agent(document: Document, place: CardPlace, rule: VirtualPlace) -> bool:
    """Whether the holder is one that stands on virtual cards only."""
    if place.card is None:
        holder = text_of(document, place.shape.holder, place.node)
    else:
        holder = place.card.holder.reveal() if place.card.holder else ""
    name = holder.strip().casefold()
    return name != "" and name in [agent.casefold() for agent in rule.holders]
