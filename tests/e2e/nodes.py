"""Several gateways, each a process with ports, state and authority of its own, on one PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg

from gateway.cards.token import Token
from gateway.sandbox.push import Credential, push_json
from gateway.vault.configured import open_vault
from gateway.vault.model import Wanted
from tests import postgres
from tests.e2e.process import BULK, IDUSER, Site

_BREATH = 0.1  # seconds


class Nodes:
    """`sites`: one for each gateway. All have one KEK, each in a file of its own as docs/scale.md says."""

    def __init__(self, directory, sandbox, count=4) -> None:
        self.server = postgres.Server()
        self.sites = []
        for number in range(count):
            site = Site(
                directory / f"node-{number}", sandbox,
                hotels=BULK | {"channex": {"10107": "seaside"}}, vault={"url": f"postgresql://postgres@/postgres?host={self.server.data}"},
            )  # fmt: skip
            if self.sites:
                kek = site.config.state / "kek"
                kek.write_bytes((self.sites[0].config.state / "kek").read_bytes())
                kek.chmod(0o600)
            else:
                open_vault(site.config).close()  # makes the KEK
            self.sites.append(site)
        self.key = self.sites[0].key()
        self.processes = [site.start() for site in self.sites]

    def close(self) -> None:
        for site in self.sites:
            site.close()
        self.server.close()

    def at_once(self, act):
        """What `act` gives of each node, called for all at the same time."""
        with ThreadPoolExecutor(len(self.sites)) as pool:
            return list(pool.map(act, range(len(self.sites))))

    def pull(self, number, hotel):
        """The answer that a node gives."""
        process = self.processes[number]
        with process.session(self.key) as session:
            return process.pull(session, hotel)

    def tokens(self, number, hotel):
        answer = self.pull(number, hotel)
        assert answer.status_code == 200, answer.text
        return IDUSER.findall(answer.text)

    def push(self, number, booking):
        """The channel manager pushes a booking to one of them."""
        site = self.sites[number]
        secret = (site.config.state / "push-key").read_text("utf-8").strip()
        return push_json(
            f"https://localhost:{site.ports['endpoints']}/push/channex", booking=booking,
            credential=Credential(header=("X-Push-Key", secret)),
            ca=site.config.authority / "mitmproxy-ca-cert.pem",
        )  # fmt: skip

    def rows(self, query):
        with psycopg.connect(self.server.url) as connection:
            return connection.execute(query).fetchall()

    def execute(self, statement) -> int:
        """How many rows it changed."""
        with psycopg.connect(self.server.url) as connection:
            return connection.execute(statement).rowcount

    def named(self, column):
        """The ids of the keys that a column names."""
        found = self.rows(
            f"SELECT DISTINCT {column.under()} FROM {column.table} WHERE {column.name} IS NOT NULL"
        )
        return {int.from_bytes(one, "big") for (one,) in found}

    def under(self, table, key) -> int:
        """How many rows of a table are sealed under a key."""
        named = f"decode('{key:08x}', 'hex')"
        ((count,),) = self.rows(
            f"SELECT count(*) FROM {table} WHERE substr(sealed, 2, 4) = {named}"
        )
        return count

    def opened(self, pairs):
        """The numbers that tokens open to, read beside the gateways; None where one opens nothing."""
        of = frozenset({"seaside"})
        wanted = [Wanted(Token(int(one), other, test=True), of) for one, other in pairs]
        vault = open_vault(self.sites[0].config)
        try:
            found = asyncio.run(vault.find(wanted))
            assert vault.audit.check().findings == []
        finally:
            vault.close()
        return [None if one is None else one.card.pan.reveal() for one in found]


class Load:
    """Pulls of the hotels `numbers` at every node, each hotel at several, until it is ended. What was
    `answered` (hotel → tokens), how many by each node, who `refused`, whose connection was `lost`, and
    what was `wrong`."""

    def __init__(self, nodes, numbers) -> None:
        self._nodes, self._numbers, self._ending = nodes, numbers, threading.Event()
        self.answered, self.refused, self.lost, self.wrong = {}, [], [], []
        self.by_node = [0] * len(nodes.sites)
        self._threads = [
            threading.Thread(target=self._load, args=(number,), daemon=True)
            for number in range(len(nodes.sites))
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Nothing of all that was wrong, and no token is two cards'."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        assert self.wrong == []
        given = self.tokens()
        assert len(given) == len(set(given))

    def tokens(self):
        return [pair for pairs in self.answered.values() for pair in pairs]

    def _load(self, node) -> None:
        turn = 0
        while not self._ending.wait(_BREATH):  # two cores are not for the load alone
            turn += 1
            hotel = f"BULK-5-{self._numbers[(turn * 3 + node) % len(self._numbers)]}"
            try:
                answer = self._nodes.pull(node, hotel)
            except OSError:  # requests': nobody answers
                self.lost.append(node)
                self._ending.wait(0.1)
                continue
            if answer.status_code == 200:
                given = IDUSER.findall(answer.text)
                if self.answered.setdefault(hotel, given) != given or len(given) != 5:
                    self.wrong.append((hotel, given))
                self.by_node[node] += 1
            elif answer.headers.get("X-Gateway-Refused") == "vault_unavailable":
                self.refused.append(node)
            else:
                self.wrong.append((hotel, answer.status_code, answer.text))
