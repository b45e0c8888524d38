"""`card-gateway rules new`: what it says of a recording beside the pack that it proposes, or instead of it."""

from __future__ import annotations

import base64
import json
import time

import pytest

from gateway.cards.scan import find_cards
from gateway.cli.proposal.logs import bodies_in, untagged
from gateway.cli.proposal.mended import is_part, mended
from tests.cli.proposals import FOLDER, rules_new

NUMBER = "4111111111111111"
SEALED = "hl0spHqAAamtY47Vo+W+dZcpDyK8QRqpx/gWzIM1F3X1VFV/zNUcKCuqaSL6F4S7MqOGUMOC3BXIZYaS9TpJf6xsMYeRDyMpiv+sE0VpY2a4gULh"
POST = "POST https://x.example/pay HTTP/1.1\n\n"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("text", "name.http")` answers (exit code, stdout, stderr) and has looked for cards in them."""
    monkeypatch.chdir(tmp_path)

    def invoke(text, name="a.http"):
        (tmp_path / name).write_text(text)
        code, printed, complained = rules_new(name)
        assert not find_cards(complained.encode())
        assert NUMBER not in printed.partition("examples:")[0]
        return code, printed, " ".join(complained.split())

    return invoke


def test_p16_cards_in_urls_and_headers_are_told_beside_a_proposal(new):
    code, out, err = new((FOLDER / "redirected.txt").read_text(), "a.txt")
    assert code == 0
    assert "number: cardno" in out
    assert "a.txt:7 (response): a card's number stands in the header Location." in err
    assert "a.txt:11 (request): a card's number stands in the URL." in err


def test_a_comma_too_many_is_told(new):
    code, _, err = new((FOLDER / "comma_json.http").read_text())
    assert code == 0
    assert "its JSON has a comma before a closing bracket" in err
    code, _, err = new(POST + json.dumps({"card": {"number": NUMBER, "exp": "08/29"}}))
    assert code == 0
    assert "comma" not in err


def test_a_part_of_a_document_is_asked_about(new):
    code, out, _ = new((FOLDER / "part_of_xml.txt").read_text(), "a.txt")
    assert code == 0
    assert "`part` stands for the element around these fields" in out


@pytest.mark.parametrize(
    ("text", "name", "where"),
    [
        (POST + json.dumps({"payload": f"<a>{SEALED}</a>"}), "a.http", "$.payload holds"),
        (f"<Request><Data>{SEALED}</Data></Request>", "a.xml", "/Request/Data holds"),
        (POST + SEALED, "a.http", "it is"),
    ],
)
def test_p16_what_may_be_encrypted_is_told(new, text, name, where):
    code, out, err = new(text, name)
    assert (code, out) == (1, "")
    assert f"(request): {where} what nobody between can read: encrypted?" in err
    assert SEALED[:20] not in err


def test_a_long_readable_text_is_not_called_encrypted(new):
    for text in ("A" * 200, "bm90aGluZyBvZiBhIGNhcmQg" * 8, "0123456789abcdef" * 8):
        _, _, err = new(POST + json.dumps({"payload": text}))
        assert "encrypted" not in err, text


def test_an_envelope_is_not_called_scrubbed_beside_what_is_in_it(new):
    inner = "<Card><PAN>[FILTERED]</PAN></Card>".replace("<", "&lt;")
    _, _, err = new(f"<Envelope><Body><request>{inner}</request></Body></Envelope>", "a.xml")
    assert "/Envelope/Body/request → /Card/PAN holds a mask" in err
    assert "/Envelope/Body/request, " not in err


# --- what is brought back to what was on the line ---------------------------------------------------


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (b'{"a": [1, 2, ], }', b'{"a": [1, 2 ] }'),
        (b'{"a": ",]", "b": "\\",}",}', b'{"a": ",]", "b": "\\",}"}'),
        (b'{"a": 1}', None),
        (b'{"a": ,}', None),
        (b"[,]", b"[]"),
        (b"{", None),
        (b"a=1,&b=2", None),
        (b'"' + b"\\" * 2000, None),
    ],
)
def test_commas(body, plain):
    found = mended(body)
    assert (found[0] if found else None) == plain


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"<a>1</a><b>2</b>", True),
        (b"<a>1</a>\n<b><c>1</c></b>", True),
        (b"<a>1</a>", False),
        (b"<r><a>1</a><b>2</b></r>", False),
        (b"<r><a>1</a></r><r><a>2</a></r>", False),  # two documents
        (b"text <a>1</a><b>2</b>", False),
        (b"<a>1</a>text<b>2", False),
        (b"<m:a>1</m:a><m:b>2</m:b>", True),  # nothing says what `m` means
        (b"<m:a><m:b>1</m:b></m:a>", True),
        (b'<m:a xmlns:m="urn:m"><m:b>1</m:b></m:a>', False),
        (b'<m:a xmlns:n="urn:n"><m:b>1</m:c></m:a>', False),
        (b'<?xml version="1.0"?><a>1</a><b>2</b>', False),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a><b/>", False),
        (b"", False),
    ],
)
def test_parts_of_documents(body, part):
    assert is_part(body) is part


def test_a_loggers_name_goes_and_lines_stay():
    log = b"I, [x] INFO -- : [Pay] POST\n[Pay] <a>\n  [Pay]   <b/>\n[Pay]\n[Pay] </a>\n\nend"
    assert untagged(log) == b" POST\n <a>\n   <b/>\n\n </a>\n\nend"
    for other in (
        b"[1]\n[2]\n[3]",
        b'["a"]\n["b"]\n["c"]',
        b"[Pay] a\nb\nc\nd\ne\nf\ng",
        b"",
        b"\n",
    ):
        assert untagged(other) == other


# --- what no rule can mend --------------------------------------------------------------------------


def test_p10_a_number_that_is_a_name_is_told(new):
    card = {"exp": "09/29", "cvv": "917"}
    code, out, err = new(POST + json.dumps({"cards": {NUMBER: card}}))
    assert (code, out) == (1, "")
    assert "a.http:1 (request): a card's number is itself a name, in $.cards." in err
    assert "Nothing in it" not in err
    code, _, err = new(POST + json.dumps({"card": {"number": NUMBER}, "all": {NUMBER: card}}))
    assert "a card's number is itself a name, in $.all." in err


@pytest.mark.parametrize("name", ["1234567890123456", "4111", "x4111111111111111"])
def test_another_name_is_not_told(new, name):
    _, _, err = new(POST + json.dumps({"cards": {name: {"a": "b"}}}))
    assert "itself a name" not in err


@pytest.mark.parametrize(
    ("path", "ambiguous"),
    [
        ("//v1/pay", True),
        ("/v1/./pay", True),
        ("/v1/pay;jsessionid=1", True),
        ("/v1/%2f", True),
        ("/v1/pay?a=//b", False),
        ("/v1/pay%20x", False),
        ("/v1/", False),
        ("/", False),
    ],
)
def test_p32_a_url_that_can_be_read_in_two_ways_is_told(new, path, ambiguous):
    body = json.dumps({"card": {"number": NUMBER, "exp": "08/29"}})
    code, _, err = new(f"POST {path} HTTP/1.1\nHost: pay.payvale.example\n\n{body}")
    assert code == 0
    assert ("a.http:1: its URL can be read in two ways" in err) is ambiguous


def test_elements_without_one_around_them_are_told_where_they_are_all_of_it(new):
    text = (FOLDER / "part_of_xml.txt").read_text()
    assert "no element around all of it" not in new(text, "a.txt")[2]
    code, _, err = new(POST + text)
    assert code == 0
    assert "a.http:1 (request): its XML has no element around all of it." in err


def test_p03_a_code_called_cc_beside_a_number_that_is_not_is_asked_about(new):
    code, out, _ = new(POST + f"cn={NUMBER}&ct=visa&ex=2909&cc=917")
    assert code == 0
    assert "cvc: cc   # is it the security code?" in out
    assert "cvc:" not in new(POST + f"cn={NUMBER}&ct=visa&ex=2909&xx=917")[1]


@pytest.mark.parametrize("name", ["part_of_xml.txt", "comma_json.http", "wrapped_form.txt", "curl_command.txt", "escaped_form.txt"])  # fmt: skip
def test_an_editors_mark_at_the_beginning_changes_nothing(new, name):
    text = (FOLDER / name).read_text()
    assert new("\ufeff" + text, name)[1] == new(text, name)[1]


def test_an_example_of_a_form_in_an_answer_comes_out(new):
    code, out, err = new((FOLDER / "link_in_answer.txt").read_text(), "a.txt")
    assert code == 0
    assert "numbers: [" in out
    assert "left out" not in err


def test_p16_what_is_encrypted_in_an_envelope_is_told(new):
    inner = json.dumps({"encryptedData": "a2f7382c07bdf1af" * 6, "terminal": "3"}).encode()
    body = json.dumps({"parametros": base64.b64encode(inner).decode(), "cifrado": "SHA2"})
    code, out, err = new(POST + body)
    assert (code, out) == (1, "")
    assert "$.parametros → $.encryptedData holds what nobody between can read: encrypted?" in err


@pytest.mark.parametrize("coded", [False, True])
def test_p16_a_pgp_message_is_told(new, coded):
    text = f"-----BEGIN PGP MESSAGE-----\n\n{SEALED}\n=Hj7N\n-----END PGP MESSAGE-----\n"
    said = base64.b64encode(text.encode()).decode() if coded else text
    code, out, err = new(POST + json.dumps({"RequestBase64": said}))
    assert code == 1
    assert "$.RequestBase64 is encrypted: nobody between can look into it." in err
    assert "because: encrypted" in out


def test_a_recording_that_was_printed_with_its_quotes_as_they_were(new):
    """`\\n` between its lines, what Ruby had escaped escaped twice, Ruby's own quotes bare."""
    body = json.dumps({"card": {"number": NUMBER, "exp": "08/29", "cvc": "917"}})
    told = f'opening connection to pay.payvale.example:443...\n<- "POST /pay HTTP/1.1\\r\\n\\r\\n"\n<- {json.dumps(body)}\n-> "HTTP/1.1 200 OK\\r\\n\\r\\n"\nConn close\n'
    printed = '"' + told.replace("\\", "\\\\").replace("\n", "\\n") + '"'
    code, out, _ = new(printed, "a.txt")
    assert code == 0
    assert "to: https://pay.payvale.example/pay\n" in out
    assert new(told, "a.txt")[1] == out


@pytest.mark.parametrize(
    "piece",
    [b"<a>\n", b"  {\n", b"<a>\n</b>\n", b"a", b"a=", b"a=&", b'"\\', b", ", b"{ ", b'{"', b"<a", b"[Pay] a\n", b"</a>\n"],
)  # fmt: skip
def test_what_a_log_costs_grows_with_it_and_no_faster(piece):
    """Half a megabyte of each: what was squared would take hours."""
    log = piece * ((1 << 19) // len(piece))
    before = time.process_time()
    bodies_in(b"x " + log + f" card {NUMBER} \n".encode())
    untagged(log)
    mended(b"{" + log)
    mended(b"<" + log)
    assert time.process_time() - before < 20
