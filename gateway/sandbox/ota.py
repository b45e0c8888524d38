"""OpenTravel reservations as SiteMinder spells them: one `Booking` in, the text of its element out.

Written after pmsXchange's public description of OTA_ResRetrieveRS; about 3.6 KB a booking.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from gateway.sandbox.cards import TestCard
from gateway.sandbox.soap import OTA

_ROOMS: Final = (("DR", "Double room"), ("SU", "Junior suite"), ("TW", "Twin room"))


@dataclass(frozen=True, slots=True)
class Booking:
    """One reservation message. `number` tells a hotel's messages apart and starts at 1.

    `guarantees` are cards under Guarantee, `deposits` under DepositPayments. `comment` is what the
    guest typed. `card_xml` replaces the guarantee's PaymentCard element where a scenario needs a
    spelling of its own.
    """

    hotel: str
    number: int = 1
    status: str = "Book"
    channel: tuple[str, str] = ("EXP", "Expedia")
    given_name: str = "James"
    surname: str = "Bond"
    rooms: int = 1
    guarantees: tuple[TestCard, ...] = field(default=(), repr=False)
    deposits: tuple[TestCard, ...] = field(default=(), repr=False)
    comment: str = "Late arrival, around 22:00. A quiet room, please."
    card_xml: str = field(default="", repr=False)

    @property
    def message_id(self) -> str:
        """The id that OTA_NotifReportRQ confirms; unique over all hotels, and no card number."""
        return f"SBX-{zlib.crc32(self.hotel.encode()) % 1_000_000:06d}-{self.number}"

    @property
    def reference(self) -> str:
        """The channel's booking reference."""
        return f"{self.channel[0]}-{self.hotel}-{self.number:03d}"

    def with_cards(self, *cards: TestCard) -> Booking:
        """The same booking with these guarantee cards."""
        return replace(self, guarantees=cards)


def payment_card(card: TestCard) -> str:
    """A PaymentCard as pmsXchange writes it: attributes, and the holder as a child."""
    series = f" SeriesCode={quoteattr(card.series)}" if card.series else ""
    return (
        f'<PaymentCard CardCode="{card.code}" CardType="1" CardNumber={quoteattr(card.number)}'
        f"{series} ExpireDate={quoteattr(card.expiry)}>"
        f"<CardHolderName>{escape(card.holder)}</CardHolderName></PaymentCard>"
    )


def retrieve_inside(bookings: Iterable[Booking]) -> str:
    """What stands between the tags of OTA_ResRetrieveRS."""
    texts = "\n".join(map(reservation, bookings))
    listing = (
        f"<ReservationsList>\n{texts}\n</ReservationsList>" if texts else "<ReservationsList/>"
    )
    return f"<Success/>\n{listing}"


def notification(bookings: Iterable[Booking], echo_token: str, time_stamp: str) -> str:
    """An OTA_HotelResNotifRQ, the message that SiteMinder pushes."""
    texts = "\n".join(map(reservation, bookings))
    return (
        f'<OTA_HotelResNotifRQ xmlns="{OTA}" Version="1.0" TimeStamp="{time_stamp}" '
        f'EchoToken={quoteattr(echo_token)} ResStatus="Commit">\n'
        f"<HotelReservations>\n{texts}\n</HotelReservations>\n</OTA_HotelResNotifRQ>"
    )


def reservation(booking: Booking) -> str:
    """A HotelReservation element."""
    code, channel = booking.channel
    stays = "\n".join(_room_stay(booking, room) for room in range(1, booking.rooms + 1))
    return f"""<HotelReservation CreateDateTime="2026-03-02T08:51:45.000+0000" ResStatus="{booking.status}">
    <POS>
        <Source>
            <RequestorID Type="22" ID="SITEMINDER"/>
            <BookingChannel Primary="true" Type="7">
                <CompanyName Code="{code}">{channel}</CompanyName>
            </BookingChannel>
        </Source>
    </POS>
    <UniqueID Type="14" ID={quoteattr(booking.reference)}/>
    <UniqueID Type="16" ID="{booking.message_id}" ID_Context="MESSAGE_UNIQUE_ID"/>
    <RoomStays>
{stays}
    </RoomStays>
    <ResGuests>
        <ResGuest ResGuestRPH="1" ArrivalTime="22:00:00">
            <Profiles>
                <ProfileInfo>
                    <Profile ProfileType="1">
                        <Customer>
                            <PersonName>
                                <GivenName>{escape(booking.given_name)}</GivenName>
                                <Surname>{escape(booking.surname)}</Surname>
                            </PersonName>
                            <Telephone PhoneNumber="+44 20 7946 0018"/>
                            <Email>guest@example.com</Email>
                            <Address>
                                <AddressLine>30 Wellington Square</AddressLine>
                                <CityName>London</CityName>
                                <CountryName Code="GB">United Kingdom</CountryName>
                            </Address>
                        </Customer>
                    </Profile>
                </ProfileInfo>
            </Profiles>
        </ResGuest>
    </ResGuests>
    <ResGlobalInfo>
        <TimeSpan Start="2027-03-12" End="2027-03-15"/>
        <Comments>
            <Comment><Text>{escape(booking.comment)}</Text></Comment>
        </Comments>
{_guarantee(booking)}{_deposits(booking)}        <Total AmountAfterTax="445.50" CurrencyCode="USD"/>
        <HotelReservationIDs>
            <HotelReservationID ResID_Type="14" ResID_Value={quoteattr("RES_" + booking.reference)}/>
        </HotelReservationIDs>
        <BasicPropertyInfo HotelCode={quoteattr(booking.hotel)}/>
    </ResGlobalInfo>
</HotelReservation>"""


def _room_stay(booking: Booking, room: int) -> str:
    code, name = _ROOMS[(room - 1) % len(_ROOMS)]
    return f"""        <RoomStay MarketCode="Corporate" SourceOfBusiness="Internet">
            <RoomTypes>
                <RoomType RoomType="{name}" RoomTypeCode="{code}" NonSmoking="true">
                    <RoomDescription><Text>{name}, sea view</Text></RoomDescription>
                </RoomType>
            </RoomTypes>
            <RatePlans>
                <RatePlan RatePlanCode="RAC" EffectiveDate="2027-03-12" ExpireDate="2027-03-15"/>
            </RatePlans>
            <RoomRates>
                <RoomRate RoomTypeCode="{code}" RatePlanCode="RAC" NumberOfUnits="1">
                    <Rates>
                        <Rate UnitMultiplier="3" RateTimeUnit="Day" EffectiveDate="2027-03-12" ExpireDate="2027-03-15">
                            <Total AmountBeforeTax="405.00" AmountAfterTax="445.50" CurrencyCode="USD"/>
                        </Rate>
                    </Rates>
                </RoomRate>
            </RoomRates>
            <GuestCounts>
                <GuestCount AgeQualifyingCode="10" Count="2"/>
            </GuestCounts>
            <TimeSpan Start="2027-03-12" End="2027-03-15"/>
            <Total AmountBeforeTax="405.00" AmountAfterTax="445.50" CurrencyCode="USD"/>
            <BasicPropertyInfo HotelCode={quoteattr(booking.hotel)}/>
            <ResGuestRPHs>
                <ResGuestRPH RPH="1"/>
            </ResGuestRPHs>
        </RoomStay>"""


def _guarantee(booking: Booking) -> str:
    elements = [booking.card_xml] if booking.card_xml else map(payment_card, booking.guarantees)
    accepted = "".join(
        f"""                <GuaranteeAccepted>
                    {element}
                </GuaranteeAccepted>
"""
        for element in elements
    )
    if not accepted:
        return ""
    return f"""        <Guarantee>
            <GuaranteesAccepted>
{accepted}            </GuaranteesAccepted>
        </Guarantee>
"""


def _deposits(booking: Booking) -> str:
    payments = "".join(
        f"""            <GuaranteePayment>
                <AcceptedPayments>
                    <AcceptedPayment>{payment_card(card)}</AcceptedPayment>
                </AcceptedPayments>
                <AmountPercent Amount="89.10" CurrencyCode="USD" Percent="20.00"/>
                <Description><Text>20% deposit</Text></Description>
            </GuaranteePayment>
"""
        for card in booking.deposits
    )
    return f"        <DepositPayments>\n{payments}        </DepositPayments>\n" if payments else ""
