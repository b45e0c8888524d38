"""The pages' port, with TLS, a vault and a kind of page that a test brings."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from datetime import timedelta

import requests
import yaml

from gateway.access.clients import Access
from gateway.audit import Action, Entry, Outcome
from gateway.cli.certs import initialise
from gateway.config import read_config
from gateway.pages import parts
from gateway.pages.about import About
from gateway.pages.links import NewLink
from gateway.pages.served import Page
from gateway.vault.link import LinkKind
from tests.access.fakes import Table
from tests.running import LoopThread
from tests.vault.makers import NOON, Clock, opened

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><rect width="8" height="4" fill="#0b57a4"/></svg>'
SETTINGS = {
    "listen": {"pages": "127.0.0.1:0"},
    "products": {
        "seaside": {
            "merchant_code": "a",
            "terminal": 1,
            "mode": "test",
            "pages": {
                "name": "Hotel <Seaside> & Co",
                "logo": "logo.svg",
                "origins": ["https://pms.example", "https://pms.example:8443"],
            },
        },
        "hilltop": {
            "merchant_code": "b",
            "terminal": 1,
            "mode": "test",
            "pages": {"name": "Hilltop", "language": "de"},
        },
        "plain": {"merchant_code": "c", "terminal": 1, "mode": "test"},
    },
    "clients": {"pms": {"networks": ["127.0.0.0/8"]}},
}
NOTHING = About()
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
NONCE = re.compile(r'nonce="[^"]+"')


class Pages:
    """A port: `get` and `post` as a browser without cookies would, `link` makes a URL."""

    def __init__(self, directory, vault, clock, kinds, settings):
        (directory / "logo.svg").write_bytes(SVG)
        file = directory / "gateway.yaml"
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.config = read_config(file)
        initialise(self.config, self.config.authority, [])
        self.directory, self.vault, self.clock = directory, vault, clock
        self.access = Access(self.config, Table(), clock)
        self.parts = parts.build(self.config, vault, self.access, clock)
        made = [kind(self) for kind in kinds]
        self.loop = LoopThread()
        self.port = self.parts.port(*made)
        self.number = self.loop.call(self.port.open()).getsockname()[1]
        self.base = f"https://localhost:{self.number}"
        self.parts.links.listens_on(self.number)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(self.config.authority / "mitmproxy-ca-cert.pem")
        self.session.headers.update({"Accept-Language": "en", "Connection": "close"})

    def stop(self):
        self.session.close()
        self.loop.call(self.port.close())
        self.loop.stop()

    def link(self, kind=LinkKind.CAPTURE, product="seaside", about=NOTHING, **more):
        """A link's id and its URL as it would be shown."""
        language = more.pop("language", None)
        expires = NOON + timedelta(hours=1)
        new = NewLink(kind, "pms", product, language, expires, about, more)
        made = self.parts.links.make(new)
        entry = Entry(NOON, made.link.row.id, Action.LINK_CREATE, Outcome.INTENT, "pms")
        asyncio.run(self.parts.links.create(made, entry, None, b""))
        url = made.url.reveal().replace(self.parts.links.base, self.base)
        return made.link.row.id, url

    def get(self, url, **more):
        return self.call("GET", url, **more)

    def post(self, url, data=None, *, token=None, **more):
        if token is None:
            token = self.token(self.get(url).text)
        return self.call("POST", url, data={"form_token": token} | (data or {}), **more)

    def token(self, html):
        found = TOKEN.search(html)
        return found[1] if found else ""

    def call(self, method, url, **more):
        url = url if url.startswith("https:") else self.base + url
        more.setdefault("allow_redirects", False)
        return self.session.request(method, url, timeout=60, **more)


@contextmanager
def serving(directory, *kinds, step=None, **changes):
    """One that is stopped at the end; `kinds` are made with it."""
    clock = Clock()
    settings = SETTINGS | {"state": str(directory / "state")} | changes
    more = {} if step is None else {"step": step}
    with opened(directory, clock=clock, **more) as vault:
        started = Pages(directory, vault, clock, kinds, settings)
        try:
            yield started
        finally:
            started.stop()


def policy_of(answer):
    """The content security policy, by directive."""
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {part.partition(" ")[0]: part.partition(" ")[2] for part in parts}


def page_of(answer):
    """An answer as `pages verify` looks at it."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Page(answer.url, answer.status_code, headers, answer.text)


def said_by(answer):
    """An answer's HTML but for its nonce, which no two have alike."""
    return NONCE.sub('nonce=""', answer.text)
