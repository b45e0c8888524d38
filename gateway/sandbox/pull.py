"""The requests of a PMS that pulls from SiteMinder: text only, whatever client then sends it."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from gateway.sandbox.soap import OTA, secured


def read_request(hotel: str, username: str, password: str) -> str:
    """An OTA_ReadRQ for what is undelivered at `hotel`, in a secured SOAP envelope."""
    return secured(
        f'<OTA_ReadRQ xmlns="{OTA}" Version="1.0" TimeStamp="2026-11-12T09:30:47+00:00" '
        'EchoToken="echo-abc"><POS><Source><RequestorID Type="22" ID="SANDBOX"/></Source></POS>'
        f"<ReadRequests><HotelReadRequest HotelCode={quoteattr(hotel)}>"
        '<SelectionCriteria SelectionType="Undelivered"/>'
        "</HotelReadRequest></ReadRequests></OTA_ReadRQ>",
        username,
        password,
    )


def confirm_request(message_ids: Iterable[str], username: str, password: str) -> str:
    """An OTA_NotifReportRQ that says these messages arrived, in a secured SOAP envelope."""
    listed = "".join(
        f'<HotelReservation><UniqueID Type="16" ID={quoteattr(id)}/></HotelReservation>'
        for id in message_ids
    )
    return secured(
        f'<OTA_NotifReportRQ xmlns="{OTA}" Version="1.0" TimeStamp="2026-11-12T09:30:47+00:00" '
        'EchoToken="echo-abc"><Success/><NotifDetails><HotelNotifReport>'
        f"<HotelReservations>{listed}</HotelReservations>"
        "</HotelNotifReport></NotifDetails></OTA_NotifReportRQ>",
        username,
        password,
    )
