"""A gateway that shows cards in each way there is, and takes what it showed in each format."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from urllib.parse import parse_qs

from gateway.sandbox.tls import server_context
from tests.e2e.inbox import Once
from tests.e2e.packs import with_pack

PAN, SECOND, REMARK = "5555555555554444", "378282246310005", "4242424242424242"
ALIAS, DIGITS = r"tok_test_[0-9]+_[0-9A-Za-z]{13}", r"99[0-9]{10}4444"
LIMIT = 5  # of unknown tokens

PACK = """
system: styles
about: One shape, four ways to show its cards
shapes:
  ota:
    format: xml
    booking: //Booking
    card: .//Card
    number: "@number"
    expiry: { at: "@expires", as: MMYY }
    cvc: "@cvc"
  again:
    format: json
    booking: "$.bookings[*]"
    card: card
    number: pan
    booking_id: id
    show: digits
  bare:
    format: json
    booking: "$.bookings[*]"
    card: card
    number: { at: pan, type: number }
    expiry: { at: expires, as: MMYY }
    show: digits
  form:
    format: form
    card: $
    number: card[number]
    expiry_month: { at: "card[exp_month]", as: MM }
    expiry_year: { at: "card[exp_year]", as: YYYY }
    token: { iduser: iduser, tokenuser: tokenuser }
  json:
    format: json
    card: $.card
    number: number
    expiry: { at: expires, as: MM/YYYY }
    token: { iduser: iduser, tokenuser: tokenuser }
  xml:
    format: xml
    card: //Card
    number: "@number"
    expiry: { at: "@expires", as: MMYY }
    token: { iduser: "@iduser", tokenuser: "@tokenuser" }
routes:
  - name: pair
    to: https://secure-supply-xml.booking.com/styles/pair
    product: seaside
    methods: [POST]
    response:
      tokenize: ota
      insert:
        - { into: ., each: card, xml: "<PaycometResponse><iduser>{iduser}</iduser><tokenuser>{tokenuser}</tokenuser></PaycometResponse>" }
  - name: alias
    to: https://secure-supply-xml.booking.com/styles/alias
    product: seaside
    methods: [POST]
    response: { tokenize: ota, show: alias }
  - name: digits
    to: https://secure-supply-xml.booking.com/styles/digits
    product: seaside
    methods: [POST]
    response: { tokenize: ota, show: digits, header: X-Card-Tokens }
  - name: header
    to: https://secure-supply-xml.booking.com/styles/header
    product: seaside
    methods: [POST]
    response: { tokenize: ota, header: X-Card-Tokens }
  - name: bare
    to: https://secure-supply-xml.booking.com/styles/bare
    product: seaside
    methods: [POST]
    response: { tokenize: bare }
  - name: again
    to: https://secure-supply-xml.booking.com/styles/again
    product: seaside
    methods: [POST]
    response: { tokenize: again, carry_forward: true, header: X-Card-Tokens }
  - name: by-form
    at: /styles/form
    forward: "{siteminder}/pmsxchangev2/services/SANDBOX"
    methods: [POST]
    request: { detokenize: form }
  - name: by-json
    at: /styles/json
    forward: "{siteminder}/pmsxchangev2/services/SANDBOX"
    methods: [POST]
    request: { detokenize: json }
  - name: by-xml
    at: /styles/xml
    forward: "{siteminder}/pmsxchangev2/services/SANDBOX"
    methods: [POST]
    request: { detokenize: xml }
"""


@contextmanager
def started(directory, sandbox):
    """A gateway with the pack, and the partner whose cards it shows: `gateway.partner`."""
    partner = Once(server_context(sandbox.directory))
    limits = {"unknown_tokens": LIMIT}
    with with_pack(directory, sandbox, "styles", PACK, partner, limits=limits) as gateway:
        yield gateway


def pull(gateway, key, route, answer, content_type="text/xml"):
    gateway.partner.bodies = [answer]
    gateway.partner.more = f"Content-Type: {content_type}\r\n".encode()
    with gateway.session(key) as session:
        answer = session.post(
            f"https://booking.sandbox.test:{gateway.partner.port}/styles/{route}",
            data="{}", headers={"Content-Type": "application/json"}, timeout=20,
        )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer


def bookings(*cards):
    inner = "".join(f"<Booking>{one}</Booking>" for one in cards)
    return f"<Bookings>{inner}</Bookings>".encode()


def card(number=PAN):
    return f'<Card number="{number}" expires="1230" cvc="123"/>'


def charge(gateway, key, format, body):
    """What arrived at the processor."""
    label = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
    gateway.sandbox.received.clear()
    with gateway.endpoint_session(key) as session:
        answer = session.post(
            f"{gateway.endpoints}/styles/{format}", data=body,
            headers={"Content-Type": label.get(format, "text/xml")}, timeout=20,
        )  # fmt: skip
    arrived = gateway.sandbox.received.requests("siteminder")
    return answer, arrived[0].body.decode() if arrived else ""


def numbers(format, body):
    """The card's number and expiry, as a reader of the format has them."""
    if format == "form":
        form = parse_qs(body)
        expiry = form["card[exp_month]"][0] + form["card[exp_year]"][0][2:]
        return form["card[number]"][0], expiry
    if format == "json":
        found = json.loads(body)["card"]
        return found["number"], found["expires"][:2] + found["expires"][-2:]
    return re.search('number="(.*?)"', body)[1], re.search('expires="(.*?)"', body)[1]


def with_text(format, text):
    return {
        "form": {"card[number]": text, "amount": "1099"},
        "json": json.dumps({"card": {"number": text}, "amount": 1099}),
        "xml": f'<Pay><Card number="{text}"/><Amount>1099</Amount></Pay>',
    }[format]


def with_pair(format, iduser, tokenuser):
    return {
        "form": {"iduser": iduser, "tokenuser": tokenuser, "amount": "1099"},
        "json": json.dumps({"card": {"iduser": int(iduser), "tokenuser": tokenuser}}),
        "xml": f'<Pay><Card iduser="{iduser}" tokenuser="{tokenuser}"/></Pay>',
    }[format]


def shown_digits(styles, key, number=PAN):
    answer = pull(styles, key, "digits", bookings(card(number)))
    return re.search('number="(.*?)"', answer.text)[1]
