"""What every refusal of the gateway has in common, as a problem and in the words of a SiteMinder that is pulled."""

from __future__ import annotations

import re

from lxml import etree

COUNTS = r"found=\d+ tokenized=\d+ failed=\d+( left=\d+ ask_again=\d+)?(; \d+\.\d+=\w+)*"
TIMES = r"upstream;dur=[\d.]+, gateway;dur=[\d.]+, vault;dur=[\d.]+"


def check_problem(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Gateway-Exchange"] == answer.json()["exchange"]
    _check_head(answer, code)


def check_pull(answer, status, code):
    """A client that knows OTA finds no reservations, no success, and one error."""
    assert (answer.status_code, error_of(answer)) == (status, code)
    assert answer.headers["X-Gateway-Exchange"] in answer.text
    _check_head(answer, code)


def error_of(answer):
    """The code in an OTA answer that has nothing but an error."""
    root = etree.fromstring(answer.content)
    names = [etree.QName(element).localname for element in root.iter(etree.Element)]
    assert names == ["Envelope", "Body", "OTA_ResRetrieveRS", "Errors", "Error"]
    assert answer.headers["Content-Type"].partition(";")[0] == "text/xml"
    return next(root.iter("{http://www.opentravel.org/OTA/2003/05}Error")).get("ShortText")


def _check_head(answer, code):
    assert answer.headers["X-Gateway-Refused"] == code
    assert re.fullmatch(COUNTS, answer.headers["X-Gateway-Cards"])
    assert re.fullmatch(TIMES, answer.headers["Server-Timing"])
