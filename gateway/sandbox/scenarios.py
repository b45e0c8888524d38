"""What each hotel code of the simulated SiteMinder has in store: its bookings, and how they are sent.

`SCENARIOS` is the table; `card-gateway sandbox` and the docstring of `siteminder.py` show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.sandbox import dress
from gateway.sandbox.cards import (
    AMEX,
    MASTERCARD,
    VISA,
    VISA_TWO,
    TestCard,
    generated,
)
from gateway.sandbox.ota import Booking

_BULK: Final = re.compile(r"BULK-([0-9]{1,6})(?:-([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is undelivered for a hotel, and what becomes of the answer's text on its way out."""

    title: str
    bookings: Callable[[str], list[Booking]]
    send: dress.Dress


def scenario_of(hotel: str) -> Scenario | None:
    """The scenario of a hotel code, or None: no such hotel. Codes with a number are made here."""
    bulk = _BULK.fullmatch(hotel)
    if bulk:
        count, series = int(bulk[1]), int(bulk[2] or 0)
        return Scenario("generated", lambda code: _bulk(code, count, series), dress.plain)
    slow = re.fullmatch(r"SLOW-([0-9]{1,3})", hotel)
    if slow:
        return Scenario("slow", _one, dress.slow(float(slow[1])))
    return SCENARIOS.get(hotel)


def _one(hotel: str) -> list[Booking]:
    return [Booking(hotel).with_cards(TestCard(VISA))]


def _with(*cards: TestCard) -> Callable[[str], list[Booking]]:
    return lambda hotel: [Booking(hotel).with_cards(*cards)]


def _several_cards(hotel: str) -> list[Booking]:
    return [
        Booking(
            hotel,
            guarantees=(TestCard(VISA), TestCard(MASTERCARD, "MC", "0829", "Diana Prince")),
            deposits=(TestCard(AMEX, "AX", "1128", "Clark Kent"),),
        )
    ]


def _several_reservations(hotel: str) -> list[Booking]:
    return [
        Booking(hotel, 1).with_cards(TestCard(VISA)),
        Booking(hotel, 2, given_name="Lois", surname="Lane"),
        Booking(hotel, 3, "Modify").with_cards(TestCard(MASTERCARD, "MC", "0829", "Diana Prince")),
        Booking(hotel, 4, "Cancel").with_cards(TestCard(VISA)),
    ]


def _several_rooms(hotel: str) -> list[Booking]:
    return [Booking(hotel, rooms=3).with_cards(TestCard(VISA))]


def _several_hotels(hotel: str) -> list[Booking]:
    del hotel
    return [
        Booking("HOTEL-A", 1).with_cards(TestCard(VISA)),
        Booking("HOTEL-B", 1).with_cards(TestCard(VISA)),
        Booking("HOTEL-B", 2).with_cards(TestCard(MASTERCARD, "MC", "0829", "Diana Prince")),
    ]


def _mixed(hotel: str) -> list[Booking]:
    good, bad = TestCard(VISA), TestCard(MASTERCARD, "MC", "1399", "Diana Prince")
    return [
        Booking(hotel, 1).with_cards(good, bad),
        Booking(hotel, 2),
        Booking(hotel, 3).with_cards(TestCard(AMEX, "AX", "1128", "Clark Kent")),
    ]


def _commented(comment: str) -> Callable[[str], list[Booking]]:
    return lambda hotel: [Booking(hotel, comment=comment)]


def _spelt(element: str) -> Callable[[str], list[Booking]]:
    return lambda hotel: [Booking(hotel, card_xml=element)]


def _named(given: str, surname: str, holder: str) -> Callable[[str], list[Booking]]:
    return lambda hotel: [
        Booking(hotel, given_name=given, surname=surname).with_cards(TestCard(VISA, holder=holder))
    ]


def _none(hotel: str) -> list[Booking]:
    del hotel
    return []


def _bulk(hotel: str, count: int, series: int) -> list[Booking]:
    first = series * 1_000_000
    return [
        Booking(hotel, number + 1).with_cards(TestCard(generated(first + number)))
        for number in range(count)
    ]


_LATIN: Final = _named("José", "Núñez", "José Núñez")
_SMX_CARD: Final = (
    '<PaymentCard CardCode="VI" EffectiveDate="0725" ExpireDate="0730">'
    "<CardHolderName>Leonard Woolf</CardHolderName>"
    '<CardNumber Mask="4021XXXXXXXX8995" Token="0087254835699221" TokenProviderID="VTS"/>'
    "</PaymentCard>"
)
_PLAIN_TEXT_CARD: Final = (
    f'<PaymentCard CardCode="VI" ExpireDate="1230"><CardHolderName>Bruce Wayne</CardHolderName>'
    f'<CardNumber Mask="4111XXXXXXXX1111"><PlainText>{VISA_TWO}</PlainText></CardNumber>'
    "<SeriesCode><PlainText>123</PlainText></SeriesCode></PaymentCard>"
)

SCENARIOS: Final[dict[str, Scenario]] = {
    "10107": Scenario("one card", _one, dress.plain),
    "CVC": Scenario("a card with its SeriesCode", _with(TestCard(VISA, series="123")), dress.plain),
    "CARDS": Scenario("three cards in one reservation", _several_cards, dress.plain),
    "RESERVATIONS": Scenario("book, no card, modify, cancel", _several_reservations, dress.plain),
    "ROOMS": Scenario("three rooms, one card", _several_rooms, dress.plain),
    "HOTELS": Scenario("HOTEL-A and HOTEL-B in one answer", _several_hotels, dress.plain),
    "MIXED": Scenario("good and bad cards, and none", _mixed, dress.plain),
    "NOCARD": Scenario("a reservation without a card", lambda hotel: [Booking(hotel)], dress.plain),
    "MASKED": Scenario("a masked card", _with(TestCard("444433******1111")), dress.plain),
    "SMX": Scenario("a foreign token beside a mask", _spelt(_SMX_CARD), dress.plain),
    "PLAINTEXT": Scenario("CardNumber/PlainText", _spelt(_PLAIN_TEXT_CARD), dress.plain),
    "SENTINEL": Scenario(
        "an all-zero number", _with(TestCard("0000000000000000", "XX", "1230", "-")), dress.plain
    ),
    "VIRTUAL": Scenario(
        "a virtual card",
        _with(TestCard(MASTERCARD, "MC", "1230", "Expedia VirtualCard")),
        dress.plain,
    ),
    "SPACES": Scenario("a number with spaces", _with(TestCard("4444 3333 2222 1111")), dress.plain),
    "BADEXPIRY": Scenario("expiry 1399", _with(TestCard(VISA, expiry="1399")), dress.plain),
    "PASTEXPIRY": Scenario("expiry 1114", _with(TestCard(VISA, expiry="1114")), dress.plain),
    "NONNUMERIC": Scenario(
        "letters in the number", _with(TestCard("4444333322221X1A")), dress.plain
    ),
    "COMMENT": Scenario(
        "a card in the guest's comment",
        _commented(f"Please charge my card {VISA_TWO} exp 12/30 for the spa."),
        dress.plain,
    ),
    "COMMENTSPACED": Scenario(
        "the same with spaces", _commented("My card: 4111 1111 1111 1111, thanks"), dress.plain
    ),
    "PREFIX": Scenario("every OTA element prefixed", _one, dress.prefixed),
    "LATIN1": Scenario("ISO-8859-1", _LATIN, dress.latin1),
    "UTF16": Scenario("UTF-16 with a byte order mark", _LATIN, dress.utf16),
    "WORLD": Scenario("Cyrillic and CJK names", _named("Анна", "山田", "Анна 山田"), dress.plain),
    "CDATA": Scenario("CDATA and a comment", _one, dress.cdata),
    "CR": Scenario("CR line ends", _one, dress.cr),
    "CRCRLF": Scenario("CR CR LF line ends", _one, dress.crcrlf),
    "NEWLINE": Scenario("a newline before the declaration", _one, dress.leading_newline),
    "SPACEDTAG": Scenario("</PaymentCard >", _one, dress.spaced_tag),
    "QUOTES": Scenario("single quotes and spaces around =", _one, dress.single_quotes),
    "EMPTY": Scenario("nothing undelivered", _none, dress.plain),
    "GZIP": Scenario("gzip", _one, dress.gzipped),
    "BOMB": Scenario("128 MiB of blanks in gzip", _one, dress.gzip_bomb),
    "CODING": Scenario("Content-Encoding: hex", _one, dress.unknown_coding),
    "STACKED": Scenario("Content-Encoding: gzip, gzip", _one, dress.stacked_coding),
    "DOCTYPE": Scenario("the number as an entity", _one, dress.doctype),
    "MALFORMED": Scenario("malformed, with a card", _one, dress.malformed),
    "LABEL": Scenario("XML labelled as JSON", _one, dress.wrong_label),
    "BADNS": Scenario("an error with an undeclared prefix", _none, dress.bad_namespace),
    "HTML500": Scenario("an HTML page, status 500", _none, dress.html),
    "HTMLCARD": Scenario("an HTML page with a card", _none, dress.html_card),
    "HEADER": Scenario("a card in a response header", _one, dress.header_card),
    "SLOW": Scenario("2 s of silence (SLOW-n: n s)", _one, dress.slow(2.0)),
    "DRIP": Scenario("a body that takes a second", _one, dress.drip),
    "CUT": Scenario("cut off after three quarters", _one, dress.cut),
    "STATUSLINE": Scenario("a status line that is none", _one, dress.status_line),
    "TRAILERS": Scenario("a card in a trailer", _one, dress.trailers),
    "CHUNKED": Scenario("many small chunks", _one, dress.chunked),
}
