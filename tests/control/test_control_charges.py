"""`/v1/charges`: what is asked and answered, what is refused and how, the register."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gateway.processors.model import Challenge, Ended, Result
from tests.control.charge_calls import CARD, site
from tests.control.serving import refused


@pytest.fixture
def charges(tmp_path):
    with site(tmp_path) as running:
        yield running


def test_a_charge_is_answered_whole_and_shown_again(charges):
    token = charges.token()
    said = charges.said(
        token, booking={"system": "siteminder", "hotel": "10107", "id": "RES-1"},
        initiator="no_show", exemption="mit", network_transaction_id="N-1",
        return_url="https://pms.example/back?a=b", extra={"address1": "1 Pier"}, capture="later",
    )  # fmt: skip
    charges.processor.say("authorize", "authorized")
    answered = charges.post(said=said)
    assert answered.status_code == 201
    assert answered.headers["Cache-Control"] == "no-store"
    charge = answered.json()
    assert (charge["state"], charge["capture"], charge["token"]) == ("authorized", "later", token)
    ((operation, order),) = charges.processor.asked
    assert (operation, order.return_url, order.extra) == (
        "authorize", "https://pms.example/back?a=b", {"address1": "1 Pier"},
    )  # fmt: skip
    assert "1 Pier" not in answered.text
    assert charges.call("GET", f"/{charge['id']}").json() == charge
    taken = charges.post(f"/{charge['id']}/capture", {"amount": 700})
    assert (taken.status_code, taken.json()["captured"]) == (200, 700)
    charges.processor.say("refund", "refunded")
    assert charges.post(f"/{charge['id']}/refund", {"amount": 200}).json()["refunded"] == 200
    back = charges.call("POST", f"/{charge['id']}/refund")  # no body: what is left
    assert (back.json()["refunded"], back.json()["state"]) == (700, "refunded")
    assert [one["operation"] for one in back.json()["history"]] == [
        "authorize", "authorize", "capture", "capture", "refund", "refund", "refund", "refund",
    ]  # fmt: skip


@pytest.mark.parametrize("ended", ["declined", "unknown", "pending", "failed", "challenged"])
def test_whatever_became_of_it_the_answer_is_the_charge(charges, ended):
    challenge = Challenge("redirect", "https://bank.example/x", {}, None)
    charges.processor.say("debit", Result(Ended(ended), challenge=challenge, decline="why"))
    charge = charges.charge()
    assert charge["state"] == {"failed": "declined"}.get(ended, ended)
    assert "bank.example" not in str(charge)


def test_p28_another_scope_another_product_another_client(charges):
    token, live = charges.token(), charges.token(product="hilltop", test=False)
    for scopes in (("cards",), ("proxy", "detokenize"), ("reveal",)):
        key = charges.control.key(*scopes, products=())
        assert refused(charges.post(said=charges.said(token), key=key), 403, "scope_missing")
        assert refused(charges.call("GET", key=key), 403, "scope_missing")
    hilltop = charges.control.key("charges", products=("hilltop",))
    assert refused(charges.post(said=charges.said(token), key=hilltop), 422, "token_unknown")
    charge = charges.charge(token)
    spa = charges.control.key("charges", client="spa", products=())
    for key in (hilltop, spa):
        assert refused(charges.call("GET", f"/{charge['id']}", key), 404, "charge_unknown")
        for name in ("capture", "refund", "cancel", "look", "dispute", "settle"):
            body = {"outcome": "done"} if name == "settle" else None
            answered = charges.post(f"/{charge['id']}/{name}", body, key=key)
            assert refused(answered, 404, "charge_unknown")
        assert charges.call("GET", key=key).json() == {"charges": [], "next": None}
    assert charges.charge(live, key=hilltop)["product"] == "hilltop"
    assert charges.processor.sent() == [("debit", 1000)] * 2
    admin = charges.control.key("charges", "admin", client="ops", products=())
    assert len(charges.call("GET", key=admin).json()["charges"]) == 2


@pytest.mark.parametrize(
    "more, name, problem",
    [
        ({"token": 7}, "token", "not_a_text"),
        ({"token": None}, "token", "missing"),
        ({"amount": None}, "amount", "missing"),
        ({"amount": "10.00"}, "amount", "not_minor_units"),
        ({"amount": 10.5}, "amount", "not_minor_units"),
        ({"amount": True}, "amount", "not_minor_units"),
        ({"amount": 0}, "amount", "out_of_range"),
        ({"amount": -5}, "amount", "out_of_range"),
        ({"amount": 10**11}, "amount", "out_of_range"),
        ({"amount": int(CARD)}, "amount", "out_of_range"),
        ({"currency": None}, "currency", "missing"),
        ({"currency": "EURO"}, "currency", "not_a_currency"),
        ({"currency": "eur"}, "currency", "not_a_currency"),
        ({"currency": "XYZ"}, "currency", "not_a_currency"),
        ({"currency": CARD}, "currency", "card_number"),
        ({"reference": CARD}, "reference", "card_number"),
        ({"reference": "a b"}, "reference", "not_a_reference"),
        ({"reference": "x" * 41}, "reference", "not_a_reference"),
        ({"initiator": "me"}, "initiator", "not_one_of_them"),
        ({"exemption": "all"}, "exemption", "not_one_of_them"),
        ({"capture": "soon"}, "capture", "not_one_of_them"),
        ({"capture": ["now"]}, "capture", "not_one_of_them"),
        ({"network_transaction_id": ""}, "network_transaction_id", "not_a_line"),
        ({"return_url": "http://pms.example/"}, "return_url", "not_an_https_url"),
        ({"return_url": "https://u:p@pms.example/"}, "return_url", "not_an_https_url"),
        ({"return_url": f"https://pms.example/{CARD}"}, "return_url", "not_an_https_url"),
        ({"language": "deutsch"}, "language", "not_a_language"),
        ({"language": 1}, "language", "not_a_text"),
        ({"purpose": "a\nb"}, "purpose", "not_a_line"),
        ({"purpose": CARD}, "purpose", "card_number"),
        ({"return_url": "javascript:alert(1)"}, "return_url", "not_an_https_url"),
        ({"return_url": "https://[pms.example/"}, "return_url", "not_an_https_url"),
        ({"return_url": "https://pms.example:x/"}, "return_url", "not_an_https_url"),
        ({"extra": []}, "extra", "not_an_object"),
        ({"extra": {"A-B": "x"}}, "extra", "unknown_field"),
        ({"extra": {f"a{CARD}": ""}}, "extra", "unknown_field"),
        ({"extra": {"note": CARD}}, "extra.note", "card_number"),
        ({"extra": {"note": 5}}, "extra.note", "not_a_text"),
        ({"extra": {f"a{n}": "x" for n in range(41)}}, "extra", "not_an_object"),
        ({"extra": {"cvc": "737"}}, "extra.cvc", "security_code"),
        ({"extra": {"card_cvv2": "737"}}, "extra.card_cvv2", "security_code"),
        ({"extra": {"security_code": "737"}}, "extra.security_code", "security_code"),
        ({"extra": {"verification_value": "737"}}, "extra.verification_value", "security_code"),
        ({"booking": "RES-1"}, "booking", "not_an_object"),
        ({"booking": {}}, "booking.system", "missing"),
        ({"booking": {"hotel": "1"}}, "booking.system", "missing"),
        ({"booking": {"system": "siteminder", "id": CARD}}, "booking.id", "card_number"),
        ({"booking": {"system": "siteminder", "departure": "2026-01-01"}}, "booking", "unknown_field"),
        ({"number": CARD}, "", "unknown_field"),
        ({"card": {"number": CARD}}, "", "unknown_field"),
    ],
)  # fmt: skip
def test_p16_each_field_is_checked_and_named_and_nothing_is_repeated(charges, more, name, problem):
    answered = charges.post(said=charges.said(charges.token(), **more))
    assert refused(answered, 400, "request_invalid")
    assert {"in": "body", "name": name, "problem": problem} in answered.json()["errors"]
    assert CARD not in answered.text
    assert charges.processor.asked == []
    assert charges.count_of("charge") == 0


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "7", '{"amount":1,"amount":2}', "{", '{"amount":NaN}']
)
@pytest.mark.parametrize(
    "path", ["", "/capture", "/refund", "/cancel", "/look", "/dispute", "/settle"]
)
def test_bodies_that_are_none(charges, body, path):
    if path and not body:
        return  # it may be left out there
    charge = charges.charge()
    path = f"/{charge['id']}{path}" if path else ""
    answered = charges.call("POST", path, data=body)
    assert refused(answered, 400, "request_invalid")
    assert len(charges.processor.asked) == 1


@pytest.mark.parametrize("amount", [0, -1, "5", 1.5, True, None, 10**11])
@pytest.mark.parametrize("name", ["capture", "refund"])
def test_sums_of_an_operation_are_checked(charges, name, amount):
    answered = charges.post(f"/{charges.charge()['id']}/{name}", {"amount": amount})
    assert refused(answered, 400, "request_invalid")
    assert answered.json()["errors"][0]["name"] == "amount"


def test_refusals_of_operations(charges):
    charge = charges.charge()
    id = charge["id"]
    assert refused(charges.post(f"/{id}/refund", {"amount": 1001}), 422, "amount_too_high")
    assert refused(charges.post(f"/{id}/capture"), 409, "charge_not_allowed")
    assert refused(charges.post(f"/{id}/cancel", {"amount": 5}), 400, "request_invalid")
    assert refused(charges.post("/abc/refund"), 404, "charge_unknown")
    again = charges.said(charges.token(), reference=charge["reference"])
    assert refused(charges.post(said=again), 409, "reference_taken")
    charges.processor.say("debit", "unknown")
    doubt = charges.charge()
    answered = charges.post(f"/{doubt['id']}/refund")
    assert refused(answered, 409, "charge_in_progress")
    assert answered.headers["Retry-After"] == "5"


def test_products_without_a_processor_and_operations_that_it_has_not(tmp_path):
    with site(tmp_path, products=()) as charges:
        answered = charges.post(said=charges.said(charges.token()))
        assert refused(answered, 422, "processor_not_configured")
        assert charges.audit() == [("charge", "refused", "processor_not_configured")]


@pytest.mark.parametrize(
    "said", [{}, {"outcome": "perhaps"}, {"outcome": True}, {"outcome": "done", "x": 1}]
)
def test_what_a_person_saw_is_one_of_two_words(charges, said):
    id = charges.charge()["id"]
    assert refused(charges.post(f"/{id}/settle", said), 400, "request_invalid")
    for outcome in ("done", "not_done"):
        answered = charges.post(f"/{id}/settle", {"outcome": outcome})
        assert refused(answered, 409, "charge_not_allowed")


def test_looking_and_disputes(charges):
    charges.processor.say("debit", "unknown")
    charges.processor.say("look", "succeeded")
    id = charges.charge()["id"]
    assert charges.post(f"/{id}/look").json()["state"] == "succeeded"
    assert charges.post(f"/{id}/dispute", {"reason": CARD}).status_code == 400
    disputed = charges.post(f"/{id}/dispute", {"reason": "10.4 Fraud"}).json()
    assert (disputed["state"], disputed["history"][-1]["decline"]) == ("disputed", "10.4 Fraud")
    assert refused(charges.post(f"/{id}/dispute"), 409, "charge_not_allowed")


def test_p28_a_client_that_tries_too_many_tokens_is_blocked(charges):
    mine = charges.token()
    guess = mine.replace("tok_test_", "tok_")
    for token in [guess] * 10 + ["nothing"] * 10:
        assert refused(charges.post(said=charges.said(token)), 422, "token_unknown")
    assert refused(charges.post(said=charges.said(mine)), 429, "tokens_guessed")
    assert charges.audit()[-1] == ("block", "done", "tokens_guessed")
    assert charges.processor.asked == []


# --- requests that count once ---------------------------------------------------------------------


def test_a_request_that_is_repeated_is_answered_the_same_and_sent_once(charges):
    said = charges.said(charges.token())
    first = charges.post(said=said, once="k")
    id = first.json()["id"]
    refund = charges.post(f"/{id}/refund", {"amount": 100}, once="r")
    assert charges.post(said=said, once="k").content == first.content  # as it was then
    assert charges.post(f"/{id}/refund", {"amount": 100}, once="r").json() == refund.json()
    for path, other in (("", said | {"amount": 5}), (f"/{id}/refund", {"amount": 100})):
        answered = charges.post(path, other, once="k")
        assert refused(answered, 422, "idempotency_key_reused")
    answered = charges.post(f"/{id}/refund", {"amount": 101}, once="r")
    assert refused(answered, 422, "idempotency_key_reused")
    assert [name for name, _ in charges.processor.sent()] == ["debit", "refund"]
    for name in ("look", "dispute"):
        one, two = (charges.post(f"/{id}/{name}", once=name) for _ in range(2))
        assert one.content == two.content
    assert len(charges.processor.sent("look")) == 1


def test_what_was_done_is_answered_the_same_whatever_is_gone_since(charges, monkeypatch):
    """Else a client whose answer was lost takes it for not done, and charges the guest again."""
    token = charges.token()
    said = charges.said(token)
    first = charges.post(said=said, once="k")
    refund = (f"/{first.json()['id']}/refund", {"amount": 100})
    charges.processor.say("refund", "refunded")
    back = charges.post(*refund, once="r")
    assert back.json()["refunded"] == 100
    charges.forget(token)
    assert charges.post(said=said, once="k").content == first.content
    monkeypatch.setattr(charges.processor, "operations", frozenset())
    assert charges.post(said=said, once="k").content == first.content
    assert charges.post(*refund, once="r").content == back.content
    assert [name for name, _ in charges.processor.sent()] == ["debit", "refund"]
    # What another request says was never answered.
    assert refused(charges.post(said=said, once="n"), 422, "token_unknown")
    other = charges.post(said=said | {"amount": 5}, once="k")
    assert refused(other, 422, "idempotency_key_reused")
    assert ("charge", "done", "repeated") in charges.audit()


def test_two_at_once_with_one_key_and_two_with_none(charges):
    held, go = threading.Event(), threading.Event()

    def slow(_):
        held.set()
        assert go.wait(10)
        return "succeeded"

    charges.processor.say("debit", lambda order: _in_thread(slow, order))
    said = charges.said(charges.token())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(charges.post, "", said, once="k")
        assert held.wait(10)
        assert refused(charges.post(said=said, once="k"), 409, "request_in_progress")
        assert refused(charges.post(said=said), 409, "reference_taken")
        go.set()
        assert first.result().json()["state"] == "succeeded"
    assert charges.processor.sent() == [("debit", 1000)]


async def _in_thread(work, order):
    import asyncio

    return await asyncio.to_thread(work, order)


# --- the register ---------------------------------------------------------------------------------


def test_the_register_is_filtered_and_paged(charges):
    token = charges.token()
    made = []
    for n in range(5):
        charges.processor.say("debit", "declined" if n == 3 else "succeeded")
        booked = {"system": "siteminder", "hotel": "10107", "id": f"RES-{n % 2}"}
        made.append(charges.charge(token, booking=booked))
        charges.later(days=1)
    ids = [one["id"] for one in reversed(made)]

    def listed(query=""):
        answered = charges.call("GET", f"?{query}")
        assert answered.status_code == 200, answered.text
        return answered.json()

    def found(query=""):
        return [ids.index(one["id"]) for one in listed(query)["charges"]]

    assert found() == [0, 1, 2, 3, 4]
    assert "history" not in listed()["charges"][0]
    assert found("system=siteminder&hotel=10107&booking=RES-1") == [1, 3]
    assert found("state=declined") == [1]
    assert found("state=declined&state=succeeded") == [0, 1, 2, 3, 4]
    assert found("state=unknown") == []
    assert found(f"reference={made[2]['reference']}") == [2]
    assert found("created_from=2026-03-03") == [0, 1, 2]
    assert found("created_from=2026-03-02&created_to=2026-03-03") == [2, 3]
    pages, cursor = [], ""
    while cursor is not None:
        page = listed("limit=2" + (f"&cursor={cursor}" if cursor else ""))
        pages.append([ids.index(one["id"]) for one in page["charges"]])
        cursor = page["next"]
    assert pages == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    "query, name, problem",
    [
        ("state=won", "state", "literal_error"),
        ("created_from=today", "created_from", "not_a_date"),
        ("created_to=9999-12-31", "created_to", "not_a_date"),
        ("cursor=-1", "cursor", "not_a_cursor"),
        ("cursor=" + "9" * 20, "cursor", "not_a_cursor"),
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=101", "limit", "less_than_equal"),
        ("booking=RES-1", "system", "missing"),
        (f"reference=a+{CARD}", "reference", "string_pattern_mismatch"),
        (f"system=siteminder&booking={CARD}", "booking", "card_number"),
        ("states=refunded", "", "unknown_parameter"),  # nothing would be filtered
        (f"{CARD}=1", "", "unknown_parameter"),
        ("reference=R-1&reference=R-2", "reference", "not_once"),
    ],
)
def test_p16_a_query_is_checked_and_not_repeated(charges, query, name, problem):
    answered = charges.call("GET", f"?{query}")
    assert refused(answered, 400, "request_invalid")
    errors = [(one["name"], one["problem"]) for one in answered.json()["errors"]]
    assert (name, problem) in errors
    assert CARD not in answered.text


def test_a_clock_that_leaps_ahead_charges_nobody_twice(charges):
    """Only who erases, and asks whether the clock is to be believed, ends what a key stands for."""
    said = charges.said(charges.token(), reference=None)
    first = charges.post(said=said, once="k")
    charges.clock.now += timedelta(days=366)
    assert charges.post(said=said, once="k").content == first.content
    answered = charges.post(said=said | {"amount": 1001}, once="k")
    assert refused(answered, 422, "idempotency_key_reused")
    assert len(charges.processor.asked) == 1
    assert charges.vault.idempotency.purge(charges.clock.now) == 1
    assert charges.post(said=said, once="k").json()["id"] != first.json()["id"]
    assert len(charges.processor.asked) == 2
