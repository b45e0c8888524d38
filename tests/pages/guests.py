"""A guest with a link, and what it types."""

from __future__ import annotations

from tests.pages.serving import TOKEN

CARD = "5555555555554444"
CODE = "739"
TYPED = {"number": "5555 5555 5555 4444", "expiry": "08/29", "holder": "Ana Example"}
ADDRESS = {
    "given_name": "Ana", "family_name": "Example", "line_1": "1 Pier", "line_2": "",
    "city": "Brighton", "state_province_code": "", "postal_code": "BN1", "country_code": "GB",
}  # fmt: skip
BOOKED = {"system": "siteminder", "hotel": "10107", "id": "RES-1", "departure": "2030-04-03"}


class Guest:
    """Whoever has the link."""

    def __init__(self, hotel, link):
        self.session, self.url = hotel.browse(), link["url"]

    def open(self):
        return self.session.get(self.url, timeout=20, allow_redirects=False)

    def send(self, token=None, **typed):
        token = token or TOKEN.search(self.open().text)[1]
        return self.session.post(
            self.url, {"form_token": token, **typed}, timeout=20, allow_redirects=False
        )


def cards(hotel):
    return hotel.gateway.rows("select count(*) from card")[0][0]


def refused(answer, status, code, *errors):
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert [(one["name"], one["problem"]) for one in body.get("errors", [])] == list(errors)
