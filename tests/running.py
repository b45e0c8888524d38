"""A whole gateway beside a whole sandbox, in this process, on free ports: for tests.

`Running` starts both, hands out keys and clients, and keeps everything that was logged. Whoever
uses it speaks to it through real sockets and real TLS only.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import os
import socket
import sqlite3
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import requests
import yaml
from requests.adapters import HTTPAdapter

from gateway import log
from gateway.access.keys import NewKey, create
from gateway.cli.certs import initialise
from gateway.config import load_config, read_config
from gateway.sandbox.pull import read_request
from gateway.sandbox.server import Sandbox, fixed_ports
from gateway.worker import Worker

ROOT = Path(__file__).parent.parent
HOTELS = (
    "10107", "CVC", "CARDS", "RESERVATIONS", "ROOMS", "MIXED", "NOCARD", "MASKED", "SMX",
    "PLAINTEXT", "SENTINEL", "VIRTUAL", "SPACES", "BADEXPIRY", "PASTEXPIRY", "NONNUMERIC",
    "COMMENT", "COMMENTSPACED", "EMPTY", "PREFIX", "LATIN1", "UTF16", "WORLD", "CDATA", "CR",
    "CRCRLF", "NEWLINE", "SPACEDTAG", "QUOTES", "GZIP", "CHUNKED", "DRIP", "SLOW", "BOMB",
    "CODING", "STACKED", "DOCTYPE", "MALFORMED", "LABEL", "CUT", "STATUSLINE", "TRAILERS",
    "HEADER", "HTML500", "HTMLCARD", "BADNS", "HOTEL-A",
)  # fmt: skip

_LOG = io.StringIO()  # one process has one log, however many gateways run in it


class Prompt(HTTPAdapter):
    """Sends at once, as to servers. To proxies urllib3 does not: behind its head a body would wait
    for an acknowledgement, 40 ms each time."""

    def proxy_manager_for(self, proxy, **more):
        at_once = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        return super().proxy_manager_for(proxy, socket_options=at_once, **more)


def session_through(proxy, ca):
    """A requests.Session that uses a gateway's proxy and trusts its CA."""
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"http": proxy, "https": proxy}
    session.verify = ca
    for scheme in ("http://", "https://"):
        session.mount(scheme, Prompt())
    return session


class LoopThread:
    """An event loop of the kind that CARD_GATEWAY_LOOP names (uvloop unless `asyncio`)."""

    def __init__(self) -> None:
        if os.environ.get("CARD_GATEWAY_LOOP") == "asyncio":
            self.loop = asyncio.new_event_loop()
        else:
            import uvloop

            self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="gateway", daemon=True)
        self.thread.start()

    def call(self, work, timeout=60):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def stop(self):
        async def rest():
            until = self.loop.time() + 5
            await asyncio.sleep(0.05)  # transports that were closed get their last callbacks
            while self._open() and self.loop.time() < until:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.05)  # later on a busy machine
            left = [f"{one!r} of {one.get_protocol()!r}" for one in self._open()]
            for one in self._open():
                one.abort()
            await asyncio.sleep(0)
            await self.loop.shutdown_asyncgens()
            await self.loop.shutdown_default_executor()
            return left

        left = self.call(rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()
        assert not left, f"a gateway that stopped left these open: {left}"

    def _open(self):
        """The sockets of asyncio's own loop that are open still. uvloop closes its own by itself."""
        transports = getattr(self.loop, "_transports", {})
        return [one for one in list(transports.values()) if one._sock is not None]


def settings_for(sandbox, directory, **changes):
    """gateway.yaml for a sandbox, as plain data: free ports, the products and hotels of the tests."""
    hosts = sandbox.gateway_settings()
    settings = {
        "listen": {
            "proxy": "127.0.0.1:0",
            "endpoints": "127.0.0.1:0",
            "control": "127.0.0.1:0",
            "pages": "127.0.0.1:0",
            "metrics": "127.0.0.1:0",
        },
        "state": str(directory / "state"),
        "rules": str(ROOT / "rules"),
        "products": {
            "seaside": {"merchant_code": "seaside01", "terminal": 1, "mode": "test"},
            "hilltop": {"merchant_code": "hilltop01", "terminal": 1, "mode": "test"},
            "grand": {"merchant_code": "grand01", "terminal": 1, "mode": "live"},
        },
        "clients": {"pms": {"networks": ["127.0.0.0/8"]}},
        "callers": {
            "channel-manager": {
                "networks": ["127.0.0.0/8"],
                "header": {"name": "X-Push-Key", "value_file": str(directory / "state/push-key")},
            },
            "siteminder-push": {
                "networks": ["127.0.0.0/8"],
                "wsse": {
                    "user": "siteminder",
                    "password_file": str(directory / "state/siteminder-push-password"),
                },
            },
        },
        "hotels": {
            "siteminder": dict.fromkeys(HOTELS, "seaside")
            | {f"BULK-{n}": "seaside" for n in (1, 14, 20, 100, 1000, 10000)}
            | {"20207": "hilltop", "HOTEL-B": "hilltop"},
            "channex": {"10107": "seaside", "20207": "hilltop"},
            "siteminder-push": {"10107": "seaside", "20207": "hilltop"},
            "octorate": {"10107": "seaside", "20207": "hilltop"},
        },
        "variables": dev_variables(sandbox),
        "test_hosts": hosts,
    }
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(settings.get(name), dict):
            settings[name] = settings[name] | value
        else:
            settings[name] = value
    if (Path(settings["rules"]) / "octorate.yaml").exists():  # some tests bring rules of their own
        settings.setdefault("drafts", ["octorate"])
    return settings


@functools.cache
def shipped_variables():
    """The `variables:` of the gateway.yaml that is shipped."""
    return yaml.safe_load((ROOT / "gateway.yaml").read_text(encoding="utf-8"))["variables"]


def as_yaml(settings):
    """The text of a gateway.yaml. libyaml writes it where PyYAML has it, in a tenth of the time."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(settings, Dumper=dumper, sort_keys=False)


def dev_variables(sandbox):
    """What the packs' `forward:` may name, pointed at the sandbox."""
    shipped = shipped_variables()
    fixed = {port: listener for listener, port in fixed_ports().items()}
    variables = {}
    for name, url in shipped.items():
        moved = url
        for port, listener in fixed.items():
            moved = moved.replace(f":{port}", f":{sandbox.ports[listener]}")
        variables[name] = moved
    return variables


class Running:
    """A started gateway. `logs` is what it wrote; `directory` holds all its files."""

    def __init__(self, directory: Path, sandbox: Sandbox, **changes) -> None:
        self.directory, self.sandbox = directory, sandbox
        directory.mkdir(parents=True, exist_ok=True)
        self.config_file = directory / "gateway.yaml"
        settings = settings_for(sandbox, directory, **changes)
        self.config_file.write_text(as_yaml(settings), encoding="utf-8")
        plain = read_config(self.config_file)
        initialise(plain, plain.authority, [])
        self.config = load_config(self.config_file)
        self.logs = _LOG
        log.configure("debug", _LOG)
        self.loop = LoopThread()
        self.worker = Worker(self.config)
        self.addresses = self.loop.call(self.worker.start())

    def stop(self, grace=2.0):
        self.loop.call(self.worker.stop(grace))
        self.loop.stop()

    # --- how it is reached ------------------------------------------------------------------------

    @property
    def ca(self):
        return str(self.config.authority / "mitmproxy-ca-cert.pem")

    @property
    def proxy(self):
        return "http://{}:{}".format(*self.addresses.proxy)

    @property
    def endpoints(self):
        return f"https://localhost:{self.addresses.endpoints[1]}"

    def control(self, path):
        return requests.get("http://{}:{}{}".format(*self.addresses.control, path), timeout=60)

    def metrics(self):
        return requests.get("http://{}:{}/metrics".format(*self.addresses.metrics), timeout=60).text

    def key(
        self,
        *,
        scopes=("proxy", "detokenize"),
        products=("seaside", "hilltop"),
        client="pms",
        **more,
    ):
        """A new gateway key, as text."""
        name = f"test-{os.urandom(4).hex()}"
        new = NewKey(name, client, scopes=tuple(scopes), products=tuple(products), **more)
        key, _ = create(self.worker._vault.keys, new, datetime.now(UTC), "test")
        self.worker._access.keys.refresh()
        return key.reveal()

    def secret(self, name):
        return (self.directory / "state" / name).read_text(encoding="utf-8").strip()

    def session(self, key=None, *, connect_key=False):
        """A requests.Session that uses the proxy and trusts its CA; `key` in X-Api-Key."""
        proxy = self.proxy
        if connect_key:
            proxy = proxy.replace("http://", f"http://pms:{key}@")
        session = session_through(proxy, self.ca)
        if key and not connect_key:
            session.headers["X-Api-Key"] = key
        return session

    def endpoint_session(self, key=None):
        """The same for the gateway's own URLs."""
        session = requests.Session()
        session.trust_env = False
        session.verify = self.ca
        if key:
            session.headers["X-Api-Key"] = key
        return session

    # --- what a PMS does --------------------------------------------------------------------------

    def pull(self, hotel, *, session=None, base=None, **more):
        """Posts the OTA_ReadRQ of `hotel`; the response."""
        who = self.sandbox.siteminder.settings
        base = base or self.sandbox.named_url("siteminder")
        session = session or self.session(self.key())
        more.setdefault("headers", {})
        more["headers"] = {"Content-Type": "text/xml; charset=utf-8"} | more["headers"]
        return session.post(
            f"{base}/pmsxchangev2/services/SANDBOX",
            data=read_request(hotel, who.username, who.password).encode(),
            **{"timeout": 60} | more,
        )

    def paycomet(self, hotel="10107", *, session=None, url=None, token=None, **changes):
        """Posts a pull as a client of PAYCOMET's proxy does; `changes` are fields of `xml`."""
        who = self.sandbox.siteminder.settings
        values = {
            "username": who.username,
            "password": who.password,
            "requestor_id": "SANDBOX",
            "requestor_type": "22",
            "hotel_code": hotel,
            "selection_criteria": "Undelivered",
            "url": url or f"{self.sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX",
            "ds_merchant_code": "seaside01",
            "ds_merchant_terminal": "1",
        } | changes
        fields = {name: f"<{name}>{escape(value)}</{name}>" for name, value in values.items()}
        asked = "".join(list(fields.values())[:6])
        product = fields["ds_merchant_code"] + fields["ds_merchant_terminal"]
        xml = (
            f"<root><booking><xml><request>{asked}</request></xml>{fields['url']}</booking>"
            f"<paytpv>{product}</paytpv></root>"
        )
        headers = {} if token == "" else {"PAYCOMET-API-TOKEN": token or self.key()}
        with contextlib.ExitStack() as stack:
            session = session or stack.enter_context(self.endpoint_session())
            return session.post(
                f"{self.endpoints}/api/v1/siteminder",
                data={"xml": xml},
                headers=headers,
                timeout=60,
            )

    def upstream_bytes(self, hotel):
        """What SiteMinder answers for `hotel` when nobody stands between."""
        with self.direct() as session:
            return self.pull(hotel, session=session, base=self.sandbox.url("siteminder"))

    @contextmanager
    def direct(self):
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.sandbox.ca_file)
            yield session

    # --- what is left behind ----------------------------------------------------------------------

    def rows(self, query):
        """What the vault's database holds, read by another connection."""
        database = sqlite3.connect(f"file:{self.config.database}?mode=ro", uri=True)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def everything_written(self):
        """Every byte of every file that it wrote, and its log."""
        yield "log", self.logs.getvalue().encode()
        for path in sorted(self.directory.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self.directory)), path.read_bytes()
