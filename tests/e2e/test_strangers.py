"""The packs of strangers at work: each message through real sockets, compared byte for byte.

`tests/rules/test_strangers.py` puts them through the pipeline. Here they have a vault, a partner and a PMS.
Each route gets a host of its own, and no hotel: which request a route takes is others' subject.
"""

from __future__ import annotations

import json
import re

import pytest
import yaml

from gateway.sandbox.faults import Fault, FaultServer
from gateway.sandbox.tls import server_context
from tests.e2e.test_charge import keep
from tests.rules.strangers import files, messages_of, pack_of
from tests.running import Running

_TOKEN = re.compile(rb"tok_\d+_Example\d{6}")
_REAL = re.compile(rb"tok_test_[0-9A-Za-z_-]+")
# Tokens as two fields, as digits, or of a processor's own, or a booking's last: they name what only a
# rehearsal has.
_INVENTED = re.compile(rb"Foreign\d|(?<!_)Example\d{6}|99000000000")
PACKS = [pytest.param(file, id=file.stem) for file in files()]


class Partner(FaultServer):
    """Answers every request with `answer`, labelled as `label`, and keeps what it received."""

    def __init__(self, context):
        super().__init__("close_after_request", context=context)
        self.answer, self.label = b"", "text/plain"
        self.fault = Fault(self._write)

    def _write(self, card):
        del card
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {self.label}\r\nContent-Length: {len(self.answer)}"
        )
        return [f"{head}\r\nConnection: close\r\n\r\n".encode() + self.answer]

    def take(self):
        """The bodies that came since."""
        bodies = [one.partition(b"\r\n\r\n")[2] for one in self.received if one]
        self.received.clear()
        return bodies


def moved(file, number):
    """A pack whose routes have hosts and paths of their own, any method, and no hotel."""
    pack = yaml.safe_load(pack_of(file)) | {"system": f"s{number}"}
    pack.pop("examples", None)
    for shape in pack.get("shapes", {}).values():
        shape.pop("hotel", None)
    for at, route in enumerate(pack["routes"]):
        route["methods"] = ["POST"]
        route.pop("auth", None)
        if "at" in route:
            route.pop(
                "response", None
            )  # the sandbox's PMS has no TLS, as an answer with cards must
            route |= {"at": f"/s{number}/r{at}", "forward": "{pms}/strangers"}
        else:
            route["to"] = f"https://s{number}-r{at}.example/x"
    return pack


class At:
    """One gateway with all packs, and how to reach each."""

    def __init__(self, directory, sandbox, partner):
        rules, hosts = directory / "rules", {}
        rules.mkdir()
        self.packs = {file.stem: moved(file, number) for number, file in enumerate(files())}
        for stem, pack in self.packs.items():
            (rules / f"{stem}.yaml").write_text(json.dumps(pack), "utf-8")  # YAML, and quoted
            for route in pack["routes"]:
                if "to" in route:
                    host = route["to"].split("/")[2]
                    here = f"{host.removesuffix('.example')}.sandbox.test:{partner.port}"
                    hosts[here] = {
                        "stands_for": host, "address": "127.0.0.1", "ca": str(sandbox.ca_file),
                    }  # fmt: skip
        self.sandbox, self.partner = sandbox, partner
        self.gateway = Running(directory, sandbox, rules=str(rules), test_hosts=hosts)
        # Another product's card: what comes in by a message would change the holder of its own.
        self.takes = self.gateway.key(products=("seaside",))
        self.charges = self.gateway.key(products=("hilltop",))
        self.token = keep(self.gateway, "4111111111111111", product="hilltop").alias.encode()

    def through(self, stem, message):
        """What came out of a message at its other side, and the answer that its caller got."""
        route = next(one for one in self.packs[stem]["routes"] if one["name"] == message.route)
        asks = message.way == "request"
        before = _TOKEN.sub(self.token, message.before) if asks else b""
        self.partner.answer, self.partner.label = b"" if asks else message.before, message.label
        self.sandbox.received.clear()
        self.partner.take()
        headers = {"Content-Type": message.label if asks else "text/plain"}
        key = self.charges if "detokenize" in route.get("request", {}) else self.takes
        if "at" in route:
            with self.gateway.endpoint_session(key) as session:
                url = self.gateway.endpoints + route["at"]
                answer = session.post(url, data=before, headers=headers, timeout=20)
            arrived = [one.body for one in self.sandbox.received.requests("pms")]
        else:
            with self.gateway.session(key) as session:
                host = route["to"].split("/")[2].removesuffix(".example")
                url = f"https://{host}.sandbox.test:{self.partner.port}/x"
                answer = session.post(url, data=before, headers=headers, timeout=20)
            arrived = self.partner.take()
        return (answer.content if message.way == "response" else b"".join(arrived)), answer


@pytest.fixture(scope="module")
def at(sandbox, tmp_path_factory):
    with Partner(server_context(sandbox.directory)) as partner:
        made = At(tmp_path_factory.mktemp("strangers"), sandbox, partner)
        yield made
        made.gateway.stop()


@pytest.mark.parametrize("file", PACKS)
def test_p03_p15_a_strangers_message_through_a_gateway(at, file):
    for message in messages_of(file):
        route = next(one for one in at.packs[file.stem]["routes"] if one["name"] == message.route)
        pushed_back = message.way == "response" and "at" in route
        coded = "detokenize" in route.get("request", {}) and b"tok_" not in message.before
        if pushed_back or coded or _INVENTED.search(message.before + message.after):
            continue
        out, answer = at.through(file.stem, message)
        if message.refused is not None:
            assert answer.headers["X-Gateway-Refused"] == message.refused
            assert message.way == "response" or out == b""
            continue
        if message.way == "response":  # the sandbox's PMS and partner know none of the requests
            assert answer.status_code == 200, answer.text
        assert _REAL.sub(b"TOKEN", out) == _TOKEN.sub(b"TOKEN", message.after)
