"""`card-gateway rules new`: columns in quotes, under a head or glued, and cards under the same words."""

from __future__ import annotations

import pytest

from gateway.cards.scan import find_cards
from gateway.cli.trying import try_message
from gateway.rules.load import load_pack_text
from tests.cli.proposals import rules_new

NUMBER, OTHER = "4242424242424242", "5105105105105100"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("text")` answers (exit code, stdout, stderr) and has looked for cards in them."""
    monkeypatch.chdir(tmp_path)

    def invoke(text, *arguments):
        (tmp_path / "a.txt").write_text(text, newline="")
        code, printed, complained = rules_new("a.txt", *arguments)
        assert not find_cards(complained.encode())
        assert NUMBER not in printed
        assert OTHER not in printed
        return code, printed, " ".join(complained.split())

    return invoke


def _after(out: str, text: str) -> str:
    """The text as the proposal leaves it; both of its cards were found."""
    _, trial = try_message(load_pack_text(out, "text").routes[0], "response", text.encode())
    assert sum(not card.left_alone and card.failure is None for card in trial.cards) == 2
    return trial.after.decode()


QUOTED = {
    "quoted": (
        f'"res","guest","card","expiry","cvc"\n"1","Moe, Ida","{NUMBER}","12/30","987"\n"2","Bo","{OTHER}","11/29","654"\n',
        'number: "^\\"{*}\\",\\"{*}\\",\\"{}\\","',
        '"1","Moe, Ida","tok_1_Example000001","12/30",""\n"2","Bo","tok_2_Example000002","11/29",""\n',
    ),
    "a name alone": (
        f'1,"Moe, Ida",{NUMBER},12/30,987\n2,"Roe ""R"" Bo",{OTHER},11/29,654\n',
        'number: "^{*},\\"{*}\\",{},"',
        '1,"Moe, Ida",tok_1_Example000001,12/30,\n2,"Roe ""R"" Bo",tok_2_Example000002,11/29,\n',
    ),
    "a head without": (
        f'res;guest;card number;expires;cvc\n"1";"Moe; Ida";"{NUMBER}";"12/30";"987"\n"2";"Bo";"{OTHER}";"11/29";"654"\n',
        'number: "^\\"{*}\\";\\"{*}\\";\\"{}\\";"',
        '"1";"Moe; Ida";"tok_1_Example000001";"12/30";""\n"2";"Bo";"tok_2_Example000002";"11/29";""\n',
    ),
}


@pytest.mark.parametrize("what", QUOTED)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_p15_columns_in_quotes(new, what, end):
    """A separator within quotes divides nothing."""
    text, number, after = (one.replace("\n", end) for one in QUOTED[what])
    code, out, err = new(text)
    assert code == 0, err
    assert number in out
    assert "2 cards found and taken out, or put in; nothing else changed." in err
    assert _after(out, text).endswith(after)
    assert "Moe" not in out


@pytest.mark.parametrize(
    "text",
    [
        f'1,"Ida,{NUMBER},12/30,987\n2,"Bo,{OTHER},11/29,654\n',  # quotes that nothing closes
        f'1,"Ida",{NUMBER},12/30\n2,Bo,{OTHER},11/29\n',  # in quotes, and without
    ],
)
def test_columns_whose_quotes_are_not_alike_are_not_proposed(new, text):
    code, out, err = new(text)
    assert (code, out) == (1, "")
    assert "card's number" in err


def test_p15_columns_below_their_names(new):
    text = (
        "RESNO  GUEST           CARD NUMBER       EXP   CVV   AMOUNT\n"
        "-----  --------------  ----------------  ----  ---  -------\n"
        f"10001  MOE IDA         {NUMBER}  1230  987   150.00\n"
        f"10002  ROE BO          {OTHER}  1129  654    99.00\n"
    )
    code, out, err = new(text)
    assert code == 0, err
    assert 'number: "^{*23}{17}"' in out
    assert "show: digits" in out
    assert 'sentinels: ["CARD NUMBER      "]' in out
    after = _after(out, text)
    assert [len(line) for line in after.splitlines()] == [len(line) for line in text.splitlines()]
    assert after.splitlines()[0] == text.splitlines()[0]
    for gone in (NUMBER, OTHER, "987", "654"):
        assert gone not in after
    assert "MOE IDA" in after


def test_p15_glued_columns(new):
    text = (
        f"10001MOE       IDA       {NUMBER}1230987 000015000EUR\n"
        f"10002ROE       BO        378282246310005 1129654 000009900EUR\n"
    )
    code, out, err = new(text)
    assert code == 0, err
    assert 'number: "^{*25}{16}"' in out
    assert 'expiry: { at: "^{*41}{4}", as: MMYY }' in out
    assert 'cvc: "^{*45}{3}"   # is it the security code?' in out
    after = _after(out, text)
    assert NUMBER not in after
    assert "378282246310005" not in after
    assert after.splitlines()[0].endswith("1230    000015000EUR")


@pytest.mark.parametrize(
    "text",
    [
        f"10001MOE{NUMBER}1230987\n",  # one line shows no column
        f"10001MOE {NUMBER}1230987\n10002ROE{OTHER}11296540\n",  # at another place
        f"10001M\u00d6E{NUMBER}1230987\n10002ROE{OTHER}1129654\n",  # signs are not bytes
    ],
)
def test_glued_columns_that_nobody_can_tell_are_not_proposed(new, text):
    code, out, _ = new(text)
    assert (code, out) == (1, "")


REPEATED = {
    "two": ("Card number: {a}\nExpires: 12/30\nCVC: 987\nTotal: 1\n", 'card: "Card number:{...}Card number:"'),
    "the expiry before": ("Expires: 12/30\nCard number: {a}\nCVC: 987\n", 'card: "Expires:{...}Expires:"'),
    "a name that says little": ("Number: {a}\nExp: 12/30\n", 'card: "Number:{...}Number:"'),
    "in one line": ("PAN {a} EXP 1230 CVV 987\n", 'card: "PAN{...}PAN"'),
    "said elsewhere": ("Your card number: below\n\ncard number: {a}\nExpires: 12/30\n", 'card: "Your card number:{...}Your card number:"'),
    "laid out": ("Card number     : {a}\nExpires         : 12/30\n", 'card: "Card number     :{...}Card number     :"'),
}  # fmt: skip


@pytest.mark.parametrize("what", REPEATED)
def test_p15_cards_under_the_same_words(new, what):
    """Each is the part of the text up to where the words stand again."""
    block, card = REPEATED[what]
    text = "".join(
        f"Reservation {n}\nGuest: Zelda Quux\n{block.format(a=number)}\n"
        for n, number in enumerate((NUMBER, OTHER), 1)
    )
    code, out, err = new(text)
    assert code == 0, err
    assert card in out
    assert "2 cards found and taken out, or put in; nothing else changed." in err
    assert "Zelda" not in out
    after = _after(out, text)
    for gone in (NUMBER, OTHER, "987"):
        assert gone not in after
    assert after.count("Guest: Zelda Quux\n") == 2


def test_cards_of_which_nobody_can_tell_whose_is_what(new):
    code, _, err = new(f"Card number: {NUMBER} or Card number: {OTHER}\nExpires: 12/30\n")
    assert code == 1, err


def test_what_stands_in_front_of_the_first_card_is_no_cards(new):
    cards = "".join(f"Card number: {one}\nExpires: 12/30\n" for one in (NUMBER, OTHER))
    code, out, err = new(f"Card holder: Zelda Quux\n{cards}")
    assert code == 0, err
    assert 'card: "Card number:{...}Card number:"' in out
    assert "holder" not in out.partition("examples:")[0]


def test_several_blanks_before_the_colon(new):
    text = f"Card type       : Visa\nCard number     : {NUMBER}\nExpiration date : 12/2030\n"
    code, out, err = new(text)
    assert code == 0, err
    assert 'number: "Card number     : {}"' in out


WITHIN = {
    "marks of its own": (f"PARMLIST=UN~demo%7CCC~{NUMBER}%7CEXPMNTH~12%7CEXPYR~28%7CCSC~999%7C", 'number: "CC~{}|"'),
    "semicolons": (f'{{"CardData": "PAN={NUMBER};ExpDate=0529;CVV=111", "Id": 1}}', 'number: "PAN={};"'),
    "columns": (f"data={NUMBER}%2C12%2F27%2C123&merchant=1", 'number: "^{},"'),
    "a query": (
        f'{{"query": "mutation {{ pay(card: {{number: \\"{NUMBER}\\", exp: \\"12/27\\"}}) {{ id }} }}"}}',
        'number: "number: \\"{}\\""',
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WITHIN)
def test_p15_a_card_in_the_plain_text_of_a_field(new, what):
    body, number = WITHIN[what]
    code, out, err = new(f"POST https://pay.example/charge HTTP/1.1\n\n{body}\n")
    assert code == 0, err
    assert "    envelope: { format: " in out
    assert number in out
    assert "request: { detokenize: card }" in out
    assert "1 card found and taken out, or put in; nothing else changed." in err


@pytest.mark.parametrize(
    "body",
    [
        f'{{"guest": "Ida", "remarks": "card number: {NUMBER}"}}',
        f'{{"reservations": [{{"text": "card number: {NUMBER}"}}]}}',
    ],
)
def test_p16_what_a_guest_remarks_is_no_envelope(new, body):
    """The guard masks it: another guest says it in other words, or nothing."""
    code, out, err = new(body, "--as", "response")
    assert (code, out) == (1, "")
    assert "the guard masks it on its way to the PMS" in err


def test_p15_a_text_that_says_utf_16_and_is_none(new):
    """What a text of another document declares is of no account, for the gateway as for us."""
    inside = f'<?xml version="1.0" encoding="utf-16"?><card num="{NUMBER}" exp="1227" cvc="123"/>'
    body = f"<Envelope><xmlRequest><![CDATA[{inside}]]></xmlRequest></Envelope>"
    code, out, err = new(f"POST https://pay.example/charge HTTP/1.1\n\n{body}\n")
    assert code == 0, err
    assert "    envelope: { format: xml, at: /Envelope/xmlRequest }" in out
    code, out, err = new(f"POST https://pay.example/charge HTTP/1.1\n\n{inside}\n")
    assert code == 1  # as a message of its own the gateway refuses it
    assert "message_forbidden" in err
