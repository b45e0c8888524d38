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
