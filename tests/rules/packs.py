"""Packs for the tests of loading, and how they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.rules.load import load_rules

PACKS = Path(__file__).parent.parent.parent / "rules"
SITEMINDER = """\
system: siteminder
about: SiteMinder pmsXchange, pull

shapes:
  ota:
    format: xml
    booking: //HotelReservation            # one message, many bookings
    card: .//PaymentCard                   # relative to the booking; several are fine
    number: "@CardNumber"
    expiry: { at: "@ExpireDate", as: MMYY }
    cvc: "@SeriesCode"
    holder: CardHolderName
    brand: "@CardCode"
    hotel: .//BasicPropertyInfo/@HotelCode
    booking_id: UniqueID[@Type='14']/@ID
    departure: .//TimeSpan/@End

routes:
  - name: pull
    to: https://*.siteminder.com/pmsxchangev2/**
    methods: [POST]
    response:
      tokenize: ota
      insert:
        - { into: ResGlobalInfo, each: card, xml: "<PaycometResponse><iduser>{iduser}</iduser><tokenuser>{tokenuser}</tokenuser></PaycometResponse>" }
        - { into: ., each: booking, xml: "<B2B>{b2b}</B2B>" }
      on_failure:
        - { into: ., each: card, xml: "<ds_error_id>{error}</ds_error_id>" }
"""
BOOKINGSYNC = """\
system: bookingsync
about: Secure Payments by BookingSync
shapes:
  payment:
    format: json
    card: $
    number: { at: card_number, type: number }     # a JSON number, as their document shows
    expiry_month: { at: expires_at_month, as: MM }
    expiry_year: { at: expires_at_year, as: YYYY }
    cvc: { at: security_code, type: number }      # a CVC with a leading zero goes as a string
    holder: cardholder_name
routes:
  - name: instant-booking
    to: https://secure.bookingsync.com/api/bookingsync/instant_bookings
    methods: [POST]
    request: { detokenize: payment }              # a token stands where the number goes
"""
PUSH = """\
system: push
about: a push
shapes:
  j: { format: json, card: $, number: pan }
routes:
  - name: push
    at: /in/*/x/**
    forward: "{pms}/a/*/**"
    auth: channel
    product: seaside
    methods: [POST]
    request: { tokenize: j }
"""


def rules(directory, *, enabled=None, drafts=(), variables=None, callers=(), products=()):
    return load_rules(
        directory,
        enabled=enabled,
        drafts=drafts,
        variables=variables or {},
        callers=callers,
        products=products,
    )


def errors(directory, **named):
    with pytest.raises(ConfigurationError) as caught:
        rules(directory, **named)
    return [str(problem) for problem in caught.value.problems]
