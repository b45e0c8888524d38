"""The quick way to a JSON body's containers against the scan, which reads every byte itself: the quick one
answers what the scan finds, or nothing."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs import json_containers, json_scan
from gateway.codecs.json_containers import Containers, find_containers
from gateway.codecs.json_grammar import WINDOW
from gateway.codecs.json_scan import MAX_CONTAINERS, MAX_DEPTH, Scan
from gateway.errors import GatewayError, MessageForbidden, MessageMalformed
from tests.codecs.corpus import CORPUS
from tests.codecs.json_documents import Value, documents

BOOKING = {"attributes": {"a": [1, {}, []], "guarantee": {"number": "4111111111111111"}, "b": {}}}


def quickly(body: bytes) -> Containers | None:
    start = len(body) - len(body.lstrip(b" \t\n\r"))
    if body[start : start + 1] not in (b"{", b"["):
        return None
    return find_containers(body, start, MAX_DEPTH, MAX_CONTAINERS)


def slowly(body: bytes) -> Containers | GatewayError:
    """What the scan comes to by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scan, "find_containers", lambda *_: None)
        try:
            return Scan(body)._containers
        except (MessageMalformed, MessageForbidden) as error:
            return error


def agrees(body: bytes) -> bool:
    """Whether the quick way answers; what it does is what the scan finds."""
    found = quickly(body)
    if found is not None:
        assert found == slowly(body)
    return found is not None


@settings(deadline=None)
@given(documents())
def test_p13_it_finds_what_the_scan_finds(document: tuple[Value, bytes]) -> None:
    value, body = document
    odd = (
        body.startswith(b"\xef\xbb\xbf")
        or b"\\ud" in body.lower()
        or b"NaN" in body
        or b"Infinity" in body
    )
    assert agrees(body) or odd or value.scalar


@settings(deadline=None)
@given(documents())
def test_p13_names_are_those_that_are_read_one_by_one(document: tuple[Value, bytes]) -> None:
    """In objects with names that stand twice and names with escapes, too."""
    _, body = document
    for twice in (
        body,
        b'{"a": %b, "b": 1, "a": %b}' % ((body.removeprefix(b"\xef\xbb\xbf"),) * 2),
    ):
        scan = Scan(twice)
        for number in range(len(scan._containers.starts)):
            if not scan.is_object(number):
                continue
            read, one_by_one = scan.names(number, 100), scan._names_of_long(number, 100)
            assert read.repeated == one_by_one.repeated
            members = {name: scan.member(one, number) for name, one in read.members.items()}
            assert members == one_by_one.members
            entries = list(scan.entries(number))
            assert scan.spans(number, read) == [(entry.start, entry.end) for entry in entries]


def test_p13_it_takes_nothing_that_the_scan_refuses() -> None:
    """Messages with something dropped, doubled or put in, where brackets and strings begin and end."""
    pieces = [
        b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"NaN", b"-Infinity", b"\xff", b"\0", b"\n", b"\xef\xbb\xbf",
        b"\\ud800", b"\\udc00", b"\\u0041", b'\\"', b"/*a*/", b"1", b".", b"e", b"0", b"'", b"]}", b'"a":{', b"[[",
    ]  # fmt: skip
    chance = random.Random(20261123)  # no secret
    bodies = [file.read_bytes() for file in sorted((CORPUS / "json").iterdir())]
    bodies += [json.dumps(BOOKING).encode(), json.dumps([BOOKING, "]}", 1], indent=1).encode()]
    told = {True: 0, False: 0}
    for body in bodies:
        if len(body) > 20_000:
            continue
        told[agrees(body)] += 1
        for _ in range(150):
            at = chance.randrange(len(body) + 1)
            some = body[at : at + chance.randrange(4)]
            new = chance.choice([b"", some + some, chance.choice(pieces), some[::-1]])
            told[agrees(body[:at] + new + body[at + len(some) :])] += 1
    assert min(told.values()) > 300


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
        b'["\\uD83D\\uDE00"]',  # in order, and left to the scan
        b'{"a":1.' + b"0" * WINDOW + b"}",
        b'{"a":1e' + b"0" * WINDOW + b"}",
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'[1],"a":[2]',
        b'[1],"a":{}',
        b"[1]}",
        b"[] []",
        b'{"a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        b'{"a":"' + b"b" * WINDOW + b'"}',
    ],
)
def test_p13_what_a_faster_parser_reads_otherwise_is_left_to_the_scan(body: bytes) -> None:
    assert quickly(body) is None


@pytest.mark.parametrize("levels", [63, 64, 65])
@pytest.mark.parametrize("before", [b"", b"[{}]," * 200])
def test_p13_as_many_levels_as_the_scan_takes(levels: int, before: bytes) -> None:
    body = b"[" + before + b"[" * (levels - 1) + b"]" * levels
    assert agrees(body) is (levels <= 64)


def test_what_the_pieces_cut_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strings with brackets, quotes and backslashes at the end of each piece that is looked at."""
    odd = ['{"a": [', "\\", '"', "]}", "a\\", "{" * 9]
    body = json.dumps([{text: [text, {}]} for text in odd] * 3).encode()
    for piece in range(60, 200):
        monkeypatch.setattr(json_containers, "_PIECE", piece)
        assert agrees(body)


def test_what_is_longer_than_a_piece_is_left_to_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_containers, "_PIECE", 20)
    assert agrees(b'[["aaaaaaaa"]]')
    assert not agrees(b'[["aaaaaaaaaaaaaaaaaaaaaaaa]"]]')


@pytest.mark.parametrize("body", [b"[]" + b" " * 100_000, b" " * 100_000 + b"{}", b"\r\n{\t}\n"])
def test_white_space_around_is_passed_at_a_stroke(body: bytes) -> None:
    assert agrees(body)


def test_large_bodies_are_read_in_short_steps_by_the_scan() -> None:
    most = json_containers.MOST
    assert agrees(b"[]" + b" " * (most - 2))
    assert quickly(b"[]" + b" " * (most - 1)) is None


def test_a_large_body_of_brackets_is_read_in_short_steps_by_the_scan() -> None:
    """What holds the interpreter's lock keeps everybody else waiting: up to 0.16 us for each bracket."""
    for count, read in ((30_000, True), (32_767, True), (32_768, False), (100_000, False)):
        assert agrees(b"[" + b"[]," * count + b"1]") is read
    deep = b"[" * 60 + b"]" * 60
    assert not agrees(b"[" + b",".join([deep] * 600) + b"]")  # 72 KB


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:\\a1 ', max_size=30))
def test_p13_brackets_and_quotes_in_any_order(text: str) -> None:
    agrees(text.encode())


def test_p16_nothing_of_a_message_is_kept_by_the_parser() -> None:
    """It answers an object with nothing in it, whatever the message holds."""
    number = "4111" * 4
    read = json_containers._AN_OBJECT.validate_json(
        json.dumps({number: number, "a": {"b": [number]}})
    )
    assert read == {}
