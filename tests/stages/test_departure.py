"""A booking's departure, however the partner writes a day: by it is counted how long its cards are kept."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.codecs import open_document
from gateway.errors import ConfigurationError
from gateway.rules.load import load_pack_text
from gateway.stages.reading import read_bookings

PACK = """
system: acme
about: Departures
shapes:
  stay: {{ format: json, booking: "$.b[*]", card: card, number: num, departure: {departure} }}
routes:
  - {{ name: x, at: /x, forward: "https://a.example/x", methods: [POST], request: {{ tokenize: stay }} }}
"""


def departure(rule, **said):
    shape = load_pack_text(PACK.format(departure=rule), "acme.yaml").shapes["stay"]
    fields = ",".join(f'"{name}":"{text}"' for name, text in said.items())
    body = f'{{"b":[{{"card":{{"num":"4111111111111111"}},{fields}}}]}}'
    (booking,) = read_bookings(open_document("json", body.encode()), [shape], "acme")
    return booking.booking.departure


@pytest.mark.parametrize(
    ("rule", "said", "found"),
    [
        ("out", "2030-05-06", date(2030, 5, 6)),
        ("out", "2030-05-06T10:00:00Z", date(2030, 5, 6)),
        ("out", "06/05/2030", None),
        ("{ at: out, as: DD/MM/YYYY }", "06/05/2030", date(2030, 5, 6)),
        ("{ at: out, as: MM/DD/YYYY }", "05/06/2030 12:00:00 AM", date(2030, 5, 6)),
        ("{ at: out, as: YYYYMMDD }", "20300506", date(2030, 5, 6)),
        ("{ at: out, as: [DD-MMM-YY, YYYY-MM-DD] }", "06-MAY-30", date(2030, 5, 6)),
        ("{ at: out, as: [DD-MMM-YY, YYYY-MM-DD] }", "2030-05-06", date(2030, 5, 6)),
        ("{ at: out, as: DD/MM/YYYY }", "31/02/2030", None),
        ("{ at: out, as: DD/MM/YYYY }", "2030-05-06", None),
        ("{ at: out, as: DD/MM/YYYY }", "", None),
    ],
)
def test_a_departure_in_its_own_spelling(rule, said, found):
    assert departure(rule, out=said) == found


def test_of_several_places_the_first_that_says_a_day():
    rule = "[checkout, until]"
    assert departure(rule, checkout="", until="2030-05-06") == date(2030, 5, 6)
    assert departure(rule, checkout="2030-05-07", until="2030-05-06") == date(2030, 5, 7)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{ at: out, as: DD/MON/YYYY }", "unknown spelling `DD/MON/YYYY`"),
        ("[out, out]", "a path is named twice"),
        ("{ at: out, as: [DD/MM/YYYY, MM/DD/YYYY] }", "read one text as different months"),
    ],
)
def test_a_wrong_one_is_told(rule, told):
    with pytest.raises(ConfigurationError) as caught:
        load_pack_text(PACK.format(departure=rule), "acme.yaml")
    assert told in caught.value.problems[0].message
