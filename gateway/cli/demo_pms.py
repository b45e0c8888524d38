"""The hotel software of the demo: a real HTTP client with a key, behind the gateway."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.cards.scan import find_cards
from gateway.cli.demo_gateway import DemoGateway
from gateway.sandbox.pull import read_request
from gateway.sandbox.server import Sandbox
from gateway.secret import Secret

_TIMEOUT: Final = 30.0
_SERVICE: Final = "/pmsxchangev2/services/SANDBOX"
_RESERVATION: Final = re.compile(r"<HotelReservation .*?</HotelReservation>", re.DOTALL)
_TOKEN: Final = re.compile(
    r"<PaycometResponse[^>]*><iduser>([0-9]+)</iduser><tokenuser>(\w{13})</tokenuser>"
)
_CARD: Final = re.compile(r'CardNumber="([^"]*)"')
# What two answers of the simulators differ in by themselves.
_EACH_TIME: Final = re.compile(
    r'(?<=TimeStamp=")[^"]*|(?<=EchoToken=")[^"]*|<wsse:Security.*?</wsse:Security>', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as text, with what the gateway says about it."""

    status: int
    text: str
    headers: httpx.Headers

    @property
    def code(self) -> str:
        """The stable code of a refusal, or an empty text."""
        code = self.json().get("code")
        return code if isinstance(code, str) else ""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, or an empty one."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def counts(self) -> str:
        """`X-Gateway-Cards`."""
        return str(self.headers.get("X-Gateway-Cards", "no X-Gateway-Cards"))

    @property
    def clear(self) -> int:
        """How many clear card numbers stand in it, headers included."""
        return clear_in(self.text) + clear_in(str(self.headers.multi_items()))


def clear_in(text: str) -> int:
    """How many clear card numbers stand in a text, however spelled."""
    return len(find_cards(text.encode()))


def reservations(text: str) -> list[str]:
    """Each reservation of an OTA message, as it is written."""
    return _RESERVATION.findall(text)


def tokens(text: str) -> list[str]:
    """The alias of each token that was inserted, in order; all are test tokens here."""
    return [f"tok_test_{iduser}_{tokenuser}" for iduser, tokenuser in _TOKEN.findall(text)]


def numbers(text: str) -> list[str]:
    """What stands as CardNumber, in order."""
    return _CARD.findall(text)


def timeless(text: str) -> str:
    """A message without what the simulators write anew each time."""
    return _EACH_TIME.sub("", text)


class Pms:
    """What the PMS does. `key` is the one of its front desk, for both products."""

    def __init__(self, gateway: DemoGateway, sandbox: Sandbox, key: Secret[str]) -> None:
        self.gateway, self.sandbox, self.key = gateway, sandbox, key
        self._verify = _context(gateway.ca_file)
        self._proxied = self._client(proxy=f"http://{gateway.addresses['proxy']}")
        self._direct = httpx.Client(
            verify=_context(sandbox.ca_file), trust_env=False, timeout=_TIMEOUT
        )
        self._endpoint = self._client()
        # The partners' keys go in X-API-Key, too: for those ours goes with the CONNECT.
        self._keyed = self._client(
            proxy=httpx.Proxy(f"http://{gateway.addresses['proxy']}", auth=("pms", key.reveal()))
        )

    def close(self) -> None:
        """Closes its connections."""
        for client in (self._proxied, self._direct, self._endpoint, self._keyed):
            client.close()

    # --- pulls ----------------------------------------------------------------------------------

    def pull(self, hotel: str, *, key: Secret[str] | None = None) -> Answer:
        """An OTA_ReadRQ through the proxy."""
        url = self.sandbox.named_url("siteminder") + _SERVICE
        return self._read(self._proxied, url, hotel, (key or self.key).reveal())

    def pull_without_key(self, hotel: str, key: str = "") -> Answer:
        """The same without a key, or with any text for one."""
        return self._read(
            self._proxied, self.sandbox.named_url("siteminder") + _SERVICE, hotel, key
        )

    def pull_at_endpoint(self, hotel: str) -> Answer:
        """The same at a URL of the gateway."""
        url = f"https://{self.gateway.addresses['endpoints']}/siteminder/services/SANDBOX"
        return self._read(self._endpoint, url, hotel, self.key.reveal())

    def pull_without_gateway(self, hotel: str) -> Answer:
        """What SiteMinder answers when nobody stands between."""
        return self._read(self._direct, self.sandbox.url("siteminder") + _SERVICE, hotel, "")

    def _read(self, client: httpx.Client, url: str, hotel: str, key: str) -> Answer:
        who = self.sandbox.siteminder.settings
        body = read_request(hotel, who.username, who.password)
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        if key:
            headers["X-Api-Key"] = key
        return _answer(client.post(url, content=body, headers=headers))

    # --- charges --------------------------------------------------------------------------------

    def charge_form(self, form: dict[str, str], *, key: Secret[str] | None = None) -> Answer:
        """A payment intent at Stripe, as its own client library posts it."""
        return _answer(
            self._proxied.post(
                self.sandbox.named_url("stripe") + "/v1/payment_intents",
                data=form,
                headers={
                    "Authorization": "Bearer sk_test_sandbox",
                    "X-Api-Key": (key or self.key).reveal(),
                },
            )
        )

    def charge_json(self, body: str) -> Answer:
        """A payment at Adyen."""
        return _answer(
            self._keyed.post(
                self.sandbox.named_url("adyen") + "/v72/payments",
                content=body,
                headers={"Content-Type": "application/json", "X-API-Key": "adyens-own-key"},
            )
        )

    # --- anything else --------------------------------------------------------------------------

    def post(self, url: str, body: str, **headers: str) -> Answer:
        """A POST of JSON through the proxy."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Content-Type": "application/json", "X-Api-Key": self.key.reveal()}
        return _answer(self._proxied.post(url, content=body, headers=named))

    def push(self, path: str, body: str, **headers: str) -> Answer:
        """A POST of JSON to a URL of the gateway, with no key of ours."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"https://{self.gateway.addresses['endpoints']}{path}"
        return _answer(
            self._endpoint.post(
                url, content=body, headers={"Content-Type": "application/json"} | named
            )
        )

    def get(self, listener: str, path: str) -> Answer:
        """A GET at the gateway's control or metrics port."""
        return _answer(self._direct.get(f"http://{self.gateway.addresses[listener]}{path}"))

    def _client(self, proxy: httpx.Proxy | str | None = None) -> httpx.Client:
        return httpx.Client(proxy=proxy, verify=self._verify, trust_env=False, timeout=_TIMEOUT)


def _context(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.text, response.headers)
