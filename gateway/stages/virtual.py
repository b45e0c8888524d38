"""What a message says of a virtual card: an agency's, good from one day to another, up to a sum."""

from __future__ import annotations

import re
from decimal import Decimal

from gateway.cards.card import Virtual
from gateway.cards.expiry import first_day, last_day
from gateway.codecs.document import Document
from gateway.rules.model_shapes import VirtualPlace
from gateway.stages.card_place import CardPlace
from gateway.stages.fields import text_of
from gateway.stages.select import day_of, first_text

_CURRENCY = re.compile(r"[A-Z]{3}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_DECIMALS = re.compile(r"[0-4]")
_TRUE = frozenset({"1", "true", "yes", "y", "virtual_card"})


def read_virtual(document: Document, place: CardPlace) -> Virtual | None:
    """What the message says of a virtual card; None where it does not say that it is one."""
    rule = place.shape.virtual
    if rule is None:
        return None
    flag = first_text(document, rule.flag, place.node).strip().casefold()
    active_from = day_of(document, rule.active_from, place.node, first_day)
    active_until = day_of(document, rule.active_until, place.node, last_day)
    by_date = active_from or active_until
    raised = flag in (rule.raised_by or _TRUE)
    if not (raised or by_date or _is_in(place, rule) or _is_agent(document, place, rule)):
        return None
    balance = first_text(document, rule.balance, place.node) or None
    currency = first_text(document, rule.currency, place.node).strip().upper()
    if balance is not None:
        balance = _pointed(balance, first_text(document, rule.decimals, place.node).strip())
    known = currency if _CURRENCY.fullmatch(currency) else None
    return Virtual(active_from, active_until, balance, known)


def _pointed(balance: str, decimals: str) -> str:
    """A balance in the smallest units of its currency, with its point put in: `6755`, `2` → `67.55`."""
    if _DIGITS.fullmatch(balance.strip()) and _DECIMALS.fullmatch(decimals):
        return str(Decimal(balance.strip()).scaleb(-int(decimals)))
    return balance


def _is_in(place: CardPlace, rule: VirtualPlace) -> bool:
    """Whether the number is one of those that only virtual cards have."""
    return place.card is not None and rule.bins.hold(place.card.pan.reveal())


def _is_agent(document: Document, place: CardPlace, rule: VirtualPlace) -> bool:
    """Whether the holder is one that stands on virtual cards only."""
    if place.card is None:
        holder = text_of(document, place.shape.holder, place.node)
    else:
        holder = place.card.holder.reveal() if place.card.holder else ""
    name = holder.strip().casefold()
    return name != "" and name in [agent.casefold() for agent in rule.holders]
