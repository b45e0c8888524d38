"""A whole gateway with pages, and a PMS that uses its API."""

from __future__ import annotations

import requests

from tests.e2e.process import until
from tests.running import Running

LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40">
<rect width="120" height="40" rx="6" fill="#0b3d63"/>
<path d="M10 28q8-10 16 0t16 0 16 0" fill="none" stroke="#ffd166" stroke-width="4"/>
<text x="66" y="27" font-family="sans-serif" font-size="18" fill="#fff">Sea</text></svg>"""
SECRET = "webhook-secret-of-the-tests"


class Hotel:
    """The gateway and its PMS. `seaside` holds no security codes and lists `origin`; `hilltop` does."""

    def __init__(self, directory, sandbox, origin, **changes):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "logo.svg").write_bytes(LOGO)
        faces = {
            "seaside": {"name": "Hotel Seaside", "logo": "logo.svg", "origins": [origin]},
            "hilltop": {"name": "Hilltop Lodge", "language": "en"},
        }
        products = {
            name: {"merchant_code": name, "terminal": 1, "mode": "test", "pages": face}
            for name, face in faces.items()
        }
        products["hilltop"]["hold_cvc_minutes"] = 15
        products["grand"] = {
            "merchant_code": "grand", "terminal": 1, "mode": "live", "pages": {"name": "Grand"},
        }  # fmt: skip
        products["inn"] = {
            "merchant_code": "inn", "terminal": 1, "mode": "test", "pages": {"name": "Inn"},
            "processor": "bookingsync",
        }  # fmt: skip
        products["plain"] = {"merchant_code": "plain", "terminal": 1, "mode": "test"}
        webhook = {"url": sandbox.named_url("pms") + "/hook", "secret": {"env": "PAGES_WEBHOOK"}}
        clients = {
            "pms": {"networks": ["127.0.0.0/8"], "webhook": webhook},
            "spa": {"networks": ["127.0.0.0/8"]},
        }
        settings = {"products": products, "clients": clients} | changes
        self.gateway = Running(directory, sandbox, **settings)
        self.origin = origin
        self.all = ("seaside", "hilltop", "grand", "inn", "plain")
        self.key = self.gateway.key(scopes=("cards",), products=self.all)
        self.api = "http://{}:{}/v1".format(*self.gateway.addresses.control)
        self.base = f"https://localhost:{self.gateway.addresses.pages[1]}"

    def call(self, method, path, said=None, *, key=None, once=None):
        headers = {"X-Api-Key": key or self.key} | ({"Idempotency-Key": once} if once else {})
        return requests.request(method, self.api + path, json=said, headers=headers, timeout=30)

    def make(self, profile="card", **more):
        """A new link as the API shows it."""
        said = {"profile": profile, "product": "seaside"} | more
        answer = self.call("POST", "/capture-links", said)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def link(self, id, **more):
        return self.call("GET", f"/capture-links/{id}", **more).json()

    def told(self, link):
        """The notice about a link, once the webhook has it."""

        def found():
            got = self.gateway.sandbox.received.requests("pms")
            return [one for one in got if one.path == "/hook" and link.encode() in one.body]

        assert until(15, found)
        return found()

    def browse(self):
        """A session that trusts the pages' certificate and keeps nothing."""
        session = requests.Session()
        session.trust_env, session.verify = False, self.gateway.ca
        session.headers.update({"Accept-Language": "en", "Connection": "close"})
        return session
