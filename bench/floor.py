"""What a message's cards cost at least: lxml, sealing, SQLite, with nothing of ours in between.

`python -m bench.floor DIRECTORY COUNT…` prints a JSON line with the seconds of each count. It parses
the message, seals and hashes each card, inserts three rows for it (card, booking, audit) with
synchronous FULL in one transaction, changes the message, and writes it out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import sqlite3
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from bench import messages
from bench.child import Child, python

_TABLES = """
CREATE TABLE card (id INTEGER PRIMARY KEY, look_up BLOB UNIQUE, iduser INTEGER UNIQUE,
    token_hash BLOB, sealed BLOB);
CREATE TABLE link (id INTEGER PRIMARY KEY, iduser INTEGER, booking BLOB, sealed BLOB,
    UNIQUE (iduser, booking));
CREATE TABLE audit (id INTEGER PRIMARY KEY, at TEXT, exchange TEXT, action TEXT, iduser INTEGER);
"""
_OTA = "{http://www.opentravel.org/OTA/2003/05}"


def measure(directory: Path, counts: tuple[int, ...], pinned: set[int]) -> dict[int, dict]:
    """The floor for each of `counts`, `{"wall", "cpu"}` in seconds, in a process of its own."""
    directory.mkdir()
    command = python("bench.floor", str(directory), *map(str, counts))
    child = Child(command, directory / "floor.log", pinned)
    try:
        return {int(count): spent for count, spent in json.loads(child.line()).items()}
    finally:
        child.close()


class _Floor:
    def __init__(self, directory: Path) -> None:
        self._database = sqlite3.connect(directory / "floor.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_TABLES)
        self._key, self._cipher = os.urandom(32), AESGCM(os.urandom(32))

    def run(self, body: bytes) -> bytes:
        parser = etree.XMLParser(huge_tree=True, resolve_entities=False)
        root = etree.fromstring(body, parser)
        found, linked, audited = [], [], []
        for booking in root.iter(_OTA + "HotelReservation"):
            reference = booking.find(_OTA + "UniqueID").get("ID").encode()
            for card in booking.iter(_OTA + "PaymentCard"):
                number = card.get("CardNumber")
                iduser, token = random.getrandbits(62), os.urandom(9).hex()
                content = f"{number} {card.get('ExpireDate')} {token}".encode()
                found.append(
                    (self._hash(content), iduser, self._hash(token.encode()), self._seal(content))
                )
                linked.append((iduser, self._hash(reference), self._seal(reference)))
                audited.append(("2026-01-01T00:00:00Z", "exchange", "tokenize", iduser))
                card.set("CardNumber", f"{number[:6]}******{number[-4:]}")
                added = etree.SubElement(
                    booking.find(_OTA + "ResGlobalInfo"), _OTA + "PaycometResponse"
                )
                etree.SubElement(added, _OTA + "iduser").text = str(iduser)
                etree.SubElement(added, _OTA + "tokenuser").text = token
        execute = self._database.executemany
        self._database.execute("BEGIN IMMEDIATE")
        execute("INSERT INTO card (look_up, iduser, token_hash, sealed) VALUES (?, ?, ?, ?)", found)
        execute("INSERT INTO link (iduser, booking, sealed) VALUES (?, ?, ?)", linked)
        execute("INSERT INTO audit (at, exchange, action, iduser) VALUES (?, ?, ?, ?)", audited)
        self._database.execute("COMMIT")
        return etree.tostring(root)

    def _hash(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)

    def _seal(self, content: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, content, b"place")


def _main(directory: Path, counts: list[int]) -> None:
    floor, spent = _Floor(directory), {}
    for series, count in enumerate([1, *counts]):  # the first one warms up
        body = messages.body(messages.cards(count, series))
        wall, used = time.perf_counter(), time.process_time()
        floor.run(body)
        spent[count] = {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - used,
        }
    print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), [int(count) for count in sys.argv[2:]])
