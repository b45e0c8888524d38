"""The hotel software of the demo: a real HTTP client with a key, behind the gateway."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Mapping
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
# Of a socket before it connects: a long answer can then lie unread neither in it nor, for loopback's
# own packets of 64 KB would make that megabytes, in the gateway's.
_SMALL: Final = (
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024),
    (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400),
)
SERVICE: Final = "/pmsxchangev2/services/SANDBOX"
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
        """The stable code of a refusal, in whatever words it is told, or an empty text."""
        code = self.headers.get("X-Gateway-Refused") or self.json().get("code")
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
        self._verify = context(gateway.ca_file)
        self._proxied = self._client(proxy=f"http://{gateway.addresses['proxy']}")
        self._direct = httpx.Client(
            verify=context(sandbox.ca_file), trust_env=False, timeout=_TIMEOUT
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
        url = self.sandbox.named_url("siteminder") + SERVICE
        return self._read(self._proxied, url, hotel, (key or self.key).reveal())

    def pull_without_key(self, hotel: str, key: str = "") -> Answer:
        """The same without a key, or with any text for one."""
        return self._read(self._proxied, self.sandbox.named_url("siteminder") + SERVICE, hotel, key)

    def pull_at_endpoint(self, hotel: str) -> Answer:
        """The same at a URL of the gateway."""
        url = f"https://{self.gateway.addresses['endpoints']}/siteminder/services/SANDBOX"
        return self._read(self._endpoint, url, hotel, self.key.reveal())

    def pull_without_gateway(self, hotel: str) -> Answer:
        """What SiteMinder answers when nobody stands between."""
        return self._read(self._direct, self.sandbox.url("siteminder") + SERVICE, hotel, "")

    def order(self, xml: str) -> Answer:
        """A pull as a client of PAYCOMET's SiteMinder proxy posts it."""
        url = f"https://{self.gateway.addresses['endpoints']}/api/v1/siteminder"
        headers = {"PAYCOMET-API-TOKEN": self.key.reveal()}
        return _answer(self._endpoint.post(url, data={"xml": xml}, headers=headers))

    def hang_up(self, hotel: str, name: str) -> Answer:
        """A pull called `name` through the proxy, left when the answer's head is there: its text is
        empty."""
        authority = self.sandbox.named_url("siteminder").removeprefix("https://")
        body = self._pull(hotel)
        named = self._headers(self.key.reveal()) | {
            "Host": authority,
            "Content-Length": str(len(body)),
            "X-Gateway-Exchange": name,
        }
        lines = "".join(f"{header}: {value}\r\n" for header, value in named.items())
        host, _, port = self.gateway.addresses["proxy"].partition(":")
        with socket.socket() as plain:
            for option in _SMALL:
                plain.setsockopt(*option)
            plain.settimeout(_TIMEOUT)
            plain.connect((host, int(port)))
            plain.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
            _head(plain)
            name_of_host = authority.partition(":")[0]
            with self._verify.wrap_socket(plain, server_hostname=name_of_host) as secure:
                secure.sendall(f"POST {SERVICE} HTTP/1.1\r\n{lines}\r\n{body}".encode())
                return _head(secure)

    def _read(self, client: httpx.Client, url: str, hotel: str, key: str) -> Answer:
        return _answer(client.post(url, content=self._pull(hotel), headers=self._headers(key)))

    def _pull(self, hotel: str) -> str:
        who = self.sandbox.siteminder.settings
        return read_request(hotel, who.username, who.password)

    @staticmethod
    def _headers(key: str) -> dict[str, str]:
        named = {"Content-Type": "text/xml; charset=utf-8"}
        return named | {"X-Api-Key": key} if key else named

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
        return self.send("POST", url, body, named | {"Content-Type": "application/json"})

    def send(
        self,
        method: str,
        url: str,
        body: str | None,
        headers: Mapping[str, str],
        *,
        key: Secret[str] | None = None,
    ) -> Answer:
        """Any request through the proxy, with the key."""
        named = {**headers, "X-Api-Key": (key or self.key).reveal()}
        return _answer(self._proxied.request(method, url, content=body, headers=named))

    def get_without_gateway(self, url: str, headers: Mapping[str, str]) -> Answer:
        """What a partner answers when nobody stands between."""
        return _answer(self._direct.get(url, headers=dict(headers)))

    def push(self, path: str, body: str, **headers: str) -> Answer:
        """A POST of JSON to a URL of the gateway, with no key of ours."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"https://{self.gateway.addresses['endpoints']}{path}"
        return _answer(
            self._endpoint.post(
                url, content=body, headers={"Content-Type": "application/json"} | named
            )
        )

    def control(
        self, method: str, path: str, key: Secret[str], *, once: str = "", content: object = None
    ) -> Answer:
        """A call of the control API; `once` is its Idempotency-Key, `content` is sent as JSON."""
        headers = {"X-Api-Key": key.reveal()} | ({"Idempotency-Key": once} if once else {})
        url = f"http://{self.gateway.addresses['control']}{path}"
        body = None if content is None else json.dumps(content)
        return _answer(self._direct.request(method, url, content=body, headers=headers))

    def get(self, listener: str, path: str) -> Answer:
        """A GET at the gateway's control or metrics port."""
        return _answer(self._direct.get(f"http://{self.gateway.addresses[listener]}{path}"))

    def _client(self, proxy: httpx.Proxy | str | None = None) -> httpx.Client:
        return httpx.Client(proxy=proxy, verify=self._verify, trust_env=False, timeout=_TIMEOUT)


def _head(stream: socket.socket) -> Answer:
    """Reads the head of an answer, sign by sign. Raises OSError."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        got = stream.recv(1)
        if not got:
            raise OSError("closed before its answer")
        data += got
    first, *rest = data.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in rest if line)
    headers = httpx.Headers([(name, value) for name, _, value in pairs])
    return Answer(int(first.split(" ")[1]), "", headers)


def context(ca: Path) -> ssl.SSLContext:
    """Trusts what this authority signed, and nothing else."""
    return ssl.create_default_context(cafile=ca)


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.text, response.headers)
