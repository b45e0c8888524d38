"""Pairs in a message, and what an issuer is sent and says: pure, on bytes."""

from __future__ import annotations

import pytest

from gateway.cards.card import Card
from gateway.cards.expiry import Expiry
from gateway.cards.token import Token
from gateway.codecs import open_document
from gateway.errors import HttpInvalid, MessageForbidden, MessageUnfit
from gateway.exchange import Authority, Exchanged
from gateway.headers import Headers
from gateway.rules.load import load_pack_text
from gateway.secret import Secret
from gateway.stages.issue_call import issue_body, issue_call, open_answer, read_issued
from gateway.stages.pairs import ForeignPair, put_ours, put_theirs, read_foreign, read_pairs
from tests.running import ROOT

PACK = load_pack_text((ROOT / "rules/paycomet.yaml").read_text(encoding="utf-8"), "paycomet.yaml")
ROUTE = PACK.routes[0]
REQUEST, RESPONSE = ROUTE.request.exchange, ROUTE.response.exchange
ISSUER = PACK.issuers["cards"]
OURS = b'"idUser" : 7,"tokenUser":"Example000001"'
CARD = Card(Secret("4111111111111111"), Expiry(2030, 2), Secret('Jane "J" \u00c9'))


def spots(body):
    """Those that may be ours."""
    found = read_pairs(open_document("json", body), REQUEST)
    return [spot for spot in found if spot.presented.ours is not None]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"payment":{%s,"terminal":1}}' % OURS, 1),
        (b'{"payment":{"idUser":"7","tokenUser":"Example000001"}}', 1),
        (b'{"payment":{"idUser":7}}', 0),
        (b'{"payment":{"tokenUser":"Example000001"}}', 0),
        (b'{"payment":{"idUser":0,"tokenUser":"Example000001"}}', 0),
        (b'{"payment":{"idUser":2147483648,"tokenUser":"Example000001"}}', 0),
        (b'{"payment":{"idUser":7,"tokenUser":"FifteenSignsXXX"}}', 0),
        (b'{"payment":{"idUser":null,"tokenUser":null}}', 0),
        (b"{%s}" % OURS, 0),
        (b'{"payment":[]}', 0),
        (b"[]", 0),
    ],
)
def test_what_may_be_ours(body, found):
    assert len(spots(body)) == found


def test_p13_a_pair_that_stands_twice_is_refused():
    with pytest.raises(MessageForbidden):
        spots(b'{"payment":{%s,"idUser":8}}' % OURS)


@pytest.mark.parametrize("terminal", [b'"4111111111111111"', b"4111111111111111", b'"a\\nb"'])
def test_p16_what_stands_beside_can_be_no_card(terminal):
    with pytest.raises(MessageUnfit):
        spots(b'{"payment":{%s,"terminal":%s}}' % (OURS, terminal))


def test_p15_only_the_pair_changes_there_and_back():
    body = b'{"payment":{%s , "terminal" : 1},\n "x":"\\u00e9"}' % OURS
    document = open_document("json", body)
    (spot,) = read_pairs(document, REQUEST)
    theirs = ForeignPair("40000001", "xY-9")
    out = document.splice(list(put_theirs(spot, theirs))).body
    assert out == body.replace(OURS, b'"idUser" : 40000001,"tokenUser":"xY-9"')
    known = [Exchanged(Token(7, "Example000001", test=True), "p", "x", "40000001", "xY-9")]
    back = open_document("json", out)
    assert back.splice(list(put_ours(back, RESPONSE, known))).body == body
    other = open_document("json", out.replace(b"xY-9", b"xY-8"))
    assert list(put_ours(other, RESPONSE, known)) == []


def test_what_the_vault_keeps_comes_back():
    pair = ForeignPair("1", 'a"\\')
    assert read_foreign(pair.write()) == pair
    assert "a" not in repr(pair).replace("ForeignPair", "").replace("iduser", "")


def test_what_the_issuer_is_sent():
    (spot,) = spots(b'{"payment":{%s,"terminal":1}}' % OURS)
    assert issue_body(ISSUER, spot.beside, CARD) == (
        b'{"terminal":1,"pan":"4111111111111111","expiryMonth":"02","expiryYear":"30",'
        b'"cardHolderName":"Jane \\"J\\" \\u00c9"}'
    )
    bare = Card(CARD.pan, None, None)
    (spot,) = spots(b'{"payment":{%s,"terminal":"1"}}' % OURS)
    assert issue_body(ISSUER, spot.beside, bare) == b'{"terminal":"1","pan":"4111111111111111"}'


def test_only_the_named_headers_go_along_and_once():
    where = Authority("https", "rest.paycomet.com", 443)
    sent = Headers([(b"paycomet-api-token", b"t"), (b"Cookie", b"c"), (b"Host", b"h")])
    call = issue_call(ISSUER, where, sent, (), CARD)
    assert dict(call.headers.fields) == {
        b"Content-Type": b"application/json", b"Accept": b"application/json",
        b"PAYCOMET-API-TOKEN": b"t",
    }  # fmt: skip
    assert (call.method, call.authority, call.path) == ("POST", where, "/v1/cards")
    assert "4111" not in repr(call)
    sent.fields = [*sent, (b"PAYCOMET-API-TOKEN", b"u")]
    with pytest.raises(HttpInvalid):
        issue_call(ISSUER, where, sent, (), CARD)


@pytest.mark.parametrize(
    ("body", "pair"),
    [
        (b'{"errorCode":0,"idUser":5,"tokenUser":"x"}', ("5", "x")),
        (b'{"errorCode":"0","idUser":"5","tokenUser":"x"}', ("5", "x")),
        (b'{"errorCode":1042,"idUser":5,"tokenUser":"x"}', None),
        (b'{"idUser":5,"tokenUser":"x"}', None),
        (b'{"errorCode":0,"idUser":5}', None),
        (b'{"errorCode":0,"idUser":null,"tokenUser":"x"}', None),
        (b'{"errorCode":0,"idUser":5.5,"tokenUser":"x"}', None),
        (b'{"errorCode":0,"idUser":5,"tokenUser":"x y"}', None),
        (b'{"errorCode":0,"idUser":5,"tokenUser":""}', None),
        (b"[]", None),
    ],
)
def test_what_the_issuer_says(body, pair):
    found = read_issued(ISSUER, open_answer(body))
    assert (found and (found.iduser, found.tokenuser)) == pair
