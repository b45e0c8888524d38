"""An expiry in several spellings, one that may be missing, and the days of virtual cards."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.cards.card import Failure
from gateway.codecs import open_document
from gateway.stages.reading import read_bookings
from gateway.stages.virtual import read_virtual
from tests.stages.test_several_places import ALIAS, PAN, card, into, out, shape

START = 'format: xml, booking: //R, card: .//PaymentCard, number: "@CardNumber", '
SEVERAL = shape(START + 'expiry: { at: "@ExpireDate", as: [MMYY, YYYY-MM-DD, MM/YYYY] }')
OPTIONAL = shape(START + 'expiry: { at: "@ExpireDate", as: MMYY, optional: true }')
PARTS = shape(
    START + 'expiry_month: { at: "@Month", as: [MM, M], optional: true }, '
    'expiry_year: { at: "@Year", as: YY, optional: true }'
)
VIRTUAL = shape(
    START + 'virtual: { active_from: { at: ["@From", "@EffectiveDate"], as: [MMYY, DD/MM/YYYY] }, '
    'active_until: { at: "@Until", as: MMYY } }'
)


@pytest.mark.parametrize("said", ["1230", "2030-12-31", "12/2030"])
def test_each_spelling_is_read_and_the_first_is_written(said):
    assert out(card(f'CardNumber="{PAN}" ExpireDate="{said}"'), SEVERAL).cards[0].failure is None
    written = into(card(f'CardNumber="{ALIAS}" ExpireDate="{said}"'), SEVERAL)
    assert 'ExpireDate="1230"' in written


@pytest.mark.parametrize("said", ["", "123", "30-12", "never"])
def test_another_spelling_fails_the_card(said):
    trial = out(card(f'CardNumber="{PAN}" ExpireDate="{said}"'), SEVERAL)
    assert trial.cards[0].failure is Failure.EXPIRY_INVALID
    assert PAN not in trial.after.decode()


@pytest.mark.parametrize(
    ("rule", "attributes", "failure"),
    [
        (OPTIONAL, "", None),
        (OPTIONAL, 'ExpireDate=" "', None),
        (OPTIONAL, 'ExpireDate="1230"', None),
        (OPTIONAL, 'ExpireDate="1330"', Failure.EXPIRY_INVALID),
        (PARTS, "", None),
        (PARTS, 'Month="1" Year="30"', None),
        (PARTS, 'Month="1"', Failure.EXPIRY_INVALID),
        (PARTS, 'Year="30"', Failure.EXPIRY_INVALID),
        (SEVERAL, "", Failure.EXPIRY_INVALID),
    ],
)
def test_an_optional_expiry_may_be_missing_and_not_be_wrong(rule, attributes, failure):
    trial = out(card(f'CardNumber="{PAN}" {attributes}'), rule)
    assert [found.failure for found in trial.cards] == [failure]
    assert PAN not in trial.after.decode()


def test_a_card_that_came_without_an_expiry_has_none():
    document = open_document("xml", card(f'CardNumber="{PAN}"').encode())
    ((place,),) = [booking.cards for booking in read_bookings(document, [OPTIONAL], "x")]
    assert place.card is not None
    assert place.card.expiry is None


@pytest.mark.parametrize(
    ("attributes", "days"),
    [
        ('EffectiveDate="0717" Until="0219"', (date(2017, 7, 1), date(2019, 2, 28))),
        ('From="13/07/2017" EffectiveDate="0817"', (date(2017, 7, 13), None)),
        ('From="" EffectiveDate="0817"', (date(2017, 8, 1), None)),
    ],
)
def test_the_days_of_a_virtual_card_have_a_spelling(attributes, days):
    document = open_document("xml", card(f'CardNumber="{PAN}" {attributes}').encode())
    ((place,),) = [booking.cards for booking in read_bookings(document, [VIRTUAL], "x")]
    virtual = read_virtual(document, place)
    assert virtual is not None
    assert (virtual.active_from, virtual.active_until) == days
