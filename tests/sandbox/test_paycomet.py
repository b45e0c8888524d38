"""The simulated PAYCOMET as a server: tokens, labels, paths, limits, and what befalls its answers."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx
import pytest
import requests

from gateway.sandbox.paycomet import PLAYED, PaycometSettings
from tests.sandbox.paycomet_calls import CARD, NUMBER, PAYMENT
from tests.test_docs import blocks

ROOT = Path(__file__).parent.parent.parent
CALLS = {
    "/v1/heartbeat": {"terminal": 1},
    "/v1/cards": CARD,
    "/v1/cards/info": {"terminal": 1, "idUser": 1, "tokenUser": "x"},
    "/v1/cards/delete": {"terminal": 1, "idUser": 1, "tokenUser": "x"},
    "/v1/payments": {"payment": PAYMENT},
    "/v1/payments/preauth": {"payment": PAYMENT},
    "/v1/payments/P/info": {"payment": {"terminal": 1}},
    "/v1/payments/P/refund": {"payment": {"terminal": 1}},
    "/v1/payments/P/preauth/confirm": {"payment": {"terminal": 1}},
    "/v1/payments/P/preauth/cancel": {"payment": {"terminal": 1}},
}
QUERIES = {"/v1/heartbeat", "/v1/cards/info", "/v1/payments/P/info"}
TELLS_403 = {"/v1/cards/info", "/v1/cards/delete"}


def test_it_beats(merchant):
    assert merchant.said("/v1/heartbeat", {"terminal": 1}) == {
        "errorCode": 0, "time": "1", "processorTime": "1", "processorStatus": "true",
    }  # fmt: skip
    assert merchant.code("/v1/heartbeat", {"terminal": 3}) == 1045


# --- who may ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_wrong_token_is_refused(sandbox, merchant, path, token):
    answer = merchant.post(path, CALLS[path], headers={"PAYCOMET-API-TOKEN": token})
    assert answer.status_code == (403 if path in TELLS_403 else 200)
    assert answer.json() == {"errorCode": 1004}
    assert sandbox.received.cards("paycomet") == []


def test_no_token_is_refused(merchant):
    del merchant.client.headers["PAYCOMET-API-TOKEN"]
    assert merchant.code("/v1/cards", CARD) == 1004


@pytest.mark.parametrize("path", CALLS)
def test_a_token_for_queries_only_asks(merchant, path):
    answer = merchant.post(path, CALLS[path], headers={"PAYCOMET-API-TOKEN": "query"})
    refused = answer.json() == {"errorCode": 1031}
    assert refused == (path not in QUERIES)
    if refused:
        assert answer.status_code == (403 if path in TELLS_403 else 200)


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_read(merchant, label):
    answer = merchant.client.post(
        "/v1/cards", content=json.dumps(CARD), headers={"Content-Type": label}
    )
    assert answer.status_code == 422
    assert answer.json()["errorCode"] == 1017
    assert answer.json()["error"]["detail"] == ["Content-Type"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"terminal":NaN}',
        b'{"pan":"1","pan":"2"}',
        b"[" * 9999,
        b'{"terminal":1,"note":"\\ud800"}',
    ],
)
def test_json_that_is_none(merchant, body):
    answer = merchant.client.post(
        "/v1/cards", content=body, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert (answer.status_code, answer.json()["errorCode"]) == (422, 1017)


@pytest.mark.parametrize(
    "path", ["/", "/v1/cards/", "/v2/cards", "/v1/cards/edit", "/v1/payments/P", "/v1/form"]
)
def test_other_paths_are_not_there(merchant, path):
    answer = merchant.post(path, {})
    assert (answer.status_code, answer.json()) == (404, {"errorCode": 1015})


@pytest.mark.parametrize("path", CALLS)
def test_only_post_is_taken(merchant, path):
    for method in ("GET", "PUT", "DELETE"):
        answer = merchant.client.request(method, path)
        assert (answer.status_code, answer.json()) == (405, {"errorCode": 1015})


# --- what is switched -----------------------------------------------------------------------------


def test_a_limit_per_minute(sandbox, merchant, monkeypatch):
    sandbox.paycomet.settings.per_minute = 2
    for _ in range(2):
        assert merchant.said("/v1/heartbeat", {"terminal": 1})
    answer = merchant.post("/v1/cards", CARD)
    assert (answer.status_code, answer.json()) == (429, {"errorCode": 1332})
    assert sandbox.received.cards("paycomet") == []
    monkeypatch.setattr("gateway.sandbox.paycomet._MINUTE", 0.0)
    assert merchant.kept()


def test_error_500_is_a_page(sandbox, merchant):
    sandbox.paycomet.settings.fault = "error_500"
    answer = merchant.post("/v1/cards", CARD)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"].startswith("text/plain")
    assert sandbox.received.cards("paycomet") == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("never_answer", httpx.ReadTimeout),
        ("stall_in_body", httpx.ReadTimeout),
        ("garbage", httpx.RemoteProtocolError),
        ("close_after_request", httpx.RemoteProtocolError),
        ("close_in_body", httpx.RemoteProtocolError),
        ("abort_after_request", (httpx.RemoteProtocolError, httpx.ReadError)),
    ],
)
def test_a_fault_befalls_the_answer(sandbox, merchant, fault, kind):
    sandbox.paycomet.settings.fault = fault
    patience = httpx.Timeout(30, read=0.5 if kind is httpx.ReadTimeout else 30)
    with pytest.raises(kind):
        merchant.post("/v1/cards", CARD, timeout=patience)
    assert sandbox.received.requests("paycomet")[-1].path == "/v1/cards"
    assert sandbox.received.cards("paycomet") == []
    sandbox.paycomet.settings.fault = ""
    assert merchant.kept(), "it goes on"


def test_faults_before_a_request_cannot_be_played():
    assert not PLAYED & {"refuse", "close_at_once"}
    with pytest.raises(ValueError, match="no such fault"):
        PaycometSettings("refuse")


def test_settings_are_switched_from_this_machine_only(sandbox, merchant, ca):
    url = sandbox.url("paycomet") + "/_sandbox/settings"
    asked = {"fault": "garbage", "per_minute": 3}
    assert merchant.client.post(url, json=asked).json() == asked
    assert sandbox.paycomet.settings == PaycometSettings("garbage", 3)
    assert merchant.client.post(url, json={}).json() == {"fault": "", "per_minute": None}
    for wrong in ({"fault": "refuse"}, {"fault": []}, {"per_minute": "3"}, {"other": 1}, [1]):
        assert merchant.client.post(url, json=wrong).status_code == 400
    through = {"Host": "paycomet.sandbox.test:9449"}
    assert requests.post(url, json=asked, verify=ca, headers=through).status_code == 403
    assert sandbox.paycomet.settings == PaycometSettings()


def test_received_shows_the_cards_to_this_machine_only(sandbox, merchant, ca):
    pair = merchant.kept()
    url = sandbox.url("paycomet") + "/_sandbox/received"
    assert merchant.client.get(url).json() == {
        "cards": [
            {"reference": str(pair["idUser"]), "number": NUMBER, "month": "05", "year": "30",
             "cvc": "123", "holder": "Bruce Wayne"}
        ]
    }  # fmt: skip
    through = {"Host": "paycomet.sandbox.test:9449"}
    assert requests.get(url, verify=ca, headers=through).status_code == 403


# --- how it stands in the sandbox -----------------------------------------------------------------


def test_it_stands_for_paycomet(sandbox):
    port = sandbox.ports["paycomet"]
    entry = sandbox.gateway_settings()[f"paycomet.sandbox.test:{port}"]
    assert (entry["stands_for"], entry["ca"]) == ("rest.paycomet.com", str(sandbox.ca_file))


def test_the_calls_in_the_document_work(sandbox, ca):
    """Each `http` block of docs/sandbox-paycomet.md is sent; the `json` block after it comes back.

    A pair or an authCode that an answer brought takes the place of the document's in what follows.
    """
    document = ROOT / "docs/sandbox-paycomet.md"
    sent, shown = list(blocks(document, "http")), list(blocks(document, "json"))
    assert len(sent) == len(shown) >= 5
    real: dict[str, str] = {}
    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(base_url=sandbox.url("paycomet"), verify=context, trust_env=False) as client:
        for request, expected in zip(sent, shown, strict=True):
            head, _, body = request.partition("\n\n")
            line, *headers = head.splitlines()
            method, path, _ = line.split()
            named = dict(header.split(": ", 1) for header in headers if "Host" not in header)
            answer = client.request(
                method, path, content=_replaced(body, real), headers=named
            ).json()
            wanted = json.loads(expected)
            for name in ("idUser", "tokenUser", "authCode"):
                if name in wanted and json.dumps(wanted[name]) not in real:
                    real[json.dumps(wanted[name])] = json.dumps(answer[name])
            assert answer == json.loads(_replaced(expected, real)), path


def _replaced(text, real):
    for old, new in real.items():
        text = text.replace(old, new)
    return text
