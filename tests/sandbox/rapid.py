"""A partner of the simulated Rapid, as its documents say one calls: signed, with every header."""

from __future__ import annotations

import copy
import hashlib
import ssl
import time
from datetime import UTC, datetime, timedelta

import httpx

from gateway.exchange import new_id

GOOD, OTHER, BAD = "4111111111111111", "5555555555554444", "4000000000000002"
BILLING = {
    "given_name": "John",
    "family_name": "Smith",
    "address": {
        "line_1": "555 1st St",
        "line_2": "10th Floor",
        "line_3": "Unit 12",
        "city": "Seattle",
        "state_province_code": "WA",
        "postal_code": "98121",
        "country_code": "US",
    },
}
PROOF = {
    "cavv": "AAABCZIhcQAAAABZlyFxAAAAAAA=",
    "eci": "05",
    "three_ds_version": "2.2.0",
    "ds_transaction_id": "0a0a0a0a-0000-4000-8000-00000000000a",
}


def payment(number=GOOD, **changes):
    made = {
        "type": "customer_card",
        "number": number,
        "security_code": "123",
        "expiration_month": "08",
        "expiration_year": "2031",
        "billing_contact": copy.deepcopy(BILLING),
    }
    return _changed(made, changes)


def booking(number=GOOD, **changes):
    made = {
        "affiliate_reference_id": f"R-{new_id()}",
        "hold": False,
        "email": "john@example.com",
        "phone": {"country_code": "1", "area_code": "487", "number": "5550077"},
        "rooms": [{"given_name": "John", "family_name": "Smith", "smoking": False}],
        "payments": [payment(number)],
    }
    return _changed(made, changes)


def change(number=OTHER, reference="Change1", **changes):
    return {"change_reference_id": reference, "payments": [payment(number, **changes)]}


def _changed(made, changes):
    for name, value in changes.items():
        if value is None:
            made.pop(name)
        else:
            made[name] = value
    return made


def signed(key="sandbox-key", secret="sandbox-secret", at=None, spelling="EAN apikey"):
    stamp = str(int(time.time() if at is None else at))
    digest = hashlib.sha512(f"{key}{secret}{stamp}".encode()).hexdigest()
    return f"{spelling}={key},signature={digest},timestamp={stamp}"


def headers(**changes):
    made = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "Authorization": signed(),
        "Content-Type": "application/json",
        "Customer-Ip": "5.5.5.5",
        "User-Agent": "TravelNow/3.30.112",
    }
    return _changed(made, {name.replace("_", "-"): value for name, value in changes.items()})


class Partner:
    """Calls of the partner, and of those around: issuer, supplier, clock."""

    def __init__(self, sandbox):
        self.sandbox, self.base = sandbox, sandbox.url("rapid")
        context = ssl.create_default_context(cafile=str(sandbox.ca_file))
        self.client = httpx.Client(verify=context, trust_env=False, timeout=20)

    def call(self, method, path, body=None, **changes):
        request = self.client.build_request(method, self.base + path, json=body)
        for name in list(request.headers):
            if name.lower() in ("accept", "accept-encoding", "user-agent", "content-type"):
                del request.headers[name]
        request.headers.update(headers(**changes))
        return self.client.send(request)

    def control(self, action, **said):
        answer = self.client.post(f"{self.base}/_sandbox/{action}", json=said)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def book_link(self, *, days=30, nights=2):
        checkin = datetime.now(UTC).date() + timedelta(days=days)
        checkout = checkin + timedelta(days=nights)
        said = self.control("book-link", checkin=checkin.isoformat(), checkout=checkout.isoformat())
        return said["links"]["book"]["href"]

    def book(self, number=GOOD, *, days=30, nights=2, **changes):
        """Books; the itinerary's id and the path to retrieve it."""
        answer = self.call(
            "POST", self.book_link(days=days, nights=nights), booking(number, **changes)
        )
        assert answer.status_code == 201, answer.text
        said = answer.json()
        return said["itinerary_id"], said["links"]["retrieve"]["href"]

    def retrieve(self, path):
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def link(self, path):
        """Where the payment can be changed, or None."""
        return self.retrieve(path)["links"].get("payment_change", {}).get("href")

    def failed(self, path, *, before=None):
        """Where the payment can be changed, once the card of the booking has failed: Rapid verifies it
        after it has answered. `before`: the link of an earlier failure."""
        for _ in range(200):
            link = self.link(path)
            if link not in {None, before}:
                return link
            time.sleep(0.05)
        raise AssertionError("the card did not fail")

    def hours(self, hours):
        self.control("clock", advance_seconds=hours * 3600)
