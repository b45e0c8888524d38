"""A number that this exchange put in, of which up to three digits are missing: of a cut one the rest is
soon found, since the last digit checks the others (P11)."""

from __future__ import annotations

import json

import pytest

from gateway.cards.scan import find_cards
from gateway.headers import Headers
from gateway.stages.guard import guard_body, guard_headers

NUMBER = "4242424242424242"
ALIAS = "tok_77_AbCdEfGhIjKlM"
PUT_IN = {NUMBER: ALIAS}
AMEX = "378282246310005"


@pytest.mark.parametrize("missing", [1, 2, 3])
@pytest.mark.parametrize("number", [NUMBER, AMEX])
def test_p11_what_is_left_of_a_cut_number_is_the_token(number, missing):
    for left in (number[:-missing], number[missing:]):
        body = f"{{'card': '{left}".encode()  # and there the answer broke off
        guarded = guard_body(body, "json", {number: ALIAS})
        assert guarded.body == f"{{'card': '{ALIAS}".encode()
        assert (guarded.masked, guarded.echoed) == (0, 1)


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        ("4242 4242 4242 424", ALIAS),
        ("4242-4242-4242-42", ALIAS),
        ("&#52;24242424242424", ALIAS),
        ("no. 424242424242424 12", f"no. {ALIAS} 12"),  # beside another number
        ("a 42424242424242 b 242424242424242 c", f"a {ALIAS} b {ALIAS} c"),
        (f"{NUMBER} 424242424242424", f"{ALIAS} {ALIAS}"),  # beside the whole one
        (f"4242424242424242-{NUMBER}-42424242424242", f"{ALIAS}-{ALIAS}-{ALIAS}"),
    ],
)
def test_p11_so_in_every_spelling(left, shown):
    assert guard_body(left.encode(), None, PUT_IN).body.decode() == shown


def test_p11_a_literal_becomes_a_text():
    guarded = guard_body(b'{"number": 424242424242424, "id": 7}', "json", PUT_IN)
    assert json.loads(guarded.body) == {"number": ALIAS, "id": 7}


def test_p11_so_in_headers():
    headers = Headers([(b"X-Card", b"424242424242424")])
    assert guard_headers(headers, PUT_IN) == 1
    assert headers.get("X-Card") == ALIAS


@pytest.mark.parametrize(
    "text",
    [
        "424242424242",  # four are missing: as many as a receipt hides
        "4242424242424247",  # another number, and no card
        "14242424242424",  # its middle is everybody's
        "99424242424242424",
        "424242******4242",
    ],
)
def test_p15_anything_else_is_the_same_object(text):
    body = text.encode()
    assert guard_body(body, None, {"4242424242424242"[:15] + "9": ALIAS}).body is body


def test_of_many_numbers_whole_ones_alone_are_known():
    """A list of bookings is no echo of a charge."""
    many = [f"{NUMBER[:12]}{n:04}" for n in range(1000, 1033)]
    assert find_cards(many[0][:-1].encode(), known=many[:32]) != []
    assert find_cards(many[0][:-1].encode(), known=many) == []
