"""`card-gateway rules new`: what stands around a card: a merchant's name, an agency's, identifiers, bookings."""

from __future__ import annotations

import json

import pytest

from gateway.rules.load import load_pack_text
from tests.cli.proposals import rules_new

NUMBER, OTHER, LIKE_A_CARD = "4242424242424242", "5105105105105100", "4539578763621486"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("a.json", body, "--push")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def invoke(name, text, *arguments):
        (tmp_path / name).write_text(text)
        code, out, err = rules_new(name, *arguments)
        for number in (NUMBER, OTHER, LIKE_A_CARD):
            assert number not in out + err
        return code, out, " ".join(err.split())

    return invoke


@pytest.mark.parametrize("secret", ["Password", "pwd", "secret"])
def test_p15_a_merchants_name_is_no_holders(new, secret):
    """In its place a charge would have the holder's."""
    login = f"<Name>MERCHANTAPI</Name><{secret}>x</{secret}>"
    body = f"<CC5Request>{login}<Number>{NUMBER}</Number><Expires>12/26</Expires></CC5Request>"
    code, out, err = new("a.xml", body)
    assert code == 0, err
    assert "holder" not in out


def test_a_name_beside_a_number_is_the_holders(new):
    body = f"<CC5Request><Name>Ida Moe</Name><Number>{NUMBER}</Number><Expires>12/26</Expires></CC5Request>"
    _, out, _ = new("a.xml", body)
    assert "holder: Name" in out


AGENCIES = {
    "Bookingcom Agent": 'holders: ["Bookingcom Agent"]',
    "Expedia VirtualCard": 'holders: ["Expedia VirtualCard"]',
    "Ida Agent": "",
}


@pytest.mark.parametrize("holder", AGENCIES)
def test_p16_an_agencys_name_marks_its_cards_and_a_guests_stands_nowhere(new, holder):
    card = {"number": NUMBER, "exp": "12/30", "cvc": "123", "holder": holder}
    body = json.dumps({"bookings": [{"id": "1", "card": card}]})
    code, out, err = new("a.json", body, "--as", "response")
    assert code == 0, err
    said = AGENCIES[holder]
    if not said:
        assert "# virtual" not in out
        assert holder not in out + err
        return
    assert f"    # virtual: {{ {said} }}   # an agency's card\n" in out
    shape = out.replace("    # virtual:", "    virtual:")
    assert load_pack_text(shape, "agency").shapes["answer"].virtual.holders == (holder,)


RANGE = ("5129330000000006", "5129330000000014", "5129330000000022")
BINS = {
    "a flag beside each": ([(RANGE[0], True), (RANGE[1], True), (NUMBER, False)], True),
    "another card of the range": ([(RANGE[0], True), (RANGE[1], True), (RANGE[2], False)], False),
    "one card": ([(RANGE[0], True), (NUMBER, False)], False),
    "one card, twice": ([(RANGE[0], True), (RANGE[0], True)], False),
    "two ranges": ([(RANGE[0], True), (NUMBER, True)], False),
}


@pytest.mark.parametrize("what", BINS)
@pytest.mark.parametrize("by", ["flag", "holder"])
def test_agencies_numbers_that_begin_alike_are_proposed_as_a_range(new, what, by):
    cards, said = BINS[what]
    rows = []
    for n, (number, agency) in enumerate(cards):
        card = {"number": number, "exp": "12/30"}
        if by == "flag":
            card["is_virtual"] = agency
        else:
            card["holder"] = "Expedia VirtualCard" if agency else "Ida Moe"
        rows.append({"id": str(n), "hotel_id": "1", "card": card})
    code, out, err = new("a.json", json.dumps({"bookings": rows}), "--as", "response")
    assert code == 0, err
    assert not [number for number in RANGE if number in out + err]
    assert ('bins: ["512933"]' in out) is said
    if said:
        shape = out.replace("    # virtual:", "    virtual:")
        assert load_pack_text(shape, "agency").shapes["answer"].virtual.bins


def test_an_identifier_in_a_push_is_proposed_as_no_card(new):
    card = f'<PaymentCard CardNumber="{NUMBER}" ExpireDate="1230"/>'
    body = f'<OTA_HotelResNotifRQ EchoToken="{LIKE_A_CARD}"><HotelReservation>{card}</HotelReservation></OTA_HotelResNotifRQ>'
    code, out, err = new("a.xml", body, "--as", "request", "--push")
    assert code == 0, err
    assert '    # not_cards: ["/OTA_HotelResNotifRQ/@EchoToken"]   # could pass' in out
    shape = out.replace("    # not_cards:", "    not_cards:")
    assert load_pack_text(shape, "push").shapes["booking"].not_cards


def test_a_charge_that_has_bookings_says_what_it_was_taken_for(new):
    card = {"number": NUMBER, "exp": "12/30"}
    body = json.dumps({"reservations": [{"id": "1", "card": card}]})
    _, out, err = new("a.json", body, "--as", "request")
    assert "detokenize: card" in out
    assert "taken for a charge. If a channel manager sends it to the PMS: --push." in err
    _, out, err = new("a.json", body, "--as", "request", "--charge")
    assert "taken for a charge" not in err


def test_the_items_of_a_bare_list_are_bookings_where_one_says_which_it_is(new):
    rows = [
        {"bookId": "1", "cardNumber": number, "cardExpire": "12/30"} for number in (NUMBER, OTHER)
    ]
    code, out, err = new("a.json", json.dumps(rows), "--as", "response")
    assert code == 0, err
    assert 'booking: "$[*]"' in out
    assert "booking_id: bookId" in out
    bare = [{"cardNumber": row["cardNumber"], "cardExpire": "12/30"} for row in rows]
    _, out, _ = new("a.json", json.dumps(bare), "--as", "response")
    assert "booking:" not in out


def test_p15_strings_that_ruby_puts_together(new):
    """As a client of Square's prints its answer: YAML in strings, a line of which goes on in the next one."""
    parameters = json.dumps({"card": {"number": NUMBER, "month": 1, "year": 2029, "name": "Ida @"}})
    said = f"--- !ruby/object:Square\nstatus: 400\nparameters: '{parameters}'\n".replace(
        "@", "\n  Moe"
    )
    strings = [json.dumps(line + "\n") for line in said.splitlines()]
    code, out, err = new("a.txt", " +\n".join(strings) + "\n")
    assert code == 0, err
    assert "card: $.card" in out
    assert "Moe" not in out


@pytest.mark.parametrize(
    ("wrapped", "path"),
    [
        ('{"Bookings": %s}', "$.Bookings.*"),
        ('{"data": {"found": %s}}', "$.data.found.*"),
        ("%s", "$.*"),
    ],
)
def test_p15_each_booking_of_an_object_is_one_whatever_it_is_called(new, wrapped, path):
    """The next message has others: no proposal may name them, nor have them all for one booking."""
    card = {"CardNumber": NUMBER, "CardExpiry": "01/31"}
    bookings = {
        "12345": {"OrderId": "a", "Departure": "2030-05-06", "Payments": [card]},
        "77": {"OrderId": "b", "Departure": "2030-05-07", "Payments": []},
    }
    code, out, err = new("a.json", wrapped % json.dumps(bookings), "--as", "response")
    assert code == 0, err
    shape = next(iter(load_pack_text(out, "keyed").shapes.values()))
    assert [one.text for one in shape.bookings] == [path]
    assert "12345" not in out


@pytest.mark.parametrize("acting", [True, False])
def test_several_identifiers_are_proposed_as_no_cards_in_one_line(new, acting):
    """Each in a line of its own would be a key twice for whoever takes them all over."""
    said = {"code": LIKE_A_CARD, "loyalty": OTHER, "more": {"loyalty": OTHER}}
    card = {"payment": {"card_number": NUMBER, "card_expiry": "12/2030", "cvv": "123"}}
    if acting:
        text = json.dumps({"reservations": [{**said, **card}]})
        code, out, err = new("a.json", text, "--as", "response")
    else:
        ask, answer = json.dumps(card), json.dumps(said)
        post = f"POST /pay HTTP/1.1\r\nHost: pay.example\r\nContent-Type: application/json\r\nContent-Length: {len(ask)}\r\n\r\n{ask}"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        code, out, err = new("a.http", post + head + answer)
    assert code == 0, err
    key = "not_cards" if acting else "response"
    assert out.count("not_cards:") == out.count(f"    # {key}: ") == 1
    pack = load_pack_text(out.replace(f"    # {key}: ", f"    {key}: "), "several")
    if acting:
        assert len(next(iter(pack.shapes.values())).not_cards) == 3
    else:
        assert "$.more.loyalty" in out  # loaded, with all of them
