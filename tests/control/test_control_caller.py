"""Who may call the control API, and that a refusal repeats nothing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from gateway.control.border import BODY_LIMIT
from gateway.control.caller import Caller, needs
from gateway.errors import CardDisguised
from tests.control.serving import refused, serving
from tests.e2e.test_control import talk

CANARY = "4539578763621486"
router = APIRouter()


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    amount: int
    note: str = ""


@router.get("/who")
async def who(caller: Annotated[Caller, Depends(needs("proxy", "cards"))]) -> dict[str, object]:
    products = None if caller.products is None else sorted(caller.products)
    return {"client": caller.client, "key": caller.key_id, "products": products,
            "scopes": sorted(caller.scopes), "admin": caller.is_admin}  # fmt: skip


@router.get("/open")
async def open_() -> str:
    return "by mistake"


@router.post("/charge/{place}")
async def charge(place: int, body: Body, limit: int = 1) -> int:
    return place + body.amount + limit


@router.get("/broken")
async def broken() -> str:
    raise RuntimeError(CANARY)


@router.get("/refuses")
async def refuses() -> str:
    raise CardDisguised


@pytest.fixture(scope="module")
def control():
    with serving([router]) as running:
        yield running


@pytest.fixture(scope="module")
def key(control):
    return control.key("proxy")


def test_p28_a_key_is_taken_from_either_header(control):
    key = control.key("proxy", "admin", client="spa", products=())
    for headers in (
        {"X-Api-Key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer   {key} "},
        {"Authorization": f"Bearer {key}", "X-Api-Key": key},
        {"X-Api-Key": key, "X-Gateway-Product": "hilltop"},
    ):
        answer = control.get("/v1/who", headers=headers)
        assert answer.json() == {"client": "spa", "key": key[4:16], "products": None,
                                 "scopes": ["admin", "proxy"], "admin": True}  # fmt: skip
    assert control.get("/v1/who", control.key("cards")).json()["products"] == ["seaside"]


def test_p28_without_a_key_that_is_valid_here_every_call_is_refused(control, key):
    ended = control.key("proxy", expires=datetime.now(UTC) - timedelta(seconds=1))
    revoked = control.key("proxy")
    control.table.revoke(revoked[4:16], datetime.now(UTC), "test")
    control.access.keys.refresh()
    elsewhere = control.key("proxy", networks=("127.0.1.0/24",))
    for sent, code in (
        ({}, "key_required"),
        ({"X-Api-Key": ""}, "key_required"),
        ({"Authorization": ""}, "key_required"),
        ({"Authorization": "Bearer"}, "key_required"),
        ({"X-Api-Key": ended}, "key_invalid"),
        ({"X-Api-Key": revoked}, "key_invalid"),
        ({"X-Api-Key": elsewhere}, "key_invalid"),
        ({"X-Api-Key": control.key("proxy", client="far")}, "key_invalid"),
        ({"X-Api-Key": control.key("proxy", client="gone")}, "key_invalid"),
        ({"X-Api-Key": key[:-1] + "~"}, "key_invalid"),
        ({"X-Api-Key": "\xff" * 50}, "key_invalid"),
        ({"X-Api-Key": CANARY}, "key_invalid"),
        ({"Authorization": f"Basic {key}"}, "key_invalid"),
        ({"Authorization": key}, "key_invalid"),
        ({"Authorization": f"Bearer {key} {key}"}, "key_invalid"),
        ({"Proxy-Authorization": f"Bearer {key}"}, "key_required"),
        ({"PAYCOMET-API-TOKEN": key}, "key_required"),
        ({"Cookie": f"X-Api-Key={key}"}, "key_required"),
    ):  # fmt: skip
        for path in ("/v1/who", "/v1/open", "/v1/broken"):
            answer = control.get(path, headers=sent)
            assert refused(answer, 401, code), sent
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    for other in (control.key("proxy"), CANARY):
        answer = control.get(
            "/v1/who", headers={"X-Api-Key": key, "Authorization": f"Bearer {other}"}
        )
        assert refused(answer, 400, "keys_conflict")


def test_p28_a_key_without_the_scope_is_refused(control):
    for scopes in ([], ["admin"], ["detokenize", "reveal", "charges", "admin"]):
        assert refused(control.get("/v1/who", control.key(*scopes)), 403, "scope_missing")
    with pytest.raises(ValueError):
        needs()
    with pytest.raises(ValueError):
        needs("proxy", "everything")


def test_p29_the_caller_is_where_the_socket_is(control, key):
    far = control.key("proxy", client="far")
    answer = control.get("/v1/who", far, headers={"X-Forwarded-For": "10.0.0.5"})
    assert refused(answer, 401, "key_invalid")
    assert control.get("/v1/who", key, headers={"X-Forwarded-For": "192.0.2.1"}).ok


def test_p27_no_keys_no_call(control, key):
    control.table.down = True
    try:
        control.access.keys._read = None
        assert refused(control.get("/v1/who", key), 503, "vault_unavailable")
    finally:
        control.table.down = False


# --- refusals repeat nothing ----------------------------------------------------------------------


def test_p16_what_is_invalid_is_named_and_not_repeated(control, key):
    for path, body, wrong in (
        ("/v1/charge/1", {}, [("body", "amount", "missing")]),
        ("/v1/charge/1", {"amount": CANARY}, [("body", "amount", "int_type")]),
        ("/v1/charge/1", {"amount": 1, CANARY: CANARY}, [("body", "", "extra_forbidden")]),
        ("/v1/charge/1", {"amount": 1, "ana": CANARY}, [("body", "", "extra_forbidden")]),
        ("/v1/charge/1", {"amount": {"note": CANARY}}, [("body", "amount", "int_type")]),
        ("/v1/charge/1", [CANARY], [("body", "", "model_attributes_type")]),
        (f"/v1/charge/x{CANARY}", {"amount": 1}, [("path", "place", "int_parsing")]),
        (f"/v1/charge/1?limit=x{CANARY}", {"amount": 1}, [("query", "limit", "int_parsing")]),
    ):  # fmt: skip
        answer = control.post(path, key, json=body)
        assert refused(answer, 400, "request_invalid"), path
        told = [(one["in"], one["name"], one["problem"]) for one in answer.json()["errors"]]
        assert told == wrong
        assert CANARY not in answer.text
        assert not re.search(r"\bana\b", answer.text)
    for data in (b"{" + CANARY.encode(), b"\xff\xfe" + CANARY.encode(), b"[" * 5000):
        headers = {"Content-Type": "application/json"}
        answer = control.post("/v1/charge/1", key, headers=headers, data=data)
        assert refused(answer, 400, "request_invalid")
        assert CANARY not in answer.text


def test_p16_what_is_not_there_and_what_goes_wrong(control, key, caplog):
    for method, path, status, code in (
        ("GET", f"/v1/{CANARY}?{CANARY}", 404, "path_unknown"),
        ("GET", f"/{CANARY}", 404, "path_unknown"),
        ("GET", "/v1/who/", 404, "path_unknown"),
        ("DELETE", "/v1/who", 405, "method_not_allowed"),
        (CANARY, "/v1/who", 405, "method_not_allowed"),
        ("GET", "/v1/refuses", 422, "card_disguised"),
        ("GET", "/v1/broken", 500, "internal"),
    ):
        answer = control.call(method, path, key, headers={"Host": CANARY, "Cookie": CANARY})
        assert refused(answer, status, code)
        assert CANARY not in answer.text + str(answer.headers)
    assert control.call("DELETE", "/v1/who", key).headers["Allow"] == "GET"


def test_p33_a_body_has_a_limit_that_needs_no_key(control, key):
    head = "POST /v1/charge/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    over = BODY_LIMIT + 1
    for who in ("", f"X-Api-Key: {key}\r\n"):
        for body in (
            f"Content-Length: {over}\r\n\r\n".encode(),
            f"Transfer-Encoding: chunked\r\n\r\n{over:x}\r\n".encode() + b"x" * over,
        ):
            got = talk(control.address, (head + who).encode() + body)
            assert got.startswith(b"HTTP/1.1 413 ")
            assert b'"code":"body_too_large"' in got
    body = json.dumps({"amount": 1, "note": "x" * (BODY_LIMIT - 40)})
    headers = {"Content-Type": "application/json"}
    assert control.post("/v1/charge/1", key, data=body, headers=headers).json() == 3


def test_what_there_is_is_described(control):
    answer = control.get(f"/openapi.json?{CANARY}", headers={"Host": CANARY})
    assert CANARY not in answer.text
    said = answer.json()
    assert said["info"]["title"] == "card-gateway control"
    assert {"/healthz", "/readyz", "/v1/who"} <= set(said["paths"])
    assert said["paths"]["/v1/who"]["get"]["security"] == [{"APIKeyHeader": []}, {"HTTPBearer": []}]
    assert "security" not in said["paths"]["/healthz"]["get"]
