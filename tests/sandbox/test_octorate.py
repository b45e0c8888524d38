"""The simulated Octorate: who may call, what it tells, what Add Card takes."""

from __future__ import annotations

import json
import ssl

import httpx
import pytest

from gateway.cards.scan import find_cards
from gateway.sandbox.octorate_identity import LIFE
from tests.sandbox.octorate import ADD_CARD, BEARER, LOGIN, V1, added, reservation

PAN = "4111111111111111"


@pytest.fixture
def api(sandbox, ca):
    with httpx.Client(
        base_url=sandbox.url("octorate"),
        verify=ssl.create_default_context(cafile=ca),
        trust_env=False,
        headers=BEARER,
        timeout=30,
    ) as client:
        yield client


def refused(answer, status, error, fields=None):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["error"], body.get("fields")) == (error, fields)
    assert PAN not in answer.text


# --- reservations -------------------------------------------------------------------------------


def test_a_list_has_tokens_and_no_card(api):
    answer = api.get(reservation())
    assert answer.status_code == 200
    assert [each["id"] for each in answer.json()["data"]] == [900101, 900102, 900103, 900104]
    cards = [each["card"] for each in answer.json()["data"]]
    assert [card and card["cardVirtual"] for card in cards] == [False, True, None, False]
    assert all(set(card) == {"token", "cardVirtual"} for card in cards if card)
    assert not find_cards(answer.content)


def test_ids_and_pages_choose(api):
    asked = api.get(reservation(), params={"ids[]": [900105, 900201]}).json()["data"]
    assert [each["id"] for each in asked] == [900105]
    second = api.get(reservation(), params={"page": 1, "size": 3}).json()
    assert [each["id"] for each in second["data"]] == [900104]
    assert (second["page"], second["size"]) == (1, 3)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"startdate": "x"}, "startdate"), ({"page": "-1"}, "page"), ({"size": "0"}, "size"),
        ({"size": "201"}, "size"), ({"ids[]": "x"}, "ids[]"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_none_is_refused(api, params, field):
    refused(api.get(reservation(), params=params), 400, "bad_request", [field])


def test_one_reservation_is_the_one_of_the_list(api):
    (listed,) = api.get(reservation(), params={"ids[]": 900105}).json()["data"]
    assert api.get(reservation(900105)).json() == listed
    assert listed["card"]["number"] == "4444333322221111"
    assert api.get(reservation(900106)).json()["card"]["token"] == "5555555555554444"


@pytest.mark.parametrize(
    "path",
    [reservation(property=1), reservation(900201), reservation(1), f"{V1}/rooms", "/"],
)
def test_what_is_not_there_is_404(api, path):
    refused(api.get(path), 404, "not_found")


# --- who calls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bearer", [None, "Bearer another", "Basic sandbox", "sandbox", "Bearer", "Bearer sandbox x"]
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", reservation()), ("GET", reservation(1)), ("POST", ADD_CARD)]
)
def test_a_call_without_a_good_bearer_token_is_401(sandbox, api, method, path, bearer):
    del api.headers["Authorization"]
    headers = {"Authorization": bearer} if bearer else {}
    answer = api.request(method, path, headers=headers)
    refused(answer, 401, "invalid_token")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_login_gives_a_token_of_an_hour(sandbox, api):
    given = api.post(f"{V1}/identity/apilogin", data=LOGIN).json()
    assert set(given) == {"access_token", "refresh_token", "expireDate"}
    api.headers["Authorization"] = f"Bearer {given['access_token']}"
    assert api.get(reservation()).status_code == 200

    identity = sandbox.octorate.identity
    now = identity.now()
    identity.now = lambda: now + LIFE
    refused(api.get(reservation()), 401, "invalid_token")
    more = {"refresh_token": given["refresh_token"]}
    again = api.post(f"{V1}/identity/refresh", data=LOGIN | more)
    api.headers["Authorization"] = f"Bearer {again.json()['access_token']}"
    assert api.get(reservation()).status_code == 200
    refused(api.post(f"{V1}/identity/refresh", data=LOGIN | more), 401, "invalid_client")

    assert api.post("/_sandbox/expire").json() == {"expired": 2}
    refused(api.get(reservation()), 401, "invalid_token")


def test_a_login_is_looked_at_strictly(api):
    url = f"{V1}/identity/apilogin"
    refused(api.post(url, data=LOGIN | {"client_secret": "x"}), 401, "invalid_client")
    refused(api.post(url, data={"client_id": "x"}), 400, "bad_request", ["client_secret"])
    refused(api.post(url, data=LOGIN | {"scope": "x"}), 400, "bad_request", ["scope"])
    refused(api.post(url, json=LOGIN), 415, "unsupported_media_type")


def test_cards_are_exchanged_with_agreed_addresses_only(sandbox, api):
    told = api.post("/_sandbox/agreed", json={"networks": ["203.0.113.0/24", "2001:db8::/32"]})
    assert told.json() == {"networks": ["203.0.113.0/24", "2001:db8::/32"]}
    refused(api.post(ADD_CARD, json=added()), 403, "ip_not_allowed")
    assert sandbox.received.cards("octorate") == []
    assert api.get(reservation()).status_code == 200
    for wrong in ({"networks": ["x"]}, {"networks": 1}, {}, []):
        assert api.post("/_sandbox/agreed", json=wrong).status_code == 400
    refused(api.post(ADD_CARD, json=added()), 403, "ip_not_allowed")
    sandbox.reset()
    assert api.post(ADD_CARD, json=added()).status_code == 200


def test_the_switches_are_for_this_machine_by_address(sandbox, api):
    named = {"Host": "octorate.sandbox.test"}
    for method, path in (("GET", "received"), ("POST", "agreed"), ("POST", "expire")):
        assert api.request(method, f"/_sandbox/{path}", headers=named).status_code == 403
    assert api.post("/_sandbox/other").status_code == 404


# --- Add Card -----------------------------------------------------------------------------------


def test_a_card_is_added_and_the_reservation_has_a_token(sandbox, api):
    answer = api.post(ADD_CARD, json=added(cardVirtual=True))
    assert answer.status_code == 200, answer.text
    card = answer.json()["card"]
    assert answer.json() == {"reservationId": 900103, "card": card}
    assert set(card) == {"token", "cardVirtual"}
    assert card["cardVirtual"] is True
    assert api.get(reservation(900103)).json()["card"] == card
    assert not find_cards(answer.content)
    (kept,) = sandbox.received.cards("octorate")
    assert (kept.number, kept.month, kept.year) == (PAN, "12", "2030")
    assert (kept.holder, kept.cvc, kept.reference) == ("Ada Example", "123", "900103")
    (shown,) = api.get("/_sandbox/received").json()["cards"]
    assert shown["number"] == PAN


def test_a_card_that_the_reservation_has_is_refused_and_another_is_not(sandbox, api):
    first = api.post(ADD_CARD, json=added()).json()["card"]["token"]
    refused(api.post(ADD_CARD, json=added(holder="Another")), 409, "duplicate")
    second = api.post(ADD_CARD, json=added("5555555555554444")).json()["card"]["token"]
    assert first != second
    assert api.post(ADD_CARD, json=added(reservation=900101)).status_code == 200
    assert len(sandbox.received.cards("octorate")) == 3


def test_one_reservation_repeats_the_number(api):
    answer = api.post(ADD_CARD, json=added(reservation=900108))
    assert answer.json()["card"]["number"] == PAN


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (added("4111111111111112"), ["$.card.number"]),
        (added("tok_1_Example000001"), ["$.card.number"]),
        (added(4111111111111111), ["$.card.number"]),
        (added(None), ["$.card.number"]),
        (added(expiryMonth="13"), ["$.card.expiryMonth"]),
        (added(expiryMonth=12), ["$.card.expiryMonth"]),
        (added(expiryYear="30"), ["$.card.expiryYear"]),
        (added(expiryYear="2020"), ["$.card.expiryYear"]),
        (added(holder=None), ["$.card.holder"]),
        (added(cvv="12"), ["$.card.cvv"]),
        (added(cvv=123), ["$.card.cvv"]),
        (added(cardVirtual="no"), ["$.card.cardVirtual"]),
        (added(other="x"), ["$.card.other"]),
        (added() | {"other": 1}, ["$.other"]),
        (added(reservation="900103"), ["$.reservationId"]),
        (added(reservation=True), ["$.reservationId"]),
        (added(None, None), ["$.card.number", "$.reservationId"]),
        ({"reservationId": 900103}, ["$.card"]),
        ([], ["$.card"]),
    ],
)
def test_a_malformed_card_is_refused_and_not_repeated(sandbox, api, body, fields):
    refused(api.post(ADD_CARD, json=body), 400, "bad_request", fields)
    assert sandbox.received.cards("octorate") == []
    assert api.get(reservation(900103)).json()["card"] is None


@pytest.mark.parametrize("text", ["", "{", '{"card": {}, "card": {}}', '{"card": NaN}'])
def test_what_is_no_json_is_refused(api, text):
    json_type = {"Content-Type": "application/json"}
    refused(api.post(ADD_CARD, content=text, headers=json_type), 400, "bad_request", ["$"])


def test_other_media_types_and_names_are_refused(api):
    text = json.dumps(added())
    for label in ("text/plain", "application/x-www-form-urlencoded"):
        answer = api.post(ADD_CARD, content=text, headers={"Content-Type": label})
        refused(answer, 415, "unsupported_media_type")
    refused(api.post(ADD_CARD.replace("SANDBOX", "NOBODY"), json=added()), 404, "not_found")
    refused(api.post(ADD_CARD, json=added(reservation=1)), 404, "not_found")
    refused(api.get(ADD_CARD), 404, "not_found")
