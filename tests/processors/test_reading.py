"""What an answer says of a charge that the processor does not have."""

from __future__ import annotations

import pytest

from gateway.exchange import Response
from gateway.headers import Headers
from gateway.processors.load import load_processor_text
from gateway.processors.model import Ended, Operation
from gateway.processors.reading import Reader

FILE = """\
processor: simple
about: An example
source: nobody's
operations:
  look:
    get: https://api.example.com/v1/payments/{reference}
    answer: shown
answers:
  shown:
    decline: error
    ends:
      - { http: 200, where: { status: paid }, as: succeeded }
      - { http: 404, as: absent }
      - { http: [401, 403], as: failed }
"""


@pytest.mark.parametrize(
    ("status", "body", "ended", "code"),
    [
        (200, b'{"status": "paid"}', "succeeded", None),
        (404, b'{"error": "no_such_payment"}', "failed", "processor_has_none"),
        (404, b"", "failed", "processor_has_none"),
        (404, b"<html>no such host</html>", "unknown", "processor_unclear"),  # whoever said that
        (401, b'{"error": "unauthorized"}', "failed", "processor_refused"),
        (403, b"<html>blocked</html>", "failed", "processor_refused"),
    ],
)
def test_only_the_processor_says_that_it_has_no_such_charge(status, body, ended, code):
    rules = load_processor_text(FILE, "simple.yaml")
    answer = rules.operations[Operation.LOOK][0].answer
    result = Reader(answer, Response(status, "", Headers(), body)).result()
    assert (result.ended, result.code) == (Ended(ended), code)


SUMS = """\
processor: simple
about: An example
source: nobody's
operations:
  look:
    get: https://api.example.com/v1/payments/{reference}
    answer: shown
answers:
  paid:
    amount: { authorized: held, succeeded: sum }
    currency: currency
    ends:
      - { http: 200, where: { status: held }, as: authorized }
      - { http: 200, where: { status: paid }, as: succeeded }
      - { http: 200, where: { status: gone }, as: declined }
  shown:
    like: paid
    ends:
      - { http: 200, where: { status: back }, as: refunded }
"""


@pytest.mark.parametrize(
    ("body", "amount", "currency", "unreadable"),
    [
        ('"paid", "sum": 1050, "held": 7, "currency": "eur"', 1050, "EUR", False),
        ('"paid", "sum": "1050", "currency": "EUR"', 1050, "EUR", False),
        ('"paid", "sum": 1050.0', 1050, None, False),
        ('"paid", "sum": 0', 0, None, False),
        ('"held", "sum": 1050, "held": 7', 7, None, False),
        ('"paid"', None, None, False),
        ('"paid", "sum": "", "currency": ""', None, None, False),
        ('"back", "sum": 1050, "currency": "EUR"', None, "EUR", False),
        ('"gone", "sum": 1050, "currency": "EUR"', None, None, False),
        ('"paid", "sum": "10.50"', None, None, True),
        ('"paid", "sum": -1050', None, None, True),
        ('"paid", "sum": "1e3"', None, None, True),
        ('"paid", "sum": 1234567890123', None, None, True),
        ('"paid", "sum": {"value": 1050}', None, None, True),
        ('"paid", "sum": 1050, "currency": "978"', 1050, None, True),
    ],
)
def test_what_an_answer_says_of_its_sum(body, amount, currency, unreadable):
    rules = load_processor_text(SUMS, "simple.yaml")
    answer = rules.operations[Operation.LOOK][0].answer
    response = Response(200, "", Headers(), f'{{"status": {body}}}'.encode())
    result = Reader(answer, response).result()
    said = (result.amount, result.currency, result.sum_unreadable)
    assert said == (amount, currency, unreadable)
