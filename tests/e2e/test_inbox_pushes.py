"""A push that does not fit its rule is kept, sealed, for whoever mends the rule: `inbox: refused`."""

from __future__ import annotations

import json
import re

import pytest
import requests

from gateway.errors import MessageUnfit, VaultUnavailable
from gateway.vault.answer import AnswerState
from tests.children import command
from tests.e2e.inbox import kept, listed, table
from tests.running import ROOT

PAN = "4111111111111111"
PACK = """
system: own
about: Pushes of a partner who was read wrong
shapes:
  one:
    format: xml
    booking: //Booking
    card: Card
    number: Number
    expiry: {{ at: Expiry, as: MMYY }}
    cvc: Code
    hotel: "@hotel"
routes:
  - {{ name: push, at: /push/own, forward: "{{pms}}/own", auth: channel-manager, methods: [POST], {word} request: {{ tokenize: one, insert: [{{ into: Card, each: card, xml: "<Token>{{alias}}</Token>" }}] }} }}
"""
# Somebody took the partner's XML for JSON.
WRONG = """
system: own
about: Pushes that nobody can read
shapes: {{ one: {{ format: json, card: $.Card, number: Number, cvc: Code }} }}
routes:
  - {{ name: push, at: /push/own, forward: "{{pms}}/own", auth: channel-manager, methods: [POST], {word} request: {{ tokenize: one }} }}
"""
CARD = f"<Card><Number>{PAN}</Number><Expiry>1230</Expiry><Code>987</Code></Card>"
BOOKING = f'<Booking hotel="1"><Guest>Ada</Guest>{CARD}</Booking>'
# A card in base64, where nothing can be replaced.
DISGUISED = BOOKING.replace("Ada", "NDExMTExMTExMTExMTExMQ==")
BROKEN = BOOKING.replace("</Card>", "")


@pytest.fixture
def own(own_gateway, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()

    def start(pack=PACK, word="inbox: refused,", **more):
        (folder / "own.yaml").write_text(pack.format(word=word))
        return own_gateway(rules=str(folder), hotels={"own": {"1": "seaside"}}, **more)

    start.folder = folder
    return start


def push(gateway, body, **more):
    headers = {"X-Push-Key": gateway.secret("push-key"), "Content-Type": "text/xml"} | more
    with gateway.endpoint_session() as session:
        url = f"{gateway.endpoints}/push/own"
        return session.post(url, data=body, headers=headers, timeout=20)


def refused(gateway, row):
    return gateway.loop.call(table(gateway).open_refused(row.exchange, client=row.client))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BROKEN, "message_malformed"),
        (DISGUISED, "card_disguised"),
        (BOOKING.replace("</Number>", "<!-- a -->1</Number>"), "message_forbidden"),
        ("", "message_malformed"),
    ],
    ids=["cut", "base64", "comment", "nothing"],
)
def test_a_push_that_does_not_fit_is_kept(own, body, code):
    gateway = own()
    answer = push(gateway, body.encode())
    assert answer.headers["X-Gateway-Refused"] == code
    (row,) = listed(gateway)
    assert (row.state, row.code, row.client) == (AnswerState.REFUSED, code, "push:channel-manager")
    assert row.exchange == answer.headers["X-Gateway-Exchange"]
    assert row.route == "own/push"
    assert row.is_push
    assert kept(gateway, row) is None
    assert b"987" not in refused(gateway, row).body
    assert refused(gateway, row).body.count(PAN.encode()) == body.count(PAN)
    assert not gateway.sandbox.received.requests("pms")


def test_p16_p21_what_is_kept_is_sealed_and_has_no_security_code(own):
    gateway = own()
    for body in (BROKEN, DISGUISED):
        push(gateway, body.encode())
    assert len(listed(gateway)) == 2
    for row in listed(gateway):
        assert b"987" not in refused(gateway, row).body
    for place, written in gateway.everything_written():
        assert PAN.encode() not in written, place
        assert b"<Card>" not in written, place


def test_p28_nothing_of_a_stranger_is_kept(own):
    gateway = own()
    assert push(gateway, BROKEN.encode(), **{"X-Push-Key": "wrong"}).status_code == 401
    assert listed(gateway) == []


def test_p28_a_client_does_not_see_what_was_pushed(own):
    """Not even one of the same name: `push:` stands before it. An administrator does."""
    gateway = own()
    push(gateway, BROKEN.encode())
    (row,) = listed(gateway)
    url = "http://{}:{}/v1/exchanges".format(*gateway.addresses.control)

    def ask(key, path=""):
        return requests.get(url + path, headers={"X-Api-Key": key}, timeout=20)

    assert ask(gateway.key(scopes=("proxy",), products=())).json() == []
    proxy = ask(gateway.key(scopes=("proxy",), products=()), "?client=push:channel-manager")
    assert proxy.status_code == 403
    admin = gateway.key(scopes=("admin",), products=())
    (shown,) = ask(admin).json()
    assert (shown["exchange"], shown["push"], shown["code"]) == (row.exchange, True, "message_malformed")  # fmt: skip
    assert "card-gateway exchanges replay" in shown["what_to_do"]
    answer = ask(admin, f"/{row.exchange}/answer?client=push:channel-manager")
    assert answer.status_code == 403
    assert PAN not in answer.text


def test_the_same_push_again_is_kept_once(own):
    gateway = own()
    for _ in range(3):
        push(gateway, BROKEN.encode())
    push(gateway, BROKEN.replace("Ada", "Eva").encode())
    assert len(listed(gateway)) == 2
    assert gateway.logs.getvalue().count("push_kept_before") >= 2


def test_no_more_is_kept_than_there_is_room_for(own):
    gateway = own(inbox={"pushes": 2})
    for name in "ABCD":
        push(gateway, BROKEN.replace("Ada", name).encode())
    rows = listed(gateway)
    assert len(rows) == 2
    assert sorted(refused(gateway, row).body.partition(b"<Guest>")[2][:1] for row in rows) == [b"A", b"B"]  # fmt: skip
    assert '"why": "no_room"' in gateway.logs.getvalue()


def test_nor_more_bytes(own):
    gateway = own(inbox={"push_bytes": 1500})
    for name in "AB":
        push(gateway, BROKEN.replace("Ada", name * 600).encode())
    assert len(listed(gateway)) == 1


def test_p27_a_vault_that_takes_nothing_changes_nothing_for_the_partner(own, monkeypatch):
    gateway = own()

    async def down(*args, **more):
        del args, more
        raise VaultUnavailable

    monkeypatch.setattr(gateway.worker._vault.answers, "quarantine", down)
    answer = push(gateway, BROKEN.encode())
    assert answer.headers["X-Gateway-Refused"] == "message_malformed"
    assert "push_not_kept" in gateway.logs.getvalue()
    monkeypatch.undo()
    push(gateway, BROKEN.encode())
    assert len(listed(gateway)) == 1, "what was not kept is no reason not to keep it now"


def test_an_id_that_names_another_exchange_does_not_cost_the_push(own):
    gateway = own()
    for name in "AB":
        push(
            gateway, BROKEN.replace("Ada", name).encode(), **{"X-Gateway-Exchange": "the-same-one"}
        )
    assert len({row.exchange for row in listed(gateway)}) == 2


def test_what_can_not_be_decoded_is_told_and_not_kept(own):
    gateway = own()
    push(gateway, b"no gzip", **{"Content-Encoding": "gzip"})
    assert listed(gateway) == []
    assert "push_not_kept" in gateway.logs.getvalue()


def test_without_the_word_nothing_is_kept(own):
    gateway = own(word="")
    assert push(gateway, BROKEN.encode()).status_code == 400
    assert listed(gateway) == []


def run(gateway, *words):
    return command("exchanges", *words, "--config", gateway.config_file)


def test_p36_an_operator_replays_a_push_once_its_rule_is_mended(own, tmp_path):
    gateway = own(pack=WRONG)
    assert push(gateway, BOOKING.encode()).headers["X-Gateway-Refused"] == "message_malformed"
    (row,) = listed(gateway)
    assert b"987" not in refused(gateway, row).body
    shown = run(gateway, "list")
    assert shown.returncode == 1
    assert row.exchange in shown.stdout.decode()
    assert run(gateway, "show", row.exchange).returncode == 0
    assert run(gateway, "answer", row.exchange, "--out", tmp_path / "none").returncode != 0
    assert not (tmp_path / "none").exists()
    seen = run(gateway, "outline", row.exchange)
    assert seen.returncode == 0, seen.stderr
    assert b"<Card><Number>0000000000000000</Number><Expiry>0000</Expiry>" in seen.stdout
    assert b"Ada" not in seen.stdout
    looked = gateway.rows("select action, outcome, detail from audit where exchange = '%s'" % row.exchange)  # fmt: skip  # noqa: UP031
    assert looked == [("fetch", "intent", "outline"), ("fetch", "done", "outline")]
    still = run(gateway, "replay", row.exchange, "--json")
    assert (still.returncode, json.loads(still.stdout)["code"]) == (1, row.code)
    (own.folder / "own.yaml").write_text(PACK.format(word="inbox: refused,"))
    done = run(gateway, "replay", row.exchange, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (now,) = listed(gateway, states=(AnswerState.UNDELIVERED,))
    assert now.exchange == json.loads(done.stdout)["exchange"]
    assert b"<Token>tok_test_" in kept(gateway, now).body
    assert PAN.encode() not in done.stdout + done.stderr + shown.stdout + kept(gateway, now).body


def test_a_replayed_push_has_its_tokens_and_is_handed_over_once(own, tmp_path):
    gateway = own()
    original = gateway.worker._pipeline._s.swap.find

    async def fail(*args):
        del args
        from gateway.errors import MessageUnfit

        raise MessageUnfit

    gateway.worker._pipeline._s.swap.find = fail
    assert push(gateway, BOOKING.encode()).headers["X-Gateway-Refused"] == "message_unfit"
    gateway.worker._pipeline._s.swap.find = original
    (row,) = listed(gateway)
    done = run(gateway, "replay", row.exchange)
    assert done.returncode == 0, done.stderr
    (now,) = listed(gateway, states=(AnswerState.UNDELIVERED,))
    (before,) = listed(gateway, exchange=row.exchange)
    assert (before.state, now.client) == (AnswerState.REPLAYED, row.client)
    assert now.hotels == ("1",)
    assert f"exchanges answer {now.exchange}" in done.stdout.decode().replace("\n", " ")
    file = tmp_path / "push.xml"
    handed = run(gateway, "answer", now.exchange, "--out", file)
    assert handed.returncode == 0, handed.stderr
    body = file.read_bytes()
    assert b"<Token>tok_test_" in body
    assert b"411111******1111" in body
    assert b"987" not in body
    assert listed(gateway, exchange=now.exchange)[0].state is AnswerState.REPLAYED
    assert run(gateway, "replay", row.exchange).returncode == 2
    assert run(gateway, "outline", row.exchange).returncode == 2
    assert gateway.rows("select count(*) from card") == [(1,)]
    actions = gateway.rows("select action, outcome, client from audit where action in ('replay', 'fetch') order by id")  # fmt: skip
    assert actions == [
        ("replay", "intent", "push:channel-manager"),
        ("fetch", "intent", ""),
        ("fetch", "done", ""),
    ]


def test_p06_a_replayed_push_does_not_bring_a_replaced_card_back(own, sandbox, monkeypatch):
    """The card that came after it is what the booking gets again when it comes without one."""
    pack = PACK.replace("    cvc: Code", '    cvc: Code\n    booking_id: "@id"')
    gateway = own(pack=pack.replace("tokenize: one,", "tokenize: one, carry_forward: true,"))
    first = BOOKING.replace("<Booking", '<Booking id="R1"')
    second = first.replace(PAN, "5555555555554444")

    async def fail(*args):
        del args
        raise MessageUnfit

    monkeypatch.setattr(gateway.worker._pipeline._s.swap, "find", fail)
    assert push(gateway, first.encode()).headers["X-Gateway-Refused"] == "message_unfit"
    monkeypatch.undo()
    assert "tokenized=1" in push(gateway, second.encode()).headers["X-Gateway-Cards"]
    (row,) = listed(gateway)
    assert run(gateway, "replay", row.exchange).returncode == 0
    again = push(gateway, first.replace(CARD, "<Card/>").encode())
    assert "carried=1" in again.headers["X-Gateway-Cards"]
    tokens = [
        re.findall(b"<Token>(.*?)</Token>", one.body) for one in sandbox.received.requests("pms")
    ]
    assert len(tokens) == 2
    assert tokens[0] == tokens[1] != []


def test_a_push_that_can_not_be_read_stays_refused_though_no_card_is_in_it(own):
    gateway = own()
    push(gateway, b"<a>")
    (row,) = listed(gateway)
    assert run(gateway, "replay", row.exchange).returncode == 1
    assert listed(gateway)[0].state is AnswerState.REFUSED


def test_the_shipped_packs_that_keep_pushes():
    from gateway.rules.load import load_pack_text

    packs = [load_pack_text(file.read_text(), file.name) for file in sorted((ROOT / "rules").glob("*.yaml"))]  # fmt: skip
    pushes = {route.id for pack in packs for route in pack.routes if route.auth != "key"}
    keeping = {route.id for pack in packs for route in pack.routes if route.keeps_pushes}
    assert keeping == pushes
    assert len(pushes) >= 6
