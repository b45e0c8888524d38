"""`/v1/processors`: credentials come in and never go out; set as a whole, once, in the audit."""

from __future__ import annotations

import json
import sqlite3

import pytest

from gateway.errors import RecordDamaged
from gateway.processors.model import Ended
from gateway.vault.credentials import CredentialTable
from tests.processors.orders import keep, order, run, set_credentials

PATH = "/v1/processors/sandbox/credentials"
VALUE = "sandbox-canary-0417"


@pytest.fixture
def admin(gateway):
    return gateway.key(scopes=("admin",), products=("seaside",))


def put(gateway, key, body, *, product="seaside", path=PATH, **headers):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.api("PUT", f"{path}?product={product}", key, data=text, headers=named)


def erase(gateway, key, *, product="seaside", path=PATH, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.api("DELETE", f"{path}?product={product}", key, headers=named)


def code_of(answer):
    return answer.status_code, answer.json()["code"]


def entries(gateway):
    return gateway.rows(
        "select outcome, client, product, route, detail from audit"
        " where action like 'credentials%' order by id"
    )


def test_they_are_set_and_never_shown(gateway, admin):
    answer = put(gateway, admin, {"key": VALUE})
    assert answer.status_code == 200, answer.text
    shown = gateway.api("GET", f"{PATH}?product=seaside", admin)
    listed = gateway.api("GET", "/v1/processors", admin)
    assert shown.json() == answer.json()
    assert answer.json()["names"] == ["key"]
    assert answer.json()["set_by"]
    assert answer.json()["set_at"]
    for one in (answer, shown, listed):
        assert VALUE not in one.text
        assert one.headers["Cache-Control"] == "no-store"
    assert entries(gateway)[-1] == ("done", "pms", "seaside", "control/processors", "sandbox")
    for name, content in gateway.everything_written():
        assert VALUE.encode() not in content, name
    set_credentials(gateway, "seaside", "sandbox")


def test_the_list_says_what_each_can_do_and_who_uses_it(gateway):
    key = gateway.key(scopes=("charges",), products=("seaside",))
    found = {
        one["name"]: one for one in gateway.api("GET", "/v1/processors", key).json()["processors"]
    }
    assert set(found) == {"bookingsync", "paycomet", "sandbox", "stripe"}
    assert found["bookingsync"]["operations"] == ["debit", "look"]
    assert found["stripe"]["credentials"] == ["secret_key"]
    assert found["stripe"]["products"] == []
    assert found["sandbox"]["products"] == ["seaside"]  # hilltop's is none of this key's business
    assert [one["product"] for one in found["sandbox"]["set"]] == ["seaside"]


def test_none_set_is_shown_as_none(gateway):
    key = gateway.key(scopes=("admin",), products=("grand",))
    shown = gateway.api("GET", f"{PATH}?product=grand", key).json()
    assert (shown["names"], shown["set_at"], shown["set_by"]) == ([], None, None)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, [("key", "missing")]),
        ({"key": "a", "kye": "b"}, [("", "not_a_credential")]),
        ({"key": ""}, [("key", "not_a_credential_value")]),
        ({"key": 7}, [("key", "not_a_credential_value")]),
        ({"key": "a\nb"}, [("key", "not_a_credential_value")]),
        ({"key": "x" * 4097}, [("key", "not_a_credential_value")]),
        ([], [("", "not_a_json_object")]),
        ("{", [("", "not_a_json_object")]),
        ('{"key": "a", "key": "b"}', [("", "not_a_json_object")]),
        (b"\xff", [("", "not_a_json_object")]),
    ],
)
def test_a_body_that_is_wrong(gateway, admin, body, wrong):
    before = len(entries(gateway))
    answer = put(gateway, admin, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "request_invalid")
    assert [(one["name"], one["problem"]) for one in answer.json()["errors"]] == wrong
    assert len(entries(gateway)) == before


def test_p28_only_an_administrator_of_the_product_sets_them(gateway, admin):
    charges = gateway.key(scopes=("charges", "cards", "detokenize"), products=("seaside",))
    assert put(gateway, charges, {"key": "a"}).json()["code"] == "scope_missing"
    assert gateway.api("GET", f"{PATH}?product=seaside", charges).json()["code"] == "scope_missing"
    cards = gateway.key(scopes=("cards",), products=("seaside",))
    assert gateway.api("GET", "/v1/processors", cards).json()["code"] == "scope_missing"
    for product in ("hilltop", "nowhere"):  # the two can not be told apart
        answer = put(gateway, admin, {"key": "a"}, product=product)
        assert (answer.status_code, answer.json()["code"]) == (403, "product_not_permitted")
    everything = gateway.key(scopes=("admin",), products=())
    assert put(gateway, everything, {"key": "a"}, product="nowhere").json()["code"] == (
        "product_unknown"
    )


def test_an_unknown_processor(gateway, admin):
    answer = put(gateway, admin, {"key": "a"}, path="/v1/processors/nobody/credentials")
    assert (answer.status_code, answer.json()["code"]) == (404, "processor_unknown")


def test_the_same_request_again_is_answered_the_same_and_sets_nothing(gateway, admin):
    first = put(gateway, admin, {"key": "sandbox-a"}, Idempotency_Key="once-1")
    put(gateway, admin, {"key": "sandbox-b"}, Idempotency_Key="once-2")
    again = put(gateway, admin, {"key": "sandbox-a"}, Idempotency_Key="once-1")
    assert (again.status_code, again.content) == (200, first.content)
    table: CredentialTable = gateway.worker._vault.credentials
    kept = gateway.loop.call(table.read("seaside", "sandbox"))
    assert kept["key"].reveal() == "sandbox-b"
    assert entries(gateway)[-1][-1] == "repeated"
    other = put(gateway, admin, {"key": "sandbox-c"}, Idempotency_Key="once-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert entries(gateway)[-1][0] == "refused"
    set_credentials(gateway, "seaside", "sandbox")


def test_they_are_erased_for_good(gateway, admin):
    put(gateway, admin, {"key": VALUE})
    set_credentials(gateway, "hilltop", "sandbox")
    for once in ("erase-1", "erase-1", "erase-2"):  # again, and where none are left
        assert erase(gateway, admin, Idempotency_Key=once).status_code == 204
    assert gateway.api("GET", f"{PATH}?product=seaside", admin).json()["names"] == []
    left = gateway.rows("select product from processor_credential where processor = 'sandbox'")
    assert left == [("hilltop",)]
    (first, repeated, second) = entries(gateway)[-3:]
    assert first == second == ("done", "pms", "seaside", "control/processors", "sandbox")
    assert repeated[-1] == "repeated"
    refused = run(gateway, "debit", order(keep(gateway)))
    assert (refused.ended, refused.code) == (Ended.FAILED, "credentials_missing")
    set_credentials(gateway, "seaside", "sandbox")
    assert run(gateway, "debit", order(keep(gateway))).ended is Ended.SUCCEEDED
    hilltop = gateway.key(scopes=("admin",), products=("hilltop",))
    assert erase(gateway, hilltop, product="hilltop").status_code == 204  # as it was


def test_p28_only_an_administrator_of_the_product_erases_them(gateway, admin):
    charges = gateway.key(scopes=("charges",), products=("seaside",))
    assert code_of(erase(gateway, charges)) == (403, "scope_missing")
    assert code_of(erase(gateway, admin, product="hilltop")) == (403, "product_not_permitted")
    nobody = erase(gateway, admin, path="/v1/processors/nobody/credentials")
    assert code_of(nobody) == (404, "processor_unknown")
    assert gateway.api("GET", f"{PATH}?product=seaside", admin).json()["names"] == ["key"]


def test_those_of_a_processor_without_a_file_are_erased_as_well(gateway, admin):
    database = sqlite3.connect(gateway.config.database)
    with database:
        database.execute(
            "insert into processor_credential select product, 'gone', names, sealed, set_at,"
            " set_by from processor_credential where product = 'seaside' and processor = 'sandbox'"
        )
    database.close()
    gone = "/v1/processors/gone/credentials"
    hilltop = gateway.key(scopes=("admin",), products=("hilltop",))
    assert code_of(erase(gateway, hilltop, product="hilltop", path=gone)) == (
        404, "processor_unknown",
    )  # fmt: skip
    assert erase(gateway, admin, path=gone).status_code == 204
    assert code_of(erase(gateway, admin, path=gone)) == (404, "processor_unknown")
    assert gateway.rows("select * from processor_credential where processor = 'gone'") == []


def test_p17_credentials_that_were_moved_to_another_product_do_not_open(gateway):
    set_credentials(gateway, "seaside", "stripe")
    database = sqlite3.connect(gateway.config.database)
    with database:
        database.execute(
            "insert into processor_credential select 'grand', processor, names, sealed, set_at,"
            " set_by from processor_credential where product = 'seaside' and processor = 'stripe'"
        )
    database.close()
    table = gateway.worker._vault.credentials
    with pytest.raises(RecordDamaged):
        gateway.loop.call(table.read("grand", "stripe"))
    assert gateway.loop.call(table.read("seaside", "stripe"))["secret_key"].reveal()
