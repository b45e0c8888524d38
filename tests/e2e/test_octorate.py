"""A PMS reads Octorate's reservations and adds cards to them: it sees tokens, Octorate gets the card."""

from __future__ import annotations

import pytest

from gateway.cards.token import parse_alias
from tests.e2e.test_charge import keep
from tests.sandbox.octorate import ADD_CARD, BEARER, LOGIN, V1, added, reservation
from tests.sandbox.test_octorate_page import BLOCKS, needs_curl, run

PAN = "4111111111111111"
CLEAR = "4444333322221111"
MISPLACED = "5555555555554444"


class Pms:
    """A client of Octorate's. `seen` is all that it was answered."""

    def __init__(self, session, base):
        self.session, self.base = session, base
        self.seen = []

    def __call__(self, method, path, **more):
        headers = BEARER | more.pop("headers", {})
        answer = self.session.request(method, self.base + path, headers=headers, timeout=30, **more)
        self.seen.append(answer)
        return answer

    def add(self, number, reservation=900103, **members):
        """An Add Card that holds nothing but the number and what is named."""
        bare = {"expiryMonth": None, "expiryYear": None, "holder": None, "cvv": None}
        return self("POST", ADD_CARD, json=added(number, reservation, **bare | members))


def behind(gateway, **key):
    return Pms(gateway.session(gateway.key(**key)), gateway.sandbox.named_url("octorate"))


@pytest.fixture
def pms(gateway):
    pms = behind(gateway)
    with pms.session:
        yield pms
    for answer in pms.seen:
        for number in (PAN, CLEAR, MISPLACED):
            assert number not in answer.text


@pytest.fixture
def direct(gateway):
    """The same with nobody between."""
    with gateway.direct() as session:
        yield Pms(session, gateway.sandbox.url("octorate"))


def cards(gateway):
    return [card.number for card in gateway.sandbox.received.cards("octorate")]


def same(through, said):
    assert through.content == said.content
    assert through.status_code == said.status_code
    for name in ("content-type", "content-length", "www-authenticate"):
        assert through.headers.get(name) == said.headers.get(name)


# --- reservations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        reservation(), reservation(property=20207), reservation() + "?ids[]=900102&ids[]=900104",
        reservation(900101), reservation(900102), reservation(900103), reservation(900104),
    ],
)  # fmt: skip
def test_p15_a_reservation_with_octorates_own_token_comes_byte_for_byte(pms, direct, path):
    answer = pms("GET", path)
    assert answer.status_code == 200, answer.text
    same(answer, direct("GET", path))
    assert "X-Gateway-Cards" not in answer.headers or "found=0" in answer.headers["X-Gateway-Cards"]


def test_p03_a_clear_card_is_tokenised_and_octorates_token_beside_it_stays(gateway, pms, direct):
    told, said = (who("GET", reservation(900105)).json() for who in (pms, direct))
    card, theirs = told.pop("card"), said.pop("card")
    assert told == said
    assert card["token"] == theirs["token"]
    assert (card["number"], card["holder"]) == ("444433******1111", theirs["holder"])
    assert "cvv" not in card
    again = pms("POST", ADD_CARD, json=added(f"tok_test_{card['iduser']}_{card['tokenuser']}"))
    assert again.status_code == 200, again.text
    assert cards(gateway) == [CLEAR]


def test_p03_a_card_where_the_token_stands_becomes_a_token_of_ours(gateway, pms):
    listed = pms("GET", reservation() + "?ids[]=900106&ids[]=900102").json()["data"]
    assert [each["card"]["cardVirtual"] for each in listed] == [True, True]
    alias = listed[1]["card"]["token"]
    assert parse_alias(alias) is not None
    assert pms("GET", reservation(900106)).json()["card"]["token"] == alias
    assert pms("POST", ADD_CARD, json=added(alias)).status_code == 200  # it came without an expiry
    (card,) = gateway.sandbox.received.cards("octorate")
    assert (card.number, card.reference) == (MISPLACED, "900103")


def test_p03_a_card_in_a_guests_remark_is_masked_and_the_token_stays(pms, direct):
    told, said = (who("GET", reservation(900107)).json() for who in (pms, direct))
    assert told.pop("channelNotes") == "Please charge 411111******1111 for the minibar."
    said.pop("channelNotes")
    assert told == said


def test_a_propertys_cards_are_its_products(own_gateway):
    gateway = own_gateway(hotels={"octorate": {"20207": "hilltop"}})
    pms = behind(gateway)
    card = pms("GET", reservation(900105)).json()["card"]
    assert (card["card_error"], card["number"]) == ("hotel_unknown", "444433******1111")
    assert "tokenuser" not in card


# --- Add Card -----------------------------------------------------------------------------------


def test_p07_add_card_gets_the_card_and_the_pms_a_token_of_octorates(gateway, pms):
    token = keep(gateway, PAN)
    answer = pms.add(token.alias, holder="Somebody Else", cvv="123")
    assert answer.status_code == 200, answer.text
    (card,) = gateway.sandbox.received.cards("octorate")
    assert (card.number, card.month, card.year) == (PAN, "12", "2030")
    assert (card.holder, card.cvc) == ("Jane Doe", "123")
    told = pms("GET", reservation(900103)).json()["card"]
    assert told == answer.json()["card"]
    assert token.tokenuser not in told["token"]
    sent = gateway.sandbox.received.requests("octorate")[-2]
    assert sent.header("Authorization") == BEARER["Authorization"]
    assert sent.header("X-Api-Key") is None


def test_p07_a_token_elsewhere_in_an_add_card_stays_a_token(gateway, pms):
    token = keep(gateway, PAN)
    body = {"reservationId": 900103, "number": token.alias, "card": {"token": token.alias}}
    answer = pms("POST", ADD_CARD, json=body)
    assert answer.status_code == 400
    request = gateway.sandbox.received.requests("octorate")[-1]
    assert PAN.encode() not in request.body
    assert request.body.count(token.alias.encode()) == 2


def test_p03_an_echoed_card_becomes_its_token_again(gateway, pms):
    token = keep(gateway, PAN)
    answer = pms.add(token.alias, 900108)
    assert answer.status_code == 200, answer.text
    assert answer.json()["card"]["number"] == token.alias
    assert cards(gateway) == [PAN]


def test_from_another_address_octorate_refuses_and_says_so_itself(gateway, pms, direct):
    gateway.sandbox.octorate.identity.agree(["203.0.113.0/24"])
    answer = pms.add(keep(gateway, PAN).alias)
    same(answer, direct("POST", ADD_CARD, json=added(PAN)))
    assert (answer.status_code, answer.json()["error"]) == (403, "ip_not_allowed")
    assert cards(gateway) == []


@pytest.mark.parametrize("bearer", ["Bearer another", "Basic c2FuZGJveA=="])
def test_a_wrong_bearer_token_is_octorates_to_refuse(gateway, pms, direct, bearer):
    token, headers = keep(gateway, PAN), {"Authorization": bearer}
    for path in (reservation(), reservation(900105)):
        same(pms("GET", path, headers=headers), direct("GET", path, headers=headers))
    answer = pms("POST", ADD_CARD, json=added(token.alias), headers=headers)
    same(answer, direct("POST", ADD_CARD, json=added(PAN), headers=headers))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_a_login_through_the_gateway_is_good_until_it_ends(gateway, pms):
    given = pms("POST", f"{V1}/identity/apilogin", data=LOGIN)
    bearer = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert pms("GET", reservation(), headers=bearer).status_code == 200
    gateway.sandbox.octorate.identity.expire()
    assert pms("GET", reservation(), headers=bearer).status_code == 401
    refresh = LOGIN | {"refresh_token": given.json()["refresh_token"]}
    given = pms("POST", f"{V1}/identity/refresh", data=refresh).json()
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert pms("GET", reservation(), headers=bearer).status_code == 200


def test_a_bearer_token_that_looks_like_a_card_comes_whole(gateway, pms, monkeypatch):
    given = {"access_token": f"a-{PAN}-b", "refresh_token": f"r {CLEAR}"}
    monkeypatch.setattr(gateway.sandbox.octorate.identity, "_issue", lambda: given)
    answer = pms.session.post(f"{pms.base}{V1}/identity/apilogin", data=LOGIN, timeout=30)
    assert answer.json() == given


@pytest.mark.parametrize(
    ("pan", "members", "status"),
    [
        ("4444444444444444", {}, 400),  # fails the check digit
        (PAN, {"cvv": "12"}, 400),
        (PAN, {"other": "x"}, 400),
        (PAN, {"reservation": 1}, 404),
    ],
)
def test_errors_come_back_byte_for_byte(gateway, pms, direct, pan, members, status):
    token = keep(gateway, pan)
    answer = pms("POST", ADD_CARD, json=added(token.alias, **members))
    same(answer, direct("POST", ADD_CARD, json=added(pan, **members)))
    assert answer.status_code == status
    assert pan not in answer.text


def test_a_card_that_is_there_already_is_told(gateway, pms):
    token = keep(gateway, PAN)
    assert [pms.add(token.alias).status_code for _ in range(2)] == [200, 409]
    assert cards(gateway) == [PAN]


def test_p06_a_token_of_another_product_reaches_nobody(gateway):
    token = keep(gateway, PAN, product="hilltop")
    for key, status, code in (
        ({"products": ("seaside",)}, 422, "token_unknown"),
        ({"scopes": ("proxy",)}, 403, "scope_missing"),
    ):
        answer = behind(gateway, **key).add(token.alias)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert gateway.sandbox.received.requests("octorate") == []


def test_what_no_route_names_is_refused(gateway, pms):
    for method, path in (
        ("GET", f"{V1}/payment/900101/detokenize"),
        ("POST", f"{V1}/payment/10107/register"),
        ("PUT", reservation(900101)),
        ("GET", ADD_CARD),
    ):
        answer = pms(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "route_unknown"), path
    assert gateway.sandbox.received.requests("octorate") == []


def test_p16_no_card_is_in_anything_that_was_written(own_gateway):
    gateway = own_gateway()
    pms = behind(gateway)
    pms.add(keep(gateway, PAN).alias, cvv="987")
    for id in (900105, 900106, 900107):
        assert pms("GET", reservation(id)).status_code == 200
    assert cards(gateway) == [PAN]
    for name, written in gateway.everything_written():
        for number in (PAN, CLEAR, MISPLACED):
            assert number.encode() not in written, name


# --- the page -----------------------------------------------------------------------------------


@needs_curl
def test_the_calls_of_the_page(gateway, direct):
    token, port = keep(gateway, PAN), str(gateway.sandbox.ports["octorate"])
    block = BLOCKS[1].replace("http://127.0.0.1:8080", gateway.proxy).replace("9452", port)
    block = block.replace("state/ca/mitmproxy-ca-cert.pem", gateway.ca)
    listed = direct("GET", reservation()).text
    told = run(f"key={gateway.key()}\ntoken={token.alias}\n{block}")
    assert told.startswith(listed)
    assert '"number":"444433******1111"' in told
    assert '"token":"tok_test_' in told
    assert not any(number in told for number in (PAN, CLEAR, MISPLACED))
    (card,) = gateway.sandbox.received.cards("octorate")
    assert (card.number, card.holder, card.cvc) == (PAN, "Jane Doe", None)
