"""Mails, columns, names and values: `format: text` with a real vault, through sockets, both ways."""

from __future__ import annotations

import re

import pytest

from gateway.sandbox.tls import server_context
from tests.e2e.packs import Partner, with_pack
from tests.e2e.test_charge import keep

PAN, REMARK = "5555555555554444", "4242424242424242"
PACK = """
system: plain
about: Messages in which nothing but the signs around a value says what it is
shapes:
  mail:
    format: text
    card: $
    number: "Card number: {}"
    expiry: { at: "Expires: {}", as: MM/YYYY }
    cvc: "CVC {} "
    show: alias
  export:
    format: text
    booking: "{line}"
    card: .
    booking_id: "^{};"
    number: "^{*};{};"
    expiry: { at: "^{*};{*};{};", as: MMYY }
    sentinels: [number]
  pairs: { format: text, card: $, number: "&ACCT={}&", expiry: { at: "&EXPDATE={}&", as: MMYY }, holder: "&NAME={}&" }
routes:
  - { name: mail, at: /plain/mail, forward: "{pms}/plain", product: seaside, methods: [POST], request: { tokenize: mail } }
  - { name: export, to: "https://secure-supply-xml.booking.com/plain/export", product: seaside, methods: [POST], response: { tokenize: export, header: X-Card-Tokens } }
  - { name: pay, at: /plain/pay, forward: "{siteminder}/pmsxchangev2/services/SANDBOX", methods: [POST], request: { detokenize: pairs } }
"""
MAIL = f"Booking 1234567890123456\r\nGuest: J\u00f6rg\r\nCard number: {PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]}\r\nCVC 123 (never keep it)\r\nExpires: 12/2030\r\nHe called: {REMARK}\r\n"


@pytest.fixture(scope="module")
def plain(sandbox, tmp_path_factory):
    partner = Partner(server_context(sandbox.directory))
    with with_pack(tmp_path_factory.mktemp("plain"), sandbox, "plain", PACK, partner) as gateway:
        yield gateway


def post(gateway, path, body, label="text/plain; charset=utf-8"):
    with gateway.endpoint_session(gateway.key(products=("seaside",))) as session:
        return session.post(
            f"{gateway.endpoints}/plain/{path}",
            data=body,
            headers={"Content-Type": label},
            timeout=20,
        )


def export(gateway, body, label="text/csv; charset=utf-8"):
    gateway.partner.body, gateway.partner.label = body, label.encode()
    with gateway.session(gateway.key(products=("seaside",))) as session:
        url = f"https://booking.sandbox.test:{gateway.partner.port}/plain/export"
        return session.post(url, data="all", headers={"Content-Type": "text/plain"}, timeout=20)


def alias_of(gateway, body):
    post(gateway, "mail", body)
    (request,) = gateway.sandbox.received.requests("pms")
    (alias,) = re.findall(rb"Card number: (tok_\w+)\r\n", request.body)
    return request.body, alias.decode()


def test_p03_p15_a_mails_card_becomes_a_token_and_nothing_else_changes(plain):
    got, alias = alias_of(plain, MAIL.encode())
    shown = MAIL.replace("5555 5555 5555 4444", alias).replace("CVC 123 ", "CVC  ")
    assert got.decode() == shown.replace(REMARK, "424242******4242")
    assert PAN not in plain.logs.getvalue()
    assert plain.rows("select count(*) from card") == [(1,)]


def test_p07_the_token_of_a_mail_becomes_the_card_in_names_and_values(plain):
    _, alias = alias_of(plain, MAIL.encode())
    post(plain, "pay", f"T=C&ACCT={alias}&EXPDATE=&NAME=&X=1&Y".encode())
    (request,) = plain.sandbox.received.requests("siteminder")
    assert request.body == f"T=C&ACCT={PAN}&EXPDATE=1230&NAME=&X=1&Y".encode()
    holder = keep(plain, holder="Ada Doe").alias
    post(plain, "pay", f"T=C&ACCT={holder}&EXPDATE=0101&NAME=x&X=1".encode())
    *_, request = plain.sandbox.received.requests("siteminder")
    assert request.body.endswith(b"&EXPDATE=1230&NAME=Ada Doe&X=1")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_p03_each_line_of_an_export_is_a_booking(plain, end):
    lines = [
        "id;number;expiry;",
        f"1;{PAN};1230;",
        "2;;;",
        f"3;{REMARK};0931;",
        "4;41111;1230;",
        "5;1111;1230;",
        "",
    ]
    answer = export(plain, end.join(lines).encode())
    assert answer.status_code == 200, answer.text
    lines[1], lines[3] = "1;555555******4444;1230;", "3;424242******4242;0931;"
    assert answer.content.decode() == end.join(lines).replace("41111", "*****")
    assert re.fullmatch(r"2\.1=tok_\w+; 4\.1=tok_\w+", answer.headers["X-Card-Tokens"])
    assert answer.headers["X-Gateway-Cards"].startswith("found=3 tokenized=2 failed=1")


@pytest.mark.parametrize(
    "body",
    [
        MAIL.encode("utf-16"),
        MAIL.encode("utf-16-le"),
        MAIL.encode("utf-16-be"),
        MAIL.encode() + b"\0",
        f"Card number: {PAN}\n".encode() + b"." * (1 << 19),
    ],
    ids=["utf-16", "le", "be", "zero byte", "large"],
)
def test_p10_what_is_no_such_text_is_refused_both_ways(plain, body):
    answer = post(plain, "mail", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "message_forbidden")
    assert not plain.sandbox.received.requests("pms")
    answer = export(plain, body, "text/plain; charset=utf-16")
    assert (answer.status_code, answer.json()["code"]) == (502, "message_forbidden")
    assert PAN.encode() not in answer.content


@pytest.mark.parametrize(
    "body",
    [
        "ACCT={}&EXPDATE=1230&NAME=x",  # nothing stands in front of it
        "T=C&ACCT={}&NAME=x&",  # no place for the expiry
        "T=C&ACCT={}&EXPDATE=1230&X=1",  # nor for the holder
    ],
)
def test_p10_where_a_text_has_no_place_nothing_is_added(plain, body):
    sent = body.format(keep(plain).alias).encode()
    answer = post(plain, "pay", sent)
    passed = [one.body for one in plain.sandbox.received.requests("siteminder")]
    if "T=C" in body:
        assert (answer.status_code, answer.json()["code"]) == (422, "message_unfit")
        assert passed == []
    else:  # no place of a card's: the token goes on as it came, and means nothing there
        assert passed == [sent]


def test_p09_another_formats_label_is_refused(plain):
    sent = f"T=C&ACCT={keep(plain).alias}&EXPDATE=1230&NAME=x&X=1".encode()
    answer = post(plain, "pay", sent, "application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["code"]) == (415, "label_wrong")
