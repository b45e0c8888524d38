"""`/v1/exchanges`: who sees which, how one is found, and what odd input does."""

from __future__ import annotations

import pytest

from gateway.cards.failures import advice
from gateway.errors import CardDisguised
from gateway.vault.answer import AnswerState, FailedCard
from tests.control.kept import CANARY, ids, spool, states
from tests.control.serving import refused
from tests.vault.makers import answer, listed, mark, quarantine

# --- who sees what --------------------------------------------------------------------------------

SEEN = {
    ("pms", "proxy", ("seaside",)): "mine-bad mine-b mine-a",
    ("pms", "proxy", ("hilltop",)): "mine-hilltop",
    ("pms", "proxy", ("seaside", "hilltop")): "mine-bad mine-mixed mine-hilltop mine-b mine-a",
    ("pms", "proxy", ()): "mine-bad mine-none mine-mixed mine-hilltop mine-b mine-a",
    ("spa", "proxy", ("seaside",)): "theirs-a",
    ("ops", "proxy", ()): "",
    ("ops", "admin", ()): "mine-bad theirs-a mine-none mine-mixed mine-hilltop mine-b mine-a",
    ("ops", "admin", ("seaside",)): "mine-bad theirs-a mine-b mine-a",
    ("ops", "admin", ("hilltop",)): "mine-hilltop",
}  # fmt: skip


@pytest.mark.parametrize(("client", "scope", "products"), SEEN, ids=str)
def test_p28_each_key_sees_what_is_its_own(some, control, vault, client, scope, products):
    """And what it does not see is not there: not forbidden, in no call."""
    key = control.key(scope, client=client, products=products)
    seen = SEEN[client, scope, products].split()
    assert ids(control.get("/v1/exchanges", key)) == seen
    for row in listed(vault):
        named = f"?client={row.client}"
        own = row.client == client
        visible = row.exchange in seen
        one = control.get(f"/v1/exchanges/{row.exchange}{named}", key)
        if visible:
            assert one.json()["exchange"] == row.exchange
        for path, call in (
            ("", control.get),
            ("/answer", control.get),
            ("/acknowledge", control.post),
        ):
            whole = f"/v1/exchanges/{row.exchange}{path}"
            if not visible:
                assert refused(call(whole + named, key), 404, "exchange_unknown")
            if not own:  # without `client=` it is one of the caller's own that is meant
                assert refused(call(whole, key), 404, "exchange_unknown")
        if visible and not own:
            for path, call in (("/answer", control.get), ("/acknowledge", control.post)):
                answered = call(f"/v1/exchanges/{row.exchange}{path}{named}", key)
                assert refused(answered, 403, "answer_of_another")
                assert b"<a>" not in answered.content
    if client != "pms":
        assert set(states(vault).values()) == {"undelivered", "refused"}


def test_p28_no_key_or_another_scope_is_refused(some, control, vault, replay):
    calls = [("GET", ""), ("GET", "/mine-a"), ("GET", "/mine-a/answer"),
             ("POST", "/mine-a/acknowledge"), ("POST", "/mine-bad/replay")]  # fmt: skip
    other = control.key("detokenize", "reveal", "cards", "charges", products=())
    plain = control.key("proxy", products=())
    for method, path in calls:
        assert refused(control.call(method, "/v1/exchanges" + path), 401, "key_required")
        assert refused(control.call(method, "/v1/exchanges" + path, other), 403, "scope_missing")
    assert refused(control.post("/v1/exchanges/mine-bad/replay", plain), 403, "scope_missing")
    assert refused(control.get("/v1/exchanges?client=spa", plain), 403, "scope_missing")
    assert refused(control.get("/v1/exchanges?client=nobody", plain), 403, "scope_missing")
    assert replay.asked == []
    assert set(states(vault).values()) == {"undelivered", "refused"}


def test_p28_an_administrator_can_name_a_client(some, control):
    key = control.key("admin", client="ops", products=())
    assert ids(control.get("/v1/exchanges?client=spa", key)) == ["theirs-a"]
    assert ids(control.get("/v1/exchanges?client=nobody", key)) == []


# --- looking for one ------------------------------------------------------------------------------


def test_an_answer_is_found_by_what_is_known_of_it(some, control, vault):
    key = control.key("proxy", products=())
    mark(vault, AnswerState.DELIVERED, "mine-a")
    mark(vault, AnswerState.ACKNOWLEDGED, "mine-b")
    for search, found in (
        ("echo=e-b", "mine-b"),
        ("hotel=2", "mine-b"),
        ("hotel=10107&state=delivered", "mine-a"),
        ("state=refused", "mine-bad"),
        ("state=refused&state=acknowledged", "mine-bad mine-b"),
        (
            "state=unacknowledged&hotel=10107&echo=echo-1",
            "mine-none mine-mixed mine-hilltop mine-a",
        ),
        ("state=unacknowledged&state=acknowledged&hotel=1", "mine-b"),
        ("since=2026-03-01T12:04:00Z", "mine-bad mine-none"),
        ("since=2026-03-01T13:04:00%2B01:00&limit=1", "mine-bad"),
        ("echo=nothing", ""),
        ("client=pms&limit=2", "mine-bad mine-none"),
    ):
        assert ids(control.get(f"/v1/exchanges?{search}", key)) == found.split(), search


def test_a_row_says_what_is_wrong_and_what_to_do(some, control, vault):
    key = control.key("proxy", products=())
    mark(vault, AnswerState.DELIVERED, "mine-a")
    rows = {row["exchange"]: row for row in control.get("/v1/exchanges", key).json()}
    bad = rows["mine-bad"]
    assert bad.pop("size") > 0
    assert bad == {
        "exchange": "mine-bad",
        "client": "pms",
        "state": "refused",
        "route": "siteminder/pull",
        "at": "2026-03-01T12:06:00Z",
        "expires": "2999-01-01T00:00:00Z",
        "products": ["seaside"],
        "hotels": ["10107"],
        "echo": "echo-1",
        "failed": 0,
        "failed_cards": [],
        "push": False,
        "code": "card_disguised",
        "reason": CardDisguised.text,
        "what_to_do": f"{CardDisguised.action} Then let it through the rules again: "
        "card-gateway exchanges replay mine-bad",
    }
    assert "connection ended" in rows["mine-b"]["reason"]
    assert "GET /v1/exchanges/mine-b/answer" in rows["mine-b"]["what_to_do"]
    assert (rows["mine-a"]["reason"], rows["mine-a"]["what_to_do"]) == ("", "")
    assert control.get("/v1/exchanges/mine-b", key).json() == rows["mine-b"]
    quarantine(vault, answer("mine-old"), "a_code_of_an_older_version")
    assert control.get("/v1/exchanges/mine-old", key).json()["reason"]


def test_cards_that_failed_are_told_with_what_to_do(control, vault):
    key = control.key("proxy", products=())
    failed = (FailedCard(2, 1, "hotel_unknown"),)
    spool(vault, "half", failed=1, failures=failed)
    spool(vault, "whole")
    for state in (AnswerState.DELIVERED, AnswerState.REPLAYED, AnswerState.ACKNOWLEDGED):
        mark(vault, state, "half")
    assert ids(control.get("/v1/exchanges?failed=true", key)) == ["half"]
    assert ids(control.get("/v1/exchanges?failed=false", key)) == ["whole"]
    assert ids(control.get("/v1/exchanges?failed=true&state=unacknowledged", key)) == []
    row = control.get("/v1/exchanges/half", key).json()
    told = advice("hotel_unknown")
    assert row["failed"] == 1
    (card,) = row["failed_cards"]
    assert card == {
        "booking": 2,
        "card": 1,
        "code": "hotel_unknown",
        "reason": f"The card got no token: {told.reason}.",
        "what_to_do": f"{told.action} Then have the partner send the booking again.",
    }
    assert row["reason"]
    assert row["what_to_do"]
    described = control.get("/openapi.json").json()["components"]["schemas"]
    assert set(described["FailedCard"]["properties"]) == set(card)


def test_p27_a_vault_that_is_down(some, control, vault):
    key = control.key("proxy", "admin")
    vault.close()
    for path in ("", "/mine-a", "/mine-a/answer"):
        assert refused(control.get(f"/v1/exchanges{path}", key), 503, "vault_unavailable")
    for path in ("/mine-a/acknowledge", "/mine-bad/replay"):
        assert refused(control.post(f"/v1/exchanges{path}", key), 503, "vault_unavailable")


# --- odd input ------------------------------------------------------------------------------------

ODD = ["", "%00", "%FF%FE", "%ED%A0%80", "'", "%", "..", "%2e%2e%2f", "*", "a" * 20_000, CANARY,
       "%F0%9F%92%B3", "-1", "0", "1e9", "NaN", "null", "true", "[]", "{}", "%0d%0aX: y"]  # fmt: skip
TIMES = ["now", "12", "99999999999999999999", "0001-01-01T00:00:00%2B14:00", "1999-12-31T23:59:59Z",
         "9999-12-31T23:59:59-14:00", "2026-03-01", "2026-03-01T12:00:00", "2026-02-30T12:00:00Z"]  # fmt: skip


def test_p16_odd_input_is_refused_or_finds_nothing_and_is_not_repeated(some, control, caplog):
    key = control.key("proxy", "admin", products=())
    asked = [f"?{name}={odd}" for name in ("state", "hotel", "echo", "since", "limit", "client", CANARY)
             for odd in ODD]  # fmt: skip
    asked += [f"?failed={odd}" for odd in ODD if odd != "0"]  # which is `false`
    asked += [f"?since={odd}" for odd in TIMES]
    asked += [f"?limit={odd}" for odd in ("1001", "1.5", "1&limit=2x", f"{CANARY}0000000000")]
    asked += [
        f"?state={odd}" for odd in ("UNDELIVERED", "refused,delivered", "unacknowledged&state=x")
    ]
    asked += [f"/{odd}{rest}" for odd in ODD if odd not in {"", "..", "%2e%2e%2f"}
              for rest in ("", "/answer", f"?client={odd}", f"/answer?client={odd}")]  # fmt: skip
    allowed = {200, 400, 404}
    for path in asked:
        answered = control.get(f"/v1/exchanges{path}", key)
        assert answered.status_code in allowed, (path, answered.text)
        assert CANARY not in answered.text + str(answered.headers), path
        if answered.status_code == 200:
            assert answered.json() == [], path
        else:
            refused(answered, answered.status_code, answered.json()["code"])
    assert CANARY not in caplog.text


def test_p16_no_canary_from_quarantine_anywhere(some, control, caplog):
    """What was refused holds a card; no call, no log and no description shows a digit of it."""
    key = control.key("proxy", "admin", products=())
    for path in ("", "?state=refused", "/mine-bad", "/mine-bad/answer"):
        assert CANARY not in control.get(f"/v1/exchanges{path}", key).text
    assert CANARY not in control.get("/openapi.json").text
    assert CANARY not in caplog.text
