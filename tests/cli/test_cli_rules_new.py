"""`card-gateway rules new`: what is proposed for recordings in the dialects of processors and channels."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest
import typer
from typer.testing import CliRunner

from gateway.cards.scan import find_cards
from gateway.cli import rules as command
from gateway.cli.examples import run_examples
from gateway.cli.proposal.plan import Planned, plan
from gateway.cli.proposal.proof import prove
from gateway.cli.proposal.written import system_of, written
from gateway.cli.transcript import read
from gateway.cli.trying import try_message
from gateway.rules.load import load_pack_text
from tests.cli.proposals import FILES, FOLDER, expected, routes_of, told

NUMBER = "4111111111111111"
REFUSED = {"redsys_json.http"}  # signed: what is proposed is to refuse it
LINES = 20  # of a route with its shape, without comments


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("--push", "file")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    command.register(app)

    def invoke(*arguments, stdin=None):
        result = CliRunner().invoke(app, ["rules", "new", *map(str, arguments)], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return invoke


def sides(routes: list[Planned]):
    return [
        (way, route, getattr(route, way)) for route in routes for way in ("request", "response")
    ]


def test_there_are_enough_dialects():
    assert len(FILES) >= 100
    assert set(expected()) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_what_is_proposed(name):
    assert told(routes_of(name)) == expected()[name]


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
def test_p15_the_proposal_finds_every_card_and_changes_nothing_else(name):
    routes = routes_of(name)
    proven = prove(written(routes, system_of(routes)), routes)
    assert proven.wrong == ()
    assert proven.found == proven.cards > 0


# Two cards side by side in one form: what is pushed so is refused, and the command says so.
@pytest.mark.parametrize(
    "name", [name for name in FILES if name not in {*REFUSED, "two_cards_flat.http"}]
)
def test_p15_the_same_where_the_request_is_pushed(name):
    """Tokenized with insertions instead: the same shapes, the other way."""
    routes = plan(read(FOLDER / name), push=True, way=None)
    text = written(routes, system_of(routes))
    proven = prove(text, routes)
    assert proven.wrong == ()
    assert proven.found == proven.cards > 0


@pytest.mark.parametrize("name", FILES)
def test_p16_no_value_of_the_recording_is_in_the_proposal(name):
    routes = routes_of(name)
    text = written(routes, system_of(routes))
    names = {
        step.name
        for _, _, side in sides(routes)
        for m in side.messages
        for d in m.documents
        for leaf in d.taken.leaves
        for step in leaf.steps
    }
    paths = "".join(route.host + route.path for route in routes)
    for _, _, side in sides(routes):
        for message in side.messages:
            for document in message.documents:
                for leaf in document.taken.leaves:
                    value = leaf.text.strip()
                    if (
                        len(value) < 6
                        or value in " ".join(names)
                        or value in paths
                        or f"='{value}'" in text
                    ):
                        continue
                    assert value not in text
                for card in document.cards:
                    assert card.number.text not in text


@pytest.mark.parametrize("name", FILES)
def test_a_route_is_short(name):
    routes = routes_of(name)
    lines = written(routes, system_of(routes), examples=False).splitlines()
    yaml = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert len(yaml) <= LINES * max(1, len(routes)) + 4


@pytest.mark.parametrize("name", FILES)
def test_the_same_recording_gives_the_same_proposal(name):
    first, second = routes_of(name), routes_of(name)
    assert written(first, "same") == written(second, "same")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FILES
        if "form " in str(expected()[name]) or "json " in str(expected()[name])
    ],
)
def test_p15_readers_of_others_see_nothing_else_change(name):
    """Not our own readers: Python's json and urllib."""
    routes = routes_of(name)
    pack = load_pack_text(written(routes, system_of(routes)), "proposal")
    for rule, route in zip(pack.routes, routes, strict=True):
        for message in route.request.messages:
            if not message.cards:
                continue
            document = message.documents[0]
            if document.taken.format not in {"json", "form"} or route.pushed:
                continue
            if not route.request.acting or len(message.documents) > 1:
                continue
            card = document.cards[0].number
            token = b'"tok_1_Example000001"' if card.number else b"tok_1_Example000001"
            body = message.body.replace(card.text.strip().encode(), token, 1)
            _, trial = try_message(rule, "request", body)
            before, after = plain(body, message), plain(trial.after, message)
            fields = {leaf.name for one in document.cards for leaf in one.leaves}
            assert [one for one in before if one[0] not in fields and one not in after] == []
            assert trial.after.count(b"4111111111111111") > body.count(b"4111111111111111")


def plain(body, message):
    if message.documents[0].taken.format == "form":
        return parse_qsl(body.decode(), keep_blank_values=True)
    return list(flat(json.loads(body)))


def flat(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize("name", FILES)
def test_its_examples_come_out(name):
    routes = routes_of(name)
    pack = load_pack_text(written(routes, system_of(routes)), "proposal")
    assert [one.mistakes for one in run_examples(pack) if one.mistakes] == []
    assert pack.examples or name in REFUSED


# --- the command ------------------------------------------------------------------------------------


def test_it_prints_the_pack_and_says_what_it_saw(new):
    code, out, err = new(FOLDER / "nmi.txt")
    assert code == 0
    assert load_pack_text(out, "printed").system == "nmi"
    assert "1 card found and taken out, or put in; nothing else changed." in err
    assert NUMBER not in out + err


def test_it_writes_a_new_file_and_overwrites_none(new, tmp_path):
    file = tmp_path / "mine.yaml"
    assert new(FOLDER / "nmi.txt", "-o", file, "--system", "Mine")[:2] == (0, "")
    text = file.read_text()
    assert load_pack_text(text, "written").system == "mine"
    code, out, err = new(FOLDER / "nmi.txt", "-o", file)
    assert (code, out) == (2, "")
    assert "is there already" in err
    assert file.read_text() == text


def test_standard_input(new):
    code, out, _ = new("-", stdin=(FOLDER / "adyen.txt").read_text())
    assert code == 0
    assert "card: $.card" in out


def test_several_recordings_are_one_pack(new):
    code, out, _ = new(FOLDER / "two_exchanges.txt", FOLDER / "adyen.txt", "--system", "both")
    assert code == 0
    assert [route.name for route in load_pack_text(out, "both").routes] == [
        "tokens",
        "charges",
        "authorise",
    ]


@pytest.mark.parametrize(("option", "key"), [("--push", "tokenize"), ("--charge", "detokenize")])
def test_a_request_is_pushed_or_a_charge_as_it_is_said(new, option, key):
    code, out, _ = new(option, FOLDER / "adyen.txt")
    assert code == 0
    route = load_pack_text(out, "said").routes[0]
    assert (route.at is not None) == (option == "--push")
    assert f"{key}:" in out


def test_a_body_alone_is_what_is_said(new, tmp_path):
    (tmp_path / "body.json").write_text(json.dumps({"card": {"number": NUMBER, "expiry": "09/27"}}))
    assert "request: { detokenize: card }" in new("body.json")[1]
    out = new("body.json", "--as", "response")[1]
    assert "tokenize: answer" in out
    assert "the recording does not say where" in out
    assert new("body.json", "--as", "both")[0] == 2


NOTHING = {
    "scrubbed": ("CardNumber=[FILTERED]&ExpiryDate=0926", "CardNumber holds a mask, or a word"),
    "masked": ('{"card": {"number": "x", "pan": "411111******1111"}}', "$.card.pan holds a mask"),
    "an order": (
        f"orderId={NUMBER}&amount=1",
        "orderId could pass for a card's number, but its name",
    ),
    "neutral": (f'{{"thing": "{NUMBER}"}}', "nothing of a card stands near it"),
    "a remark": (f'{{"remark": "my card is {NUMBER}, thanks"}}', "within a longer text: $.remark"),
    "encrypted": (
        '{"card": {"encryptedCardNumber": "adyenjs_0_1_18$abcdefghijklmnop"}}',
        "is encrypted",
    ),
    "no format": (f"!! {NUMBER} ^0926", "it is no XML, JSON, form or multipart"),
    "nothing": ('{"status": "ok"}', "Nothing in it looks like a card's number"),
}


@pytest.mark.parametrize("what", NOTHING)
def test_p16_where_nothing_is_proposed_the_nearest_reason_is_said(new, tmp_path, what):
    body, reason = NOTHING[what]
    (tmp_path / "body.txt").write_text(f"POST https://x.example/pay HTTP/1.1\n\n{body}\n")
    code, out, err = new("body.txt")
    assert code == 1
    assert reason in err
    assert not find_cards((out + err).encode())
    assert ("opaque:" in out) == (what == "encrypted")


def test_a_card_in_the_url_is_said_to_be_there(new, tmp_path):
    (tmp_path / "get.http").write_text(f"GET https://x.example/pay?card={NUMBER} HTTP/1.1\n\n")
    code, out, err = new("get.http")
    assert (code, out) == (1, "")
    assert "in the URL" in err
    assert NUMBER not in err


def test_p16_an_identifier_in_a_path_is_a_star(new, tmp_path):
    """It may be a secret; and another exchange has another one."""
    path = "/v1/accounts/sk_live_51Hx/charges/8f14e45fceea167a/4111111111111111/now.json"
    body = f"ccnumber={NUMBER}&ccexp=0926"
    (tmp_path / "a.http").write_text(f"POST https://x.example{path} HTTP/1.1\n\n{body}\n")
    code, out, _ = new("a.http")
    assert code == 0
    assert 'to: "https://x.example/v1/accounts/*/charges/*/*/now.json"' in out


def test_a_label_of_another_format_is_told(new, tmp_path):
    head = "POST https://x.example/a HTTP/1.1\nContent-Type: text/namevalue\n\n"
    (tmp_path / "a.http").write_text(head + f"ACCT={NUMBER}&EXPDATE=0926\n")
    code, _, err = new("a.http")
    assert code == 0
    assert "label_wrong" in err


def test_what_is_signed_is_proposed_to_be_refused(new):
    code, out, err = new(FOLDER / "redsys_json.http")
    assert code == 1
    assert "because: signed" in out
    assert "signed" in err


def test_a_number_that_fails_its_check_is_proposed_with_a_question(new):
    code, out, _ = new(FOLDER / "luhn_fails.http")
    assert code == 0
    assert (
        "number: CardNumber   # this is called as a card's number is, but its check digit does not fit"
        in out
    )


def test_an_expiry_that_can_be_read_in_two_ways_is_asked_about(new, tmp_path):
    (tmp_path / "body.txt").write_text(f"ccnumber={NUMBER}&ccexp=1012")
    _, out, _ = new("body.txt")
    assert "expiry: { at: ccexp, as: MMYY }   # or YYMM? what was recorded fits both" in out


@pytest.mark.parametrize(
    ("beside", "line"),
    [
        ('"security": "737"', "cvc: security   # is it the security code?"),
        ('"cvv": "737"', "cvc: cvv\n"),
        ('"last": "1111"', None),
        ('"currency": "978"', None),
        ('"issue": "001"', None),
        ('"kind": "1111"', None),  # the number's last four
    ],
)
def test_p03_three_digits_by_an_unknown_name_are_asked_about(new, tmp_path, beside, line):
    """Beside a number nothing is a code so surely as to be left in it unseen."""
    (tmp_path / "a.json").write_text(f'{{"card": {{"pan": "{NUMBER}", "exp": "12/29", {beside}}}}}')
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert (line or "pan") in out
    assert ("cvc:" in out) is (line is not None)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("01/08/29", True),
        ("10/11/12", True),
        ("11/12", True),
        ("11-12", True),
        ("1112", True),
        ("10/11/2012", True),
        ("0829", False),
        ("08/29", False),
        ("31/08/2029", False),
        ("2012-11", False),
    ],
)
def test_whatever_fits_an_expiry_is_asked_about(new, tmp_path, text, others):
    card = {"number": NUMBER, "expiry": text, "cvc": "987"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("    expiry:")]
    assert ("# or " in line) is others


def test_an_expiry_that_is_a_number_without_its_zero_is_proposed(new, tmp_path):
    card = {"number": NUMBER, "expiry": 829, "cvc": "987"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert "expiry: { at: expiry, as: MMYY, type: number }\n" in out
    assert "no expiry" not in out


def test_a_number_without_an_expiry_is_asked_about(new, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"card": {"number": NUMBER, "cvc": "987"}}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert "number: number   # no expiry was found near it: is there one?" in out


CODES = {
    "a guess is as long as the code": ({"pin": "4321", "sec": "987"}, "cvc: sec   # is it the"),
    "four digits are no guess": ({"pin": "4321"}, None),
    "called a code, said again": ({"cvv": "987", "cvv2": "987"}, "cvc: [cvv, cvv2]\n"),
    "called a code, and another": (
        {"cvv": "987", "cvv2": "654"},
        "cvc: cvv   # cvv2 could be the code, too: instead of it, or both (cvc: [cvv, cvv2])?",
    ),
    "a name, and a guess": (
        {"sec": "654", "cvv": "987"},
        "cvc: cvv   # sec could be the code, too: instead of it, or both (cvc: [cvv, sec])?",
    ),
    "two guesses": (
        {"sec": "987", "tres": "654"},
        "remove the line if not   # tres could be the code, too",
    ),
}


@pytest.mark.parametrize("what", CODES)
def test_p03_what_could_be_the_code_as_well_is_told(new, tmp_path, what):
    fields, line = CODES[what]
    (tmp_path / "a.json").write_text(json.dumps({"card": {"num": NUMBER, "exp": "0829", **fields}}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert (line or "num") in out
    assert ("cvc:" in out) is (line is not None)


def test_p03_an_american_express_card_has_a_code_of_four_digits(new, tmp_path):
    card = {"num": "378282246310005", "exp": "0829", "pin": "432", "sec": "9876"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card}))
    _, out, _ = new("--as", "request", "a.json")
    assert "cvc: sec   # is it the security code?" in out


def test_p03_a_code_further_out_is_told(new, tmp_path):
    card = {"num": NUMBER, "exp": "0829", "cvv": "987"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card, "cvv2": "987"}))
    _, out, _ = new("--as", "request", "a.json")
    assert "cvc: cvv   # ../cvv2 could be the code, too" in out


def test_help_has_examples(new):
    code, out, _ = new("--help")
    assert code == 0
    assert "card-gateway rules new charge.http" in out


@pytest.mark.parametrize(
    "name", ["cybersource_soap.txt", "booking_com.xml", "worldpay.txt", "luhn_fails.http"]
)
def test_what_is_proposed_as_a_comment_can_be_taken_over(new, name):
    _, out, _ = new(FOLDER / name)
    taken_over = [
        line.replace("# ", "", 1)
        if line.lstrip().startswith(("# not_cards:", "# mode:", "# response:"))
        else line
        for line in out.splitlines()
    ]
    pack = load_pack_text("\n".join(taken_over) + "\n", "taken over")
    assert [
        one.mistakes for one in run_examples(pack) if one.mistakes and pack.routes[0].mode != "test"
    ] == []


def test_of_a_long_message_the_example_has_one_card(new, tmp_path):
    card = {"card_number": NUMBER, "expires": "12/2030", "guest": "x" * 100}
    bookings = [{"id": f"R{n}", "hotel_id": "10107", "payment": card} for n in range(200)]
    (tmp_path / "day.json").write_text(json.dumps({"reservations": bookings}))
    code, out, err = new("day.json")
    assert code == 0
    assert "200 cards found" in err
    assert "# shortened: only what leads to the card" in out
    (example,) = load_pack_text(out, "long").examples
    assert example.expect["cards"] == 1
    assert len(out) < 2500


def test_p16_a_guests_name_leads_to_no_card(new, tmp_path):
    """What a text beside says stands in a rule only where it is what a card's field is called."""
    guests = f'<guest name="Ada"><pay><pan>{NUMBER}</pan></pay></guest><guest name="Bob"/>'
    (tmp_path / "a.xml").write_text(f"<r><cvv>123</cvv><exp>0927</exp>{guests}</r>")
    code, out, _ = new("a.xml")
    assert code == 0
    assert "Ada" not in out
    assert "number: guest/pay/pan" in out


GUESTS = ["Zelda Quux", "zelda@quux.example", "R-20391", "card_88231"]


@pytest.mark.parametrize("guest", GUESTS)
@pytest.mark.parametrize("way", ["request", "response"])
def test_p16_a_guests_name_that_leads_to_a_card_is_any_name(new, tmp_path, guest, way):
    card = {"number": NUMBER, "exp": "0829", "cvc": "987"}
    guests = {"guests": {guest: card, f"{guest} 2": card}, "notes": {f"{guest} 3": "late", "x": 1}}
    (tmp_path / "a.json").write_text(json.dumps(guests))
    code, out, err = new("--as", way, "a.json")
    assert code == 0
    assert "2 cards found" in err
    assert 'card: "$.guests.*"\n' in out
    assert guest not in out
    (example,) = load_pack_text(out, "guests").examples
    assert example.expect["cards"] == 2


@pytest.mark.parametrize("name", ["Payment Card", "Card Data", "Reservations"])
def test_a_node_that_is_called_as_a_cards_keeps_its_name(new, tmp_path, name):
    card = {"Card Number": NUMBER, "Expiry Date": "0829", "CVC": "987"}
    (tmp_path / "a.json").write_text(json.dumps({name: card}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert name in out
    assert "number: \"['Card Number']\"" in out


def test_p16_a_number_that_is_a_name_is_shown_nowhere(new, tmp_path):
    wallet = {NUMBER: {"pan": NUMBER, "exp": "09/27", "cvv": "123"}}
    (tmp_path / "a.json").write_text(json.dumps({"wallet": wallet}))
    code, out, err = new("a.json")
    assert code == 1
    assert "411111******1111" in err
    assert NUMBER not in out + err
