"""The control application on a real port, with keys in a table in memory: for tests of its parts."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime

import requests

from gateway.access.clients import Access
from gateway.access.keys import NewKey, create
from gateway.config import Config
from gateway.config_values import parse_bind
from gateway.control import api, health
from gateway.control.port import Port
from tests.access.fakes import Table
from tests.running import LoopThread

SETTINGS = {
    "listen": {"proxy": "127.0.0.1:0"},
    "products": {
        "seaside": {"merchant_code": "a", "terminal": 1, "mode": "test"},
        "hilltop": {"merchant_code": "b", "terminal": 1, "mode": "test"},
    },
    "clients": {
        "pms": {"networks": ["127.0.0.0/8"]},
        "spa": {"networks": ["127.0.0.0/8"]},
        "ops": {"networks": ["127.0.0.0/8"]},
        "far": {"networks": ["10.0.0.0/8"]},
        "enough": {"networks": ["127.0.0.0/8"], "network_is_enough": {"scopes": ["proxy"]}},
    },
    "trusted_proxies": ["127.0.0.9"],
}


def utc_now():
    return datetime.now(UTC)


class Serving:
    """A control port: `get`, `post` with a key of `key`, answered as `requests` reads it."""

    def __init__(self, parts=(), clock=utc_now):
        config = Config.model_validate_json(json.dumps(SETTINGS))
        self.table, self.clock = Table(), clock
        self.access = Access(config, self.table, clock)
        self.app = api.mount(health.build({}), self.access, parts)
        self.loop = LoopThread()
        self.port = Port(self.app, parse_bind("127.0.0.1:0"))
        self.address = self.loop.call(self.port.open()).getsockname()
        self.session = requests.Session()
        self.session.trust_env = False

    def stop(self):
        self.session.close()
        self.loop.call(self.port.close())
        self.loop.stop()

    def key(self, *scopes, client="pms", products=("seaside",), **more):
        """A new gateway key, as text."""
        name = f"key-{len(self.table.rows)}"
        new = NewKey(name, client, scopes=scopes, products=tuple(products), **more)
        key, _ = create(self.table, new, self.clock(), "test")
        self.access.keys.refresh()
        return key.reveal()

    def get(self, path, key=None, **more):
        return self.call("GET", path, key, **more)

    def post(self, path, key=None, **more):
        return self.call("POST", path, key, **more)

    def call(self, method, path, key=None, headers=(), **more):
        headers = {"Connection": "close"} | dict(headers) | ({"X-Api-Key": key} if key else {})
        url = "http://{}:{}{}".format(*self.address, path)
        return self.session.request(method, url, headers=headers, timeout=60, **more)


@contextmanager
def serving(parts=(), **more):
    """One that is stopped at the end."""
    started = Serving(parts, **more)
    try:
        yield started
    finally:
        started.stop()


def refused(answer, status, code):
    """It is a problem with this status and code, and nothing of it may be stored."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), body
    assert body["title"]
    assert body["detail"]
    return True
