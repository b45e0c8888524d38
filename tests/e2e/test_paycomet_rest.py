"""The whole circle: a pull gives our pair, PAYCOMET REST is called with it, PAYCOMET sees its own."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from gateway.cards.card import Virtual
from gateway.sandbox.paycomet import PaycometSettings
from tests.e2e.ota import bookings, tokens
from tests.e2e.process import until
from tests.e2e.test_charge import keep

PAN = "5445288852200883"
ORDERS = iter(range(1, 10_000))


class Merchant:
    """A PMS that speaks PAYCOMET REST through the gateway, with PAYCOMET's own token."""

    def __init__(self, gateway, **key):
        self.gateway = gateway
        self.session = gateway.session(key.pop("text", None) or gateway.key(**key))

    def post(self, path, body, *, token="sandbox", **how):
        return self.session.post(
            self.gateway.sandbox.named_url("paycomet") + path,
            data=body if isinstance(body, bytes) else json.dumps(body),
            headers={"PAYCOMET-API-TOKEN": token, "Content-Type": "application/json"},
            timeout=30,
            **how,
        )

    def pay(self, token, path="/v1/payments", *, terminal=1, how=None, **more):
        pair = token if isinstance(token, dict) else pair_of(token)
        payment = {
            "terminal": terminal, "order": f"STAY-{next(ORDERS)}", "amount": "202", "currency": "EUR",
            "methodId": "1", "originalIp": "127.0.0.1", "secure": 1, **pair, **more,
        }  # fmt: skip
        return self.post(path, {"payment": payment}, **(how or {}))


def pair_of(token):
    return {"idUser": token.iduser, "tokenUser": token.tokenuser}


@pytest.fixture
def merchant(gateway):
    merchant = Merchant(gateway)
    yield merchant
    merchant.session.close()


def paths(sandbox):
    return [request.path for request in sandbox.received.requests("paycomet")]


def sent(sandbox, path):
    return [
        json.loads(one.body) for one in sandbox.received.requests("paycomet") if one.path == path
    ]


_EXPIRY = iter(range(1, 10_000))


def fresh(gateway, pan=PAN, **more):
    """A card that PAYCOMET has not seen: what was issued for another is another's."""
    from gateway.cards.card import Booking, Card
    from gateway.cards.expiry import Expiry
    from gateway.secret import Secret
    from gateway.vault.model import NewCard

    n = next(_EXPIRY)
    product, test = more.pop("product", "seaside"), more.pop("test", True)
    expiry = more.pop("expiry", Expiry(2031 + n // 12, n % 12 + 1))
    booking = Booking("siteminder", "10107", f"R-{n}", None, more.pop("virtual", None))
    card = Card(Secret(pan), expiry, Secret("Jane Doe"))
    vault = gateway.worker._vault
    (kept,) = gateway.loop.call(vault.keep([NewCard(product, test, card, booking)]))
    return kept.token


def test_the_whole_circle(own_gateway, sandbox):
    gateway = own_gateway()
    merchant = Merchant(gateway)
    (booking,) = bookings(gateway.paycomet().content)
    ((iduser, tokenuser, _),) = tokens(booking)
    ours = {"idUser": int(iduser), "tokenUser": tokenuser}

    paid = merchant.pay(ours)
    assert paid.status_code == 200, paid.text
    said = paid.json()
    assert said["errorCode"] == 0
    assert {name: said[name] for name in ours} == ours
    (card,) = sandbox.received.cards("paycomet")  # the real card, once
    assert (len(card.number), card.cvc) == (16, None)
    assert paths(sandbox) == ["/v1/cards", "/v1/payments"]
    (payment,) = sent(sandbox, "/v1/payments")
    assert payment["payment"]["idUser"] == int(card.reference)
    assert payment["payment"]["tokenUser"] != tokenuser

    about = f"/v1/payments/{said['order']}"
    info = merchant.post(f"{about}/info", {"payment": {"terminal": 1}})
    assert info.json()["payment"]["stateName"] == "Correct"
    refund = {
        "terminal": 1, "amount": "", "currency": "EUR", "authCode": said["authCode"],
        "originalIp": "127.0.0.1", **ours,
    }  # fmt: skip
    assert merchant.post(f"{about}/refund", {"payment": refund}).json()["errorCode"] == 0
    (refunded,) = sent(sandbox, f"{about}/refund")
    assert refunded["payment"]["idUser"] == int(card.reference)

    again = merchant.pay(ours).json()  # a second payment issues nothing
    assert (again["errorCode"], again["tokenUser"]) == (0, tokenuser)
    assert len(sandbox.received.cards("paycomet")) == 1
    merchant.session.close()


def test_a_preauthorisation_and_what_follows_it(gateway, merchant):
    token = fresh(gateway)
    held = merchant.pay(token, "/v1/payments/preauth").json()
    assert (held["errorCode"], held["idUser"]) == (0, token.iduser)
    more = {"terminal": 1, "amount": "202", "originalIp": "127.0.0.1", "authCode": held["authCode"]}
    answer = merchant.post(f"/v1/payments/{held['order']}/preauth/confirm", {"payment": more})
    assert answer.json()["errorCode"] == 0


def test_only_the_pair_changes(gateway, sandbox, merchant):
    token = fresh(gateway)
    body = (
        b'{ "payment":{"terminal":1,"order":"B-%d",\t"amount":"1","note":"\\u00e9","currency":"EUR",'
        b'"methodId":"1","originalIp":"127.0.0.1","secure":1, "idUser" : %d ,"tokenUser":"%s"} }\n'
    )
    order = next(ORDERS)
    merchant.post("/v1/payments", body % (order, token.iduser, token.tokenuser.encode()))
    request = sandbox.received.requests("paycomet")[-1]
    theirs = json.loads(request.body)["payment"]
    assert isinstance(theirs["idUser"], int)
    assert request.body == body % (order, theirs["idUser"], theirs["tokenUser"].encode())
    assert request.header("PAYCOMET-API-TOKEN") == "sandbox"
    assert request.header("X-Api-Key") is None


def test_another_issuers_pair_passes_byte_for_byte(sandbox, merchant):
    made = merchant.post("/v1/cards", {"terminal": 1, "pan": "4539232076648253", "expiryMonth": "05",
                                       "expiryYear": "31"}).json()  # fmt: skip
    pair = {"idUser": made["idUser"], "tokenUser": made["tokenUser"]}
    answer = merchant.pay(pair)
    said = answer.json()
    assert (said["errorCode"], {name: said[name] for name in pair}) == (0, pair)
    request = sandbox.received.requests("paycomet")[-1]
    assert json.loads(request.body)["payment"]["tokenUser"] == made["tokenUser"]
    assert paths(sandbox) == ["/v1/cards", "/v1/payments"]
    raw = b'{"payment" : {"idUser":"x", "tokenUser":7,"terminal":1}}'
    merchant.post("/v1/payments", raw)
    assert sandbox.received.requests("paycomet")[-1].body == raw


def test_p06_the_pair_of_another_product_passes_and_means_nothing_to_paycomet(gateway, sandbox):
    token = fresh(gateway, product="hilltop")
    merchant = Merchant(gateway, products=("seaside",))
    answer = merchant.pay(token)
    assert answer.json() == {"errorCode": 1001}
    assert sandbox.received.cards("paycomet") == []
    (payment,) = sent(sandbox, "/v1/payments")
    assert payment["payment"]["idUser"] == token.iduser
    merchant.session.close()


def test_p28_without_key_or_scope_nothing_is_asked_or_sent(gateway, sandbox):
    token = fresh(gateway)
    for key, status, code in (
        ({"scopes": ("proxy",)}, 403, "scope_missing"),
        ({"text": "cgk_" + "x" * 40}, 401, "key_invalid"),
    ):
        merchant = Merchant(gateway, **key)
        for path in ("/v1/payments", "/v1/payments/preauth"):
            answer = merchant.pay(token, path)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        merchant.session.close()
    assert paths(sandbox) == []


def test_a_live_card_never_goes_to_a_stand_in(gateway, sandbox):
    merchant = Merchant(gateway, products=("grand",))
    answer = merchant.pay(fresh(gateway, "4900000000000003", product="grand", test=False))
    assert (answer.status_code, answer.json()["code"]) == (403, "live_token_on_test_host")
    assert paths(sandbox) == []
    merchant.session.close()


def test_a_virtual_card_is_not_issued_before_its_activation(gateway, sandbox, merchant):
    answer = merchant.pay(fresh(gateway, virtual=Virtual(active_from=date(2099, 1, 1))))
    assert (answer.status_code, answer.json()["code"]) == (409, "card_not_yet_active")
    assert paths(sandbox) == []


# --- what PAYCOMET says to the card ---------------------------------------------------------------


def test_a_card_that_paycomet_refuses_is_refused_in_its_own_words(gateway, sandbox, merchant):
    token = fresh(gateway, "5445288852200884")  # fails Luhn
    answer = merchant.pay(token)
    assert (answer.status_code, answer.json()) == (200, {"errorCode": 1042})
    assert paths(sandbox) == ["/v1/cards"]  # nothing was charged
    assert 'card_gateway_refused_total{reason="card_refused"}' in gateway.metrics()
    merchant.pay(token)
    assert paths(sandbox) == ["/v1/cards"] * 2  # and nothing was kept


def test_a_terminal_that_wants_a_code_says_so(gateway, merchant):
    assert merchant.pay(fresh(gateway), terminal=2).json() == {"errorCode": 1043}


def test_a_token_of_paycomet_that_is_wrong_is_refused_by_paycomet(gateway, sandbox, merchant):
    token = fresh(gateway)
    assert merchant.pay(token, how={"token": "wrong"}).json() == {"errorCode": 1004}
    assert sandbox.received.cards("paycomet") == []


def test_paycomet_answers_429_and_so_do_we(gateway, sandbox, merchant):
    sandbox.paycomet.settings = PaycometSettings(per_minute=0)
    answer = merchant.pay(fresh(gateway))
    assert (answer.status_code, answer.json()) == (429, {"errorCode": 1332})


@pytest.mark.parametrize("fault", ["error_500", "garbage", "never_answer"])
def test_p36_paycomet_that_fails_while_it_issues_leaves_nothing_behind(own_gateway, sandbox, fault):
    gateway = own_gateway(limits={"upstream_seconds": 3 if fault == "never_answer" else 30})
    merchant, token = Merchant(gateway), fresh(gateway)
    sandbox.paycomet.settings = PaycometSettings(fault=fault)
    answer = merchant.pay(token)
    assert (answer.status_code, answer.json()["code"]) == (502, "token_not_issued")
    assert paths(sandbox) == ["/v1/cards"]  # asked once
    assert gateway.rows("select count(*) from foreign_token") == [(0,)]
    query = "select action, outcome from audit where action in ('issue', 'exchange') order by id"
    assert until(30, lambda: len(gateway.rows(query)) == 4)
    assert gateway.rows(query) == [
        ("exchange", "intent"), ("issue", "intent"), ("issue", "unknown"), ("exchange", "failed"),
    ]  # fmt: skip
    sandbox.paycomet.settings = PaycometSettings()
    assert merchant.pay(token).json()["errorCode"] == 0
    merchant.session.close()


@pytest.mark.parametrize(
    "said",
    [
        {"errorCode": 0},
        {"errorCode": 0, "idUser": 5, "tokenUser": ""},
        {"errorCode": None},
        {"idUser": 5, "tokenUser": "x"},
    ],
)
def test_an_issuers_success_without_a_token_is_never_the_payments(
    gateway, sandbox, merchant, monkeypatch, said
):
    monkeypatch.setitem(sandbox.paycomet._operations, "/v1/cards", lambda *_: said)
    answer = merchant.pay(fresh(gateway))
    assert (answer.status_code, answer.json()["code"]) == (502, "token_not_issued")
    assert paths(sandbox) == ["/v1/cards"]


def test_p36_the_audit_tells_where_the_card_went(gateway, merchant):
    token = fresh(gateway)
    exchange = merchant.pay(token).headers["X-Gateway-Exchange"]
    query = (
        "select action, outcome, product, iduser, route from audit "
        f"where exchange = '{exchange}' order by id"
    )
    assert until(30, lambda: len(gateway.rows(query)) == 4)
    rows = gateway.rows(query)
    assert [row[:2] for row in rows] == [
        ("exchange", "intent"), ("issue", "intent"), ("issue", "done"), ("exchange", "done"),
    ]  # fmt: skip
    assert all(row[3:] == (token.iduser, "paycomet/payments") for row in rows)
    assert {row[2] for row in rows[1:]} == {"seaside"}


def test_two_payments_at_once_with_a_new_card_issue_once(gateway, sandbox):
    token = fresh(gateway)
    ready = threading.Barrier(6)
    # One after the other: a key that is made while others are read is known a moment later.
    merchants = [Merchant(gateway) for _ in range(6)]

    def pay(merchant):
        ready.wait(10)
        with merchant.session:
            answer = merchant.pay(token)
            assert answer.status_code == 200, answer.text
            return answer.json()["errorCode"]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(pay, merchants)) == [0] * 6
    assert len(sandbox.received.cards("paycomet")) == 1


# --- the card's life at PAYCOMET ------------------------------------------------------------------


def test_a_deleted_card_is_forgotten_and_issued_anew(gateway, sandbox, merchant):
    token = fresh(gateway)
    mine = {"terminal": 1, **pair_of(token)}
    info = merchant.post("/v1/cards/info", mine)
    assert info.json()["pan"] == "X" * 12 + PAN[-4:]
    assert merchant.post("/v1/cards/delete", mine).json() == {"errorCode": 0}
    assert gateway.rows(f"select * from foreign_token where iduser = {token.iduser}") == []
    assert merchant.post("/v1/cards/delete", mine).json() == {"errorCode": 1001}  # asks for none
    assert len(sandbox.received.cards("paycomet")) == 1
    assert merchant.pay(token).json()["errorCode"] == 0
    assert len(sandbox.received.cards("paycomet")) == 2


def test_a_card_that_paycomet_lost_is_issued_anew_by_the_next_payment(gateway, sandbox, merchant):
    token = fresh(gateway)
    assert merchant.pay(token).json()["errorCode"] == 0
    sandbox.paycomet.cards.reset()
    assert merchant.pay(token).json() == {"errorCode": 1001}  # not repeated by itself
    assert merchant.pay(token).json()["errorCode"] == 0


# --- clear cards ----------------------------------------------------------------------------------


def test_p03_an_echoed_card_becomes_its_token(gateway, merchant):
    token = fresh(gateway)
    for _ in range(2):
        answer = merchant.pay(token, productDescription="echo")
        assert answer.json()["pan"] == token.alias
        assert PAN not in answer.text


def test_p03_an_issuer_that_echoes_the_card_leaks_nothing(gateway, sandbox, merchant, monkeypatch):
    from gateway.sandbox.paycomet_codes import Code, PaycometError

    class Leaking(PaycometError):
        @property
        def body(self):
            return {"errorCode": 1042, "error": f"no such card {PAN}"}

    def add(*_, **__):
        raise Leaking(Code.BAD_PAN)

    monkeypatch.setattr(sandbox.paycomet.cards, "add", add)
    token = fresh(gateway)
    answer = merchant.pay(token)
    assert answer.json() == {"errorCode": 1042, "error": f"no such card {token.alias}"}


def test_p16_the_card_is_in_nothing_that_was_written(own_gateway, sandbox):
    gateway, canary = own_gateway(), "4539578763621486"
    merchant, token = Merchant(gateway), keep(gateway, canary)
    assert merchant.pay(token).json()["errorCode"] == 0
    sandbox.paycomet.settings = PaycometSettings(fault="garbage")
    merchant.pay(keep(gateway, canary, product="hilltop"))
    assert sandbox.received.cards("paycomet")[0].number == canary
    theirs = sent(sandbox, "/v1/payments")[0]["payment"]["tokenUser"]
    for name, content in gateway.everything_written():
        assert canary.encode() not in content, name
        assert theirs.encode() not in content, name
    assert canary not in gateway.metrics()
    merchant.session.close()
