"""Hotel software that replaces cards at Rapid through the gateway's own API, and what it may check."""

from __future__ import annotations

import hashlib
import hmac
import ssl
import time

import httpx
import requests

from tests.e2e.process import until
from tests.sandbox.rapid import booking, headers

SECRET = "recapture-webhook-secret"


class Pms:
    """What hotel software does: books through the proxy, calls the control API, sees no card."""

    def __init__(self, gateway, partner):
        self.gateway, self.partner = gateway, partner
        self.key, self.seen = gateway.key(), []
        self.api = "http://{}:{}/v1".format(*gateway.addresses.control)
        partner.control("webhook", url=self.api + "/notifications/expedia-rapid")

    def call(self, method, path, body=None, *, key=None, **more):
        own = {"X-Api-Key": key or self.key} | more.pop("headers", {})
        answer = requests.request(
            method, self.api + path, json=body, headers=own, timeout=30, **more
        )
        self.seen.append(answer.text + repr(answer.headers))
        return answer

    def recaptures(self, **query):
        return self.call("GET", "/recaptures", params=query).json()["recaptures"]

    def complete(self, one, token, **more):
        said = {"token": token.alias, "security_code": "737"} | more
        return self.call("POST", f"/recaptures/{one['id']}/card", said)

    def once(self, one, said, name, **more):
        """The same with an Idempotency-Key, and with all that is said."""
        headers = {"Idempotency-Key": name}
        return self.call("POST", f"/recaptures/{one['id']}/card", said, headers=headers, **more)

    def proxied(self, method, path, body=None):
        context = ssl.create_default_context(cafile=self.gateway.ca)
        with httpx.Client(proxy=self.gateway.proxy, verify=context, trust_env=False) as client:
            own = headers() | {"X-Api-Key": self.key}
            url = self.gateway.sandbox.named_url("rapid") + path
            return client.request(method, url, json=body, headers=own)

    def book(self, token, **stay):
        answer = self.proxied("POST", self.partner.book_link(**stay), booking(token.alias))
        assert answer.status_code == 201, answer.text
        return answer.json()["itinerary_id"], answer.json()["links"]["retrieve"]["href"]

    def told(self, count, path="/rapid"):
        """The notifications that its webhook got."""

        def got():
            all = self.gateway.sandbox.received.requests("pms")
            return [request for request in all if request.path == path]

        assert until(15, lambda: len(got()) >= count), len(got())
        assert len(got()) == count
        return got()

    def waiting(self, count=1, **wanted):
        """The recaptures, once there are so many that have a link."""

        def ready():
            found = self.recaptures(**wanted)
            return len(found) == count and all(one["has_link"] for one in found)

        assert until(15, ready), self.recaptures()
        return self.recaptures(**wanted)


def cards(gateway):
    return [card.number for card in gateway.sandbox.received.cards("rapid")]


def check_signature(request):
    """As docs/expedia-rapid.md tells the PMS to."""
    parts = dict(part.split("=", 1) for part in request.header("X-Gateway-Signature").split(","))
    assert abs(int(parts["t"]) - time.time()) < 300
    signed = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + request.body, hashlib.sha256)
    assert hmac.compare_digest(parts["v1"], signed.hexdigest())


def nothing_written(gateway, *texts):
    time.sleep(0.2)
    for name, written in gateway.everything_written():
        for text in texts:
            assert text.encode() not in written, name
