"""The format of records is as `docs/record-format.md` says, by a reader and a writer that are not ours."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault import envelope
from gateway.vault.envelope import Sealer, place
from gateway.vault.hashes import KeyedHash
from gateway.vault.kek.file import KekFile
from tests.vault import decoder
from tests.vault.makers import PAN, card, keep, new, opened, rows

DOCS = Path(__file__).parents[2] / "docs"
VECTORS = json.loads((DOCS / "record-format.json").read_text(encoding="utf-8"))
KEYRING = {row["purpose"]: row for row in VECTORS["keyring"]}


def named(rows):
    return [pytest.param(row, id=row["name"]) for row in rows]


def hexed(row, *names):
    return [bytes.fromhex(row[name]) for name in names]


def where(row):
    at = row["place"]
    return place(
        at["field"], at["product"], at["iduser"], test=at["test"], row=bytes.fromhex(at["row"])
    )


def keys_of(purpose):
    row = KEYRING[purpose]
    return {row["id"]: bytes.fromhex(row["key"])}


def our(purpose):
    row = KEYRING[purpose]
    return Sealer({row["id"]: Secret(bytes.fromhex(row["key"]))}, row["id"])


# --- the reader itself ----------------------------------------------------------------------------


def test_the_other_reader_is_no_work_of_ours():
    tree = ast.parse(Path(decoder.__file__).read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported == {"__future__", "hashlib", "hmac", "struct"}


@settings(max_examples=15, deadline=None)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=12, max_size=12),
    st.binary(max_size=40),
    st.binary(max_size=40),
)
def test_its_gcm_is_everybodys(key, nonce, data, aad):
    ciphertext, tag = decoder.gcm(key, nonce, data, aad, opens=False)
    assert ciphertext + tag == AESGCM(key).encrypt(nonce, data, aad)


# --- the vectors ----------------------------------------------------------------------------------


def test_the_keyring_of_the_vectors_opens(tmp_path):
    file = tmp_path / "kek"
    file.write_text(VECTORS["kek"], encoding="ascii")
    file.chmod(0o600)
    theirs = decoder.read_kek(VECTORS["kek"])
    for purpose, row in KEYRING.items():
        wrapped, key = hexed(row, "wrapped", "key")
        slot = place(f"keyring:{purpose}", "", row["id"], test=False)
        assert KekFile(file).load().open(wrapped, slot) == key
        assert decoder.read_keyring(theirs, [(row["id"], purpose, wrapped)]) == {
            purpose: {row["id"]: key}
        }


@pytest.mark.parametrize("row", named(VECTORS["records"]))
def test_a_record_of_the_vectors_is_read_and_written_by_both(row, monkeypatch):
    sealed, plaintext = hexed(row, "sealed", "plaintext")
    assert our(row["purpose"]).open(sealed, where(row)) == plaintext
    at = row["place"]
    theirs = decoder.place(
        at["field"], at["product"], at["iduser"], at["test"], bytes.fromhex(at["row"])
    )
    assert theirs == where(row)
    assert decoder.open_record(keys_of(row["purpose"]), sealed, theirs) == plaintext
    drawn = [sealed[5:21], sealed[53:65]]  # salt and nonce
    monkeypatch.setattr(envelope.os, "urandom", lambda _: drawn.pop(0))
    assert our(row["purpose"]).seal(plaintext, where(row)) == sealed


@pytest.mark.parametrize("row", named(VECTORS["hashes"]))
def test_a_hash_of_the_vectors_is_both_ours(row):
    ((key_id, key),) = keys_of(row["purpose"]).items()
    parts = [part.encode() for part in row["parts"]]
    (said,) = hexed(row, "hash")
    assert KeyedHash({key_id: Secret(key)}, key_id).digest(*parts) == said
    assert decoder.keyed_hash(key, key_id, parts) == said


def test_p17_p18_what_does_not_open_here_does_not_open_there():
    row = VECTORS["records"][0]
    keys, sealer = keys_of(row["purpose"]), our(row["purpose"])
    (sealed,) = hexed(row, "sealed")
    for at in range(0, 8 * len(sealed), 37):
        flipped = bytearray(sealed)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(RecordDamaged):
            sealer.open(bytes(flipped), where(row))
        with pytest.raises(decoder.Damaged):
            decoder.open_record(keys, bytes(flipped), where(row))
    for other in VECTORS["records"][1:]:
        with pytest.raises(decoder.Damaged):
            decoder.open_record(keys, sealed, where(other))


# --- a whole vault --------------------------------------------------------------------------------


def test_a_vault_is_read_with_its_kek_and_nothing_of_ours(tmp_path):
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, new())
    with rows(tmp_path) as database:
        ring = database.execute("SELECT id, purpose, wrapped FROM keyring").fetchall()
        (found,) = database.execute(
            "SELECT product, test, look_up, iduser, tokenuser_hash, sealed FROM card"
        ).fetchall()
        (link,) = database.execute("SELECT booking_hash, sealed FROM link").fetchall()
    keys = decoder.read_keyring(decoder.read_kek((tmp_path / "kek").read_text("ascii")), ring)

    product, test, look_up, iduser, hashed, sealed = found
    at = decoder.place("card", product, iduser, bool(test), b"")
    assert decoder.open_record(keys["data"], sealed, at).split() == [
        PAN.encode(), b"2029-08", kept.token.tokenuser.encode(),
    ]  # fmt: skip
    at = decoder.place("link", product, iduser, bool(test), link[0])
    said = json.loads(decoder.open_record(keys["data"], link[1], at))
    assert said == {"holder": card().holder.reveal(), "booking_id": "RES-1"}
    for purpose, stored, parts in (
        ("look_up", look_up, [product, "test" if test else "live", PAN, "2029-08"]),
        ("tokenuser", hashed, [str(iduser), kept.token.tokenuser]),
        ("booking", link[0], ["11", "siteminder", "10107", "RES-1"]),
    ):
        ((key_id, key),) = keys[purpose].items()
        assert decoder.keyed_hash(key, key_id, [part.encode() for part in parts]) == stored
