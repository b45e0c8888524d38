"""A modification comes without its card, and the PMS gets the token that the booking had."""

from __future__ import annotations

import json
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gateway.sandbox.tls import server_context
from tests.e2e.inbox import Once, at_booking_com
from tests.running import ROOT, Running

PAN, OTHER = "5555555555554444", "4242424242424242"
ALIAS = re.compile(r"tok_test_[0-9]+_[0-9A-Za-z]{13}")
PACK = """
system: carry
about: Modifications without their card
shapes:
  list:
    format: json
    booking: "$.bookings[*]"
    card: card
    number: pan
    expiry: { at: expires, as: MMYY }
    cvc: cvv
    hotel: hotel
    booking_id: id
    departure: departure
    virtual:
      active_from: from
      active_until: { at: until, as: MM/YYYY }
      balance: balance
      currency: currency
      bins: [agencies, "5129 40"]
routes:
  - name: pull
    to: https://secure-supply-xml.booking.com/carry/pull
    methods: [POST]
    inbox: {}
    response:
      tokenize: list
      carry_forward: true
      retention: { after_departure: 14, without_departure: 20 }
      insert: [{ into: card, each: card, json: { token: "{alias}" } }]
  - name: plain
    to: https://secure-supply-xml.booking.com/carry/plain
    methods: [POST]
    response:
      tokenize: list
      insert: [{ into: card, each: card, json: { token: "{alias}" } }]
  - name: push
    at: /carry/push
    forward: "{pms}/channex"
    auth: channel-manager
    methods: [POST]
    request:
      tokenize: list
      carry_forward: true
      insert: [{ into: card, each: card, json: { token: "{alias}" } }]
"""
HOTELS = {"10107": "seaside", "10108": "seaside", "20207": "hilltop"}


@pytest.fixture(scope="module")
def carrying(sandbox, tmp_path_factory):
    directory = tmp_path_factory.mktemp("carrying")
    rules = directory / "rules"
    shutil.copytree(ROOT / "rules", rules)
    (rules / "carry.yaml").write_text(PACK, encoding="utf-8")
    # another channel manager, with the very same messages
    (rules / "carry-b.yaml").write_text(
        PACK.replace("system: carry", "system: carry-b").replace("carry/", "carry-b/"),
        encoding="utf-8",
    )
    with Once(server_context(sandbox.directory)) as partner:
        partner.bodies = []
        table = directory / "agencies.txt"
        table.write_text("512933, Booking.com\n526812-526819\n", encoding="utf-8")
        gateway = Running(
            directory / "gateway", sandbox, rules=str(rules),
            test_hosts=at_booking_com(sandbox, partner),
            hotels={"carry": dict(HOTELS), "carry-b": dict(HOTELS)},
            virtual_bins={"agencies": str(table)},
        )  # fmt: skip
        yield gateway, partner
        gateway.stop()


@pytest.fixture
def id(request):
    return request.node.name


def booking(id, card=None, **more):
    said = {"id": id, "hotel": "10107", "departure": "2030-04-01"} | more
    return said if card is None else said | {"card": card}


def clear(pan=PAN):
    return {"pan": pan, "expires": "1230", "cvv": "123"}


def pull(carrying, *bookings, path="pull"):
    gateway, partner = carrying
    before = json.dumps({"bookings": bookings}).encode()
    partner.bodies.append(before)
    with gateway.session(gateway.key()) as session:
        answer = session.post(
            f"https://booking.sandbox.test:{partner.port}/carry/{path}",
            data="{}", headers={"Content-Type": "application/json"}, timeout=20,
        )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return before, answer


def pulled(carrying, *bookings):
    _, answer = pull(carrying, *bookings)
    return [one.get("token") or one.get("card", {}).get("token") for one in answer.json()["bookings"]]  # fmt: skip


def push(carrying, *bookings, path="carry"):
    """What arrives at the PMS, and what the channel manager is answered."""
    gateway, _ = carrying
    with gateway.endpoint_session() as session:
        answer = session.post(
            f"{gateway.endpoints}/{path}/push",
            json={"bookings": bookings},
            headers={"X-Push-Key": gateway.secret("push-key")},
            timeout=20,
        )
    (request,) = gateway.sandbox.received.requests("pms")
    gateway.sandbox.reset()
    return request.body.decode(), answer


def counted(gateway, outcome, route="carry/pull"):
    line = f'card_gateway_cards_total{{action="tokenize",outcome="{outcome}",route="{route}"}} '
    found = [text for text in gateway.metrics().splitlines() if text.startswith(line)]
    return float(found[0].removeprefix(line)) if found else 0.0


def test_a_modification_gets_the_token_of_its_booking(carrying, id):
    gateway, _ = carrying
    (token,) = pulled(carrying, booking(id, clear()))
    assert ALIAS.fullmatch(token)
    links = gateway.rows("select count(*) from link")
    before = counted(gateway, "carried")
    _, answer = pull(carrying, booking(id, departure="2030-05-06"))
    assert answer.json()["bookings"] == [booking(id, departure="2030-05-06", token=token)]
    assert answer.headers["X-Gateway-Cards"] == "found=0 tokenized=0 failed=0 carried=1"
    assert counted(gateway, "carried") == before + 1
    assert gateway.rows("select count(*) from link") == links
    ((departure,),) = gateway.rows("select departure from link order by id desc limit 1")
    assert departure == "2030-05-06"
    ((action, iduser, outcome),) = gateway.rows(
        "select action, iduser, outcome from audit order by id desc limit 1"
    )
    assert (action, outcome) == ("carry", "done")
    assert f"tok_test_{iduser}_" in token


def test_a_route_that_does_not_ask_passes_it_byte_for_byte(carrying, id):
    pulled(carrying, booking(id, clear()))
    before, answer = pull(carrying, booking(id), path="plain")
    assert answer.content == before


def test_what_the_vault_does_not_have_passes_byte_for_byte_and_is_counted(carrying, id):
    gateway, _ = carrying
    none = counted(gateway, "not_carried")
    before, answer = pull(carrying, booking(id), booking(None), booking(""))
    assert answer.content == before
    assert answer.headers["X-Gateway-Cards"] == "found=0 tokenized=0 failed=0 carried=0"
    assert counted(gateway, "not_carried") == none + 1


def test_a_card_that_was_forgotten_is_not_handed_out(carrying, id):
    gateway, _ = carrying
    (token,) = pulled(carrying, booking(id, clear("4000000000009995")))
    url = "http://{}:{}/v1/cards/{}".format(*gateway.addresses.control, token)
    key = gateway.key(scopes=("cards",))
    assert requests.delete(url, headers={"X-Api-Key": key}, timeout=10).status_code == 204
    before, answer = pull(carrying, booking(id))
    assert answer.content == before
    assert answer.headers["X-Gateway-Cards"].endswith("carried=0")


def test_a_mask_keeps_standing_beside_the_token_of_its_card(carrying, id):
    (token,) = pulled(carrying, booking(id, clear()))
    masks = [{"pan": "5555XXXXXXXX4444"}, {"pan": "5555XXXXXXXX1111"}]
    one, other = ({"bookings": [booking(id, mask)]} for mask in masks)
    _, answer = pull(carrying, *one["bookings"])
    assert answer.json()["bookings"][0]["card"] == {"pan": "5555XXXXXXXX4444", "token": token}
    assert answer.headers["X-Gateway-Cards"].endswith("left=1 ask_again=0 carried=1")
    before, answer = pull(carrying, *other["bookings"])
    assert answer.content == before


def test_p06_two_hotels_with_one_number_get_each_its_own(carrying, id):
    hotels = ["10107", "10108", "20207"]
    tokens = [pulled(carrying, booking(id, clear(), hotel=hotel))[0] for hotel in hotels]
    assert tokens[0] == tokens[1] != tokens[2]  # the first two are one product's
    other = pulled(carrying, booking(id, clear(OTHER), hotel="10108"))[0]
    again = pulled(carrying, *(booking(id, hotel=hotel) for hotel in hotels))
    assert again == [tokens[0], other, tokens[2]]


def test_p06_another_hotel_s_booking_number_gets_a_channel_manager_nothing(carrying, id):
    (token,) = pulled(carrying, booking(id, clear()))
    for hotel in ("10108", "20207", "nobody's"):
        body, answer = push(carrying, booking(id, hotel=hotel))
        assert json.loads(body) == {"bookings": [booking(id, hotel=hotel)]}
        assert answer.headers["X-Gateway-Cards"].startswith("found=0 tokenized=0 failed=0")
    body, _ = push(carrying, booking(id), path="carry-b")  # another channel manager's
    assert not ALIAS.search(body)
    body, answer = push(carrying, booking(id))  # what it may push goes to the PMS, not back
    assert json.loads(body)["bookings"][0]["token"] == token
    assert token not in answer.text + str(answer.headers)


def test_p24_an_answer_that_only_hands_out_again_is_kept_with_its_token(carrying, id):
    gateway, _ = carrying
    (token,) = pulled(carrying, booking(id, clear()))
    count = "select count(*) from answer"
    before = gateway.rows(count)[0][0]
    assert pulled(carrying, booking(id)) == [token]
    assert gateway.rows(count) == [(before + 1,)]
    pull(carrying, booking(f"{id}-none"))
    assert gateway.rows(count) == [(before + 1,)]


def test_thirty_two_at_once_get_one_token(carrying, id):
    (token,) = pulled(carrying, booking(id, clear()))
    gateway, partner = carrying
    body = json.dumps({"bookings": [booking(id)]}).encode()
    partner.bodies += [body] * 32
    key, began = gateway.key(), threading.Barrier(32)

    def one(_):
        with gateway.session(key) as session:
            began.wait(20)
            return session.post(
                f"https://booking.sandbox.test:{partner.port}/carry/pull",
                data="{}", headers={"Content-Type": "application/json"}, timeout=60,
            ).json()["bookings"][0]["token"]  # fmt: skip

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(one, range(32))) == {token}


def shown(gateway, token):
    url = "http://{}:{}/v1/cards/{}".format(*gateway.addresses.control, token)
    key = gateway.key(scopes=("cards",))
    return requests.get(url, headers={"X-Api-Key": key}, timeout=10).json()["bookings"]


@pytest.mark.parametrize("number", ["5129330000000005", "5268150000000007", "5129400000000006"])
def test_a_virtual_card_is_told_by_its_number_and_its_days_and_balance_are_kept(
    carrying, id, number
):
    gateway, _ = carrying
    more = {"from": "2030-03-31", "until": "06/2030", "balance": "67.55", "currency": "EUR"}
    tokens = pulled(
        carrying, booking(id, clear(number) | more), booking(f"{id}-b", clear(number)),
        booking(f"{id}-c", clear()),
    )  # fmt: skip
    first, second = shown(gateway, tokens[0])
    days = {"active_from": "2030-03-31", "active_until": "2030-06-30"}
    assert first["virtual"].items() >= (days | {"balance": "67.55", "currency": "EUR"}).items()
    assert second["virtual"]["active_from"] is None
    assert {one["virtual"] for one in shown(gateway, tokens[2]) if one["id"] == f"{id}-c"} == {None}


def test_what_a_route_brings_stands_beside_its_link(carrying, id):
    gateway, _ = carrying
    pulled(carrying, booking(id, clear()))
    last = "select retention from link order by id desc limit 1"
    assert gateway.rows(last) == [("14/20",)]
    push(carrying, booking(f"{id}-pushed", clear()))
    assert gateway.rows(last) == [("",)]
    pull(carrying, booking(id, departure="2031-01-01"))
    ((retention, departure),) = gateway.rows(
        "select retention, departure from link order by departure desc limit 1"
    )
    assert (retention, departure) == ("14/20", "2031-01-01")
