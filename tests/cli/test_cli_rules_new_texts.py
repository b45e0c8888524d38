"""`card-gateway rules new`: plain text, by the names of its values or by its columns."""

from __future__ import annotations

import time

import pytest

from gateway.cards.scan import find_cards
from gateway.cli.examples import run_examples
from gateway.cli.proposal.texts import same_but, take_text
from gateway.cli.trying import try_message
from gateway.rules.load import load_pack_text
from tests.cli.proposals import FOLDER, rules_new

NUMBER, OTHER = "4111111111111111", "5555555555554444"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("text", "--as", "request")` answers (exit code, stdout, stderr) and has looked for cards in them."""
    monkeypatch.chdir(tmp_path)

    def invoke(text, *arguments):
        raw = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "a.txt").write_bytes(raw)
        code, printed, complained = rules_new("a.txt", *arguments)
        assert not find_cards(complained.encode())
        assert NUMBER not in printed.partition("examples:")[0]
        return code, printed, " ".join(complained.split())

    return invoke


SPELLED = {
    "a mail": (f"Card number: {NUMBER}\nExpires: 08/29\nCVC: 987\n", 'number: "Card number: {}"'),
    "a blank less": (f"Card number:{NUMBER}\nExpires:08/29\n", 'number: "Card number:{}"'),
    "in groups": ("Card number: 4111 1111 1111 1111\nExpires: 08/29\n", 'number: "Card number: {}"'),
    "laid out": (f"Card number      {NUMBER}\nExpires          08/29\n", 'number: "Card number {}"'),
    "a tab": (f"Card number\t{NUMBER}\nExpires\t08/29\n", 'number: "Card number\\t{}"'),
    "names and values": (f"CARDNO={NUMBER}\nEXPIRY=0829\nA=1\n", 'number: "CARDNO={}"'),
    "in one line": (f"PAN {NUMBER} EXP 0829 CVV 987", 'number: "PAN {} "'),
    "commas": (f"PAN: {NUMBER}, EXP: 0829, CVV: 987.", 'number: "PAN: {},"'),
    "quoted": (f"> Card number: {NUMBER}\n> Expires: 08/29\n", 'number: "Card number: {}"'),
    "an old one beside it": (
        f"Old card number: none\nCard number: {NUMBER}\nExpires: 08/29\n", 'number: "Card number: {}"',
    ),
    "the name once more": (
        f"Your card number: see below\ncard number: {NUMBER}\nExpires: 08/29\n", 'number: "^card number: {}"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SPELLED)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_p15_what_stands_around_a_value_is_its_path(new, what, end):
    text, number = SPELLED[what]
    code, out, err = new(text.replace("\n", end))
    assert code == 0, err
    assert number in out
    assert "expiry: " in out
    assert "1 card found and taken out, or put in; nothing else changed." in err
    (shape,) = load_pack_text(out, "text").shapes.values()
    assert shape.format == "text"


COLUMNS = {
    "semicolons": ";",
    "tabs": "\t",
    "bars": "|",
    "commas": ",",
}


@pytest.mark.parametrize("what", COLUMNS)
@pytest.mark.parametrize("named", [True, False])
def test_p15_each_line_of_columns_is_a_card(new, what, named):
    sign = COLUMNS[what]
    rows = [["1", "Ida Moe", NUMBER, "0829", "987"], ["2", "Bo", OTHER, "0930", "654"]]
    head = [["id", "guest", "card number", "expires", "cvc"]] if named else []
    text = "".join(sign.join(row) + "\n" for row in head + rows)
    code, out, err = new(text)
    assert code == 0, err
    assert 'card: "{line}"' in out
    assert ('sentinels: ["card number"]' in out) is named
    assert ("is it the security code?" in out) is not named
    pack = load_pack_text(out, "columns")
    _, trial = try_message(pack.routes[0], "response", text.encode())
    assert len([card for card in trial.cards if not card.left_alone]) == 2
    for gone in (NUMBER, OTHER, "987", "654"):
        assert gone.encode() not in trial.after
    assert b"Ida Moe" in trial.after


def test_p03_a_column_of_codes_is_emptied_in_every_line(new):
    """A code that was mistyped goes, too."""
    text = f"id;guest;pan;expires;cvc\n1;Ida;{NUMBER};0829;987\n2;Bo;{OTHER};0930;65\n"
    code, out, err = new(text)
    assert code == 0, err
    _, trial = try_message(load_pack_text(out, "columns").routes[0], "response", text.encode())
    assert trial.after.endswith(b";0829;\n2;Bo;tok_2_Example000002;0930;\n")


def test_p16_a_guests_name_leads_to_no_card(new):
    code, out, err = new(f"Zelda Quux: {NUMBER}\nZelda expires: 0829\n")
    assert "Zelda" not in out
    assert (code, out) == (1, "")
    assert "no name of a card's field leads to it" in err


@pytest.mark.parametrize(
    "text",
    [
        f"{{Card number}}: {NUMBER}\n",
        f"<html>Card number: {NUMBER}</html><br>",
        f'"CardNumber": "{NUMBER}", "Expires": "0829"',
        f"a;b\n1;2;{NUMBER}\n",
        f"Card number: {NUMBER}\n\0",
        f"Card number: {NUMBER}\nCard number: 12\n",
        f"Card number: {NUMBER}\nExpires: 0829\nCard number: {NUMBER[:-1]}2\nExpires: 0930\n",
    ],
)
def test_what_leads_to_two_places_or_none_is_not_proposed(new, text):
    code, out, err = new(text)
    assert (code, out) == (1, "")
    assert "card's number" in err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Array\n(\n    [number] => 4242424242424242\n    [cvv] => 917\n)\n", True),
        ('{"number"=>"4242424242424242", "cvc"=>"917"}', True),
        ("{'card': {'number': '4242424242424242', 'cvc': None}}", True),
        ("{\n  card: {\n    number: '4242424242424242',\n    cvc: null\n  }\n}\n", True),
        ("<QueryDict: {'card_number': ['4242424242424242']}>", True),
        ('{"card": {"number": "4242424242424242",}, x}', False),
        ("Card number == 4242424242424242 x", False),
    ],
)
def test_what_a_program_prints_of_its_data_is_told(new, text, told):
    code, out, err = new(text)
    assert (code, out) == (1, "")
    assert ("what a program prints of its own data" in err) is told


def test_a_charge_in_text_keeps_its_mask_and_its_label_is_told(new):
    body = f"PAN={NUMBER}\nEXP=0829\n"
    head = "POST https://pay.oldgate.example/auth HTTP/1.1\nContent-Type: application/json\n\n"
    code, out, err = new(head + body)
    assert code == 0
    assert "detokenize: card" in out
    assert "show:" not in out
    assert "label_wrong" in err


@pytest.mark.parametrize("name", ["mail.txt", "columns.csv", "columns_without_names.csv"])
def test_a_text_takes_its_token_in_the_numbers_place(new, name):
    code, out, _ = new((FOLDER / name).read_bytes())
    assert code == 0
    assert "show: alias" in out
    assert "insert:" not in out
    pack = load_pack_text(out, "text")
    assert [one.mistakes for one in run_examples(pack)] == [()] * len(pack.examples)
    assert pack.examples


def test_an_old_encoding_stays(new):
    text = f"Titulaire: Ren\u00e9e\nCard number: {NUMBER}\nExpires: 08/29\n".encode("latin-1")
    code, out, _ = new(text)
    assert code == 0
    _, trial = try_message(load_pack_text(out, "latin").routes[0], "response", text)
    assert b"Ren\xe9e" in trial.after


# --- whether nothing else changed -------------------------------------------------------------------


def test_p15_another_change_in_a_text_is_seen():
    text = f"x\nCard number: {NUMBER}\nExpires: 0829\ny".encode()
    taken = take_text(text)
    ours = {taken.leaves[0].steps}
    assert same_but(text, text.replace(NUMBER.encode(), b"tok"), ours)
    for after in (
        text.replace(b"0829", b"0830"),
        text.replace(b"x\n", b"z\n"),
        text.replace(b"x\n", b""),
        text + b"y",
        text[:-1],
        b"x" + text,
        b"",
    ):
        assert not same_but(text, after, ours), after


@pytest.mark.parametrize(
    "piece",
    ["a ", "a:", "a=", "PAN ", "PAN 1 ", "PAN: 1\n", "a" * 50 + ":", " \t", "card number", "1;2;3\n", ">", "- "],
)  # fmt: skip
def test_what_a_text_costs_grows_with_it_and_no_faster(piece):
    """A quarter of a megabyte of each: what was squared would take hours."""
    text = piece * ((1 << 18) // len(piece)) + f"\nCard number: {NUMBER}\n"
    before = time.process_time()
    take_text(text.encode())
    assert time.process_time() - before < 20


def test_many_lines_are_many_cards(new):
    text = "".join(f"{n};Ida;{NUMBER};0829;987\n" for n in range(500))
    code, out, err = new("id;guest;pan;expires;cvc\n" + text)
    assert code == 0
    assert "500 cards found" in err
    assert len(out) < 2500
