"""The messages of the bench: what a PMS asks, what its channel manager answers. All of it invented.

A body has a name, and the name says all about it:

    small          2 KB, a booking without a card
    cards-N-S      N bookings with a card each; series S makes the numbers, 0 are the same each time
    bookings-N     N bookings without a card

`written.py` has those in JSON and forms.
"""

from __future__ import annotations

import re
from textwrap import dedent
from urllib.parse import urlencode

from bench import written
from gateway.sandbox.cards import TestCard, generated
from gateway.sandbox.ota import Booking, reservation, retrieve_inside
from gateway.sandbox.pull import read_request
from gateway.sandbox.soap import answer, envelope

HOTEL = written.HOTEL
HOST = "localhost"
MERCHANT, TERMINAL = "seaside01", 1
_PATH = "/pmsxchangev2/services/"
_SERIES = 100_000  # cards
# The sandbox's guest; a booking without the rest of what it has is the small one.
_GUEST = dedent(re.search(r" *<Customer>.*</Customer>", reservation(Booking(HOTEL)), re.DOTALL)[0])
_SMALL = f"""<Success/>
<ReservationsList>
<HotelReservation CreateDateTime="2026-03-02T08:51:45.000+0000" ResStatus="Cancel">
    <UniqueID Type="14" ID="EXP-BENCH-001"/>
    <RoomStays>
        <RoomStay MarketCode="Corporate">
            <RoomTypes><RoomType RoomType="Double room" RoomTypeCode="DR"/></RoomTypes>
            <RatePlans>
                <RatePlan RatePlanCode="RAC" EffectiveDate="2027-03-12" ExpireDate="2027-03-15"/>
            </RatePlans>
            <GuestCounts><GuestCount AgeQualifyingCode="10" Count="2"/></GuestCounts>
            <TimeSpan Start="2027-03-12" End="2027-03-15"/>
            <Total AmountBeforeTax="405.00" AmountAfterTax="445.50" CurrencyCode="USD"/>
            <BasicPropertyInfo HotelCode="{HOTEL}"/>
        </RoomStay>
    </RoomStays>
    <ResGuests>
        <ResGuest ResGuestRPH="1" ArrivalTime="22:00:00">
            <Profiles><ProfileInfo><Profile ProfileType="1">{_GUEST}</Profile></ProfileInfo></Profiles>
        </ResGuest>
    </ResGuests>
    <ResGlobalInfo>
        <TimeSpan Start="2027-03-12" End="2027-03-15"/>
        <Total AmountAfterTax="445.50" CurrencyCode="USD"/>
        <BasicPropertyInfo HotelCode="{HOTEL}"/>
    </ResGlobalInfo>
</HotelReservation>
</ReservationsList>"""


def cards(count: int, series: int = 0) -> str:
    """The name of a body with `count` cards."""
    return f"cards-{count}-{series}"


def bookings(count: int) -> str:
    """The name of a body with `count` bookings and no card."""
    return f"bookings-{count}"


def body(name: str) -> bytes:
    """The body that is called `name`. Raises ValueError."""
    kind, *numbers = name.split("-")
    if kind == "small":
        return _answer(_SMALL)
    count, series = [*map(int, numbers), 0][:2]
    if kind in written.KINDS:
        return written.body(kind, count)
    made = (Booking(HOTEL, number + 1) for number in range(count))
    if kind == "cards":
        first = series * _SERIES
        made = (
            booking.with_cards(TestCard(generated(first + number)))
            for number, booking in enumerate(made)
        )
    elif kind != "bookings":
        raise ValueError(name)
    return _answer(retrieve_inside(made))


def _answer(inside: str) -> bytes:
    return envelope(answer("OTA_ResRetrieveRS", "echo-abc", inside)).encode()


def label(name: str) -> str:
    """The Content-Type of the body called `name`."""
    if name.startswith("json"):
        return "application/json"
    form = "application/x-www-form-urlencoded"
    return form if name.startswith("form") else "text/xml; charset=utf-8"


def request(name: str, port: int, key: str, path: str = _PATH) -> bytes:
    """The whole request that is answered with the body called `name`."""
    content = read_request(HOTEL, "bench", "Bench-Pass1!").encode()
    head = (
        f"POST {path}{name} HTTP/1.1\r\nHost: {HOST}:{port}\r\nUser-Agent: bench\r\n"
        f"Accept: */*\r\nX-Api-Key: {key}\r\nContent-Type: text/xml; charset=utf-8\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def paycomet_request(name: str, port: int, key: str) -> bytes:
    """The same pull as a client of PAYCOMET's SiteMinder proxy posts it to the gateway's endpoint."""
    xml = (
        "<root><booking><xml><request><username>bench</username><password>Bench-Pass1!</password>"
        "<requestor_id>BENCH</requestor_id><requestor_type>22</requestor_type>"
        f"<hotel_code>{HOTEL}</hotel_code><selection_criteria>Undelivered</selection_criteria>"
        f"</request></xml><url>https://{HOST}:{port}{_PATH}{name}</url></booking>"
        f"<paytpv><ds_merchant_code>{MERCHANT}</ds_merchant_code>"
        f"<ds_merchant_terminal>{TERMINAL}</ds_merchant_terminal></paytpv></root>"
    )
    content = urlencode({"xml": xml}).encode()
    head = (
        f"POST /api/v1/siteminder HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench\r\n"
        f"Accept: */*\r\nPAYCOMET-API-TOKEN: {key}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def name_in(path: bytes) -> str:
    """The body's name in a request's path."""
    return path.rpartition(b"/")[2].decode("ascii")
