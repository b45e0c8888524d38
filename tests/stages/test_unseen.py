"""What the guard's look does not see: compressed twice, or written in signs that stand for others."""

from __future__ import annotations

import base64
import encodings
import gzip
import zlib

import pytest

from gateway.cards.scan import find_cards
from gateway.errors import CardDisguised, MessageForbidden
from gateway.headers import Headers
from gateway.stages import unseen
from gateway.stages.guard import has_card
from gateway.stages.unseen import check_encodings, check_text

PAN = "4242424242424242"
ERROR = f'{{"error": {{"message": "card {PAN} was declined"}}}}'.encode()
LABELLED = ("xml", "json", "form")
UTF_7 = b"+" + base64.b64encode(PAN.encode("utf-16-be")).rstrip(b"=") + b"-"


def named(*types):
    return Headers([(b"Content-Type", one.encode()) for one in types])


def look(body, *types):
    check_encodings(named(*types), body, lambda text: has_card(text, {}, ()))


@pytest.mark.parametrize("format", [*LABELLED, "multipart", None])
@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(ERROR),
        zlib.compress(ERROR),
        gzip.compress(gzip.compress(ERROR)),
        b"%PDF-1.7\n\x00\x01" + zlib.compress(ERROR),
        b"PK\x03\x04" + b"\xe0" + zlib.compress(ERROR),
        ERROR + b"\x00\x01\xff\xfe" + zlib.compress(ERROR),
    ],
    ids=["gzip", "zlib", "twice", "pdf", "zip", "behind a document"],
)
def test_p08_p11_what_is_packed_is_no_text_whatever_its_label(format, packed):
    with pytest.raises(MessageForbidden):
        check_text(packed, format)


@pytest.mark.parametrize("format", LABELLED)
@pytest.mark.parametrize(
    "text",
    [
        ERROR,
        b"",
        "a=Núñez&b=中".encode(),
        "Reserva de Núñez".encode("latin-1"),
        "<a>Núñez</a>".encode("utf-16"),
        '{"a": "Núñez"}'.encode("utf-16-le"),
        "<html>№ 7 – wörtlich</html>".encode("cp1251", "replace"),
        "<a>ホテル</a>".encode("shift_jis"),
    ],
)
def test_p15_text_in_any_encoding_passes(format, text):
    check_text(text, format)


@pytest.mark.parametrize(
    ("body", "types"),
    [
        (b'{"m": "' + UTF_7 + b'"}', ["application/json; charset=utf-7"]),
        (b"<p>" + UTF_7, ["text/html;charset='UTF-7'"]),
        (b"<p>" + UTF_7, ["text/html", 'text/html; charset="unicode-1-1-utf-7"']),
        (ERROR.decode().encode("cp037"), ["application/json; charset=IBM037"]),
        (ERROR.decode().encode("cp500"), ["application/json; charset=ebcdic-cp-be"]),
        (f'<?xml version="1.0"?><a>{PAN}</a>'.encode("cp037"), ["text/xml"]),
        (b'\n<?xml version="1.0" encoding="utf-7"?><a>' + UTF_7 + b"</a>", ["text/xml"]),
        (b"<?xml version='1.0' encoding = 'UTF-7' ?><a>" + UTF_7 + b"</a>", ["text/plain"]),
        (("漢字" * 200 + "４２４２４２４２４２４２４２４２").encode("utf-16-le"), ["text/plain; charset=utf-16"]),
        ("４２４２４２４２４２４２４２４２".encode("shift_jis"), ["text/html; charset=Shift_JIS"]),
        ("４２４２４２４２４２４２４２４２".encode("gb18030"), ["text/html; charset=GB18030"]),
        ("４２４２４２４２４２４２４２４２".encode("iso2022_jp"), ["text/plain; charset=ISO-2022-JP"]),
    ],
)  # fmt: skip
def test_p11_p12_a_card_that_shows_in_the_encoding_that_is_named(body, types):
    assert find_cards(body) == []  # else the guard would have masked it
    with pytest.raises(CardDisguised):
        look(body, *types)


@pytest.mark.parametrize(
    ("body", "types"),
    [
        (b"{}", []),
        (b"{}", ["application/json; charset=utf-7"]),
        ("<p>ホテル 2-3</p>".encode("shift_jis"), ["text/html; charset=Shift_JIS"]),
        ("Núñez".encode("latin-1"), ["text/html; charset=ISO-8859-15"]),
        ("Núñez".encode(), ["text/html; charset=utf8mb4"]),
        (b"{}", ["application/json; charset=none"]),  # which nobody has heard of
        (b"{}", ["application/json; charset=zlib"]),
        (b"{}", ["application/json; charset=punycode"]),
        (b"\xff\xff", ["text/plain; charset=utf-16"]),
        (b"(", ["text/plain; charset="]),
    ],
)
def test_p15_what_holds_no_card_in_any_encoding_passes(body, types):
    look(body, *types)


@pytest.mark.parametrize("name", ["x-ibm1047", "zlib", "punycode", "unicode-escape"])
def test_p11_an_encoding_that_nobody_can_read_is_refused(name):
    with pytest.raises(MessageForbidden):
        look("Núñez".encode("latin-1"), f"text/plain; charset={name}")


def test_what_a_rule_calls_no_card_is_none_in_any_encoding():
    body, label = ERROR.decode().encode("cp037"), named("text/plain; charset=cp037")
    check_encodings(label, body, lambda text: has_card(text, {}, {PAN}))
    with pytest.raises(CardDisguised):
        check_encodings(label, body, lambda text: has_card(text, {PAN: "tok"}, {PAN}))


def test_p33_a_body_is_not_read_in_every_encoding_that_there_is():
    types = [f"text/plain; charset=cp{page}" for page in (437, 850, 852, 855, 857)]
    look(b"x", *types[:-1])
    with pytest.raises(MessageForbidden):
        look(b"x", *types)


def test_p08_a_sign_across_two_pieces_is_one_and_half_a_sign_at_the_end_is_none():
    """Read in pieces, so that no call holds the interpreter for long."""
    packed = b"\x00" + zlib.compress(ERROR)
    for before in range(unseen._PIECE - 3, unseen._PIECE + 1):
        check_text(b"x" * before + "中".encode() + b"\x00", "json")
        with pytest.raises(MessageForbidden):
            check_text(b"x" * before + "中".encode()[:2] + b"\x00", "json")
    with pytest.raises(MessageForbidden):
        check_text("中".encode() * unseen._PIECE + packed, "json")


@pytest.mark.parametrize("piece", [b"AAAA", b"ADEA"])
def test_p33_a_sign_that_never_ends_is_refused_and_not_read_again_and_again(piece):
    """UTF-7's decoder keeps what follows a `+` until it ends, and begins with it anew at each piece."""
    with pytest.raises(MessageForbidden):
        look(b"+" + piece * (unseen._PIECE // 2), "application/json; charset=utf-7")
    look(b"+" + piece * 8 + b"-" + b"x" * (4 * unseen._PIECE), "text/plain; charset=utf-7")


@pytest.mark.parametrize(
    "name",
    [
        "windows-874", "ISO-10646-UCS-2", "UCS-2", "unicode", "x-cp1252", "x-ansi", "ansi", "win-1252",
        "x-mac-roman", "x-gbk", "x-euc-jp", "x-user-defined", "8859_1", "x-iso-8859-1", "ISO-8859-8-I",
        "macintosh", "gb2312", "x-sjis", "binary", "unknown", "none", "null", "undefined",
    ],
)  # fmt: skip
def test_p15_what_partners_call_an_encoding_is_read_or_is_none(name):
    look('{"a": "Núñez"}'.encode("latin-1"), f"application/json; charset={name}")


def test_p33_no_name_that_a_peer_invents_is_kept():
    before = len(encodings._cache)
    for number in range(50):
        with pytest.raises(MessageForbidden):
            look("Núñez".encode("latin-1"), f"text/plain; charset=a{number}{'b' * (number * 9)}")
    assert len(encodings._cache) == before
