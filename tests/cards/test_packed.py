"""A card in a compressed message that is a field, in base64, of another one."""

from __future__ import annotations

import base64
import gzip
import json
import time
import zlib

import pytest

from gateway.cards.packed import _SEARCHED, unpack
from gateway.cards.scan import find_cards, has_long_number
from gateway.errors import CardDisguised
from gateway.stages.guard import guard_body

PAN = "4539578763621486"
CARD = json.dumps({"number": PAN, "expiry": "12/2030", "holder": "Ana Example"}).encode()
MANY = json.dumps([{"room": n, "guest": f"{n * 7919 % 99991}"} for n in range(30_000)]).encode()
PACKS = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zlib, best": lambda text: zlib.compress(text, 9),
    "zlib, fast": lambda text: zlib.compress(text, 1),
}
WRITES = {
    "base64": base64.b64encode,
    "base64url": lambda packed: base64.urlsafe_b64encode(packed).rstrip(b"="),
    "in lines": base64.encodebytes,
    "PHP": lambda packed: base64.b64encode(packed).replace(b"/", b"\\/"),
    "in lines, in JSON": lambda packed: base64.encodebytes(packed).replace(b"\n", b"\\n"),
}


@pytest.mark.parametrize(
    ("pack", "write"),
    [("gzip", write) for write in WRITES]
    + [(pack, write) for pack in list(PACKS)[1:] for write in list(WRITES)[:3]],
)
@pytest.mark.parametrize("text", [CARD, MANY + CARD], ids=["short", "long"])
def test_p11_a_card_in_a_compressed_field_is_refused(text, pack, write):
    body = b'{"ok": true, "payload": "' + WRITES[write](PACKS[pack](text)) + b'", "z": 1}'
    (one,) = find_cards(body)
    assert (one.digits.reveal(), one.view) == (PAN, "base64")
    assert has_long_number(body)
    with pytest.raises(CardDisguised):
        guard_body(body, None, {})


@pytest.mark.parametrize(
    "body",
    [
        b'{"payload": "' + base64.b64encode(gzip.compress(MANY)) + b'"}',
        b"H4sI H4sIAAAAAAAAA " + b"eJ" * 40,
        b'{"name": "' + base64.b64encode(zlib.compress(CARD))[:20] + b'"}',
        b'{"name": "x' + base64.b64encode(gzip.compress(CARD)) + b'"}',  # it begins elsewhere
    ],
)
def test_p15_what_holds_no_card_passes(body):
    assert guard_body(body, None, {}).body is body


def test_a_bomb_is_read_up_to_a_limit():
    bomb = base64.b64encode(gzip.compress(b"0 " * 20_000_000))
    ((start, end, content),) = unpack(b"<a>" + bomb + b"</a>", [])
    assert len(content) == 1 << 22
    assert 3 == start < end <= 3 + len(bomb)


def test_p11_wherever_a_search_ends():
    packed = base64.b64encode(gzip.compress(CARD))
    for before in range(_SEARCHED - 5, _SEARCHED + 3):
        (found,) = unpack(b" " * before + packed, [])
        assert (found[0], found[2]) == (before, CARD)


def test_many_bombs_are_read_up_to_the_limit_of_one():
    bomb = base64.b64encode(gzip.compress(b"0 " * 1_000_000))
    found = list(unpack((bomb + b"|") * 50, []))
    assert sum(len(content) for _, _, content in found) == 1 << 22
    assert len(found) == 3


@pytest.mark.parametrize("first", [b"", b"x" * 10, bytes(range(256)) * 400])
def test_p11_a_card_in_a_later_member_is_found(first):
    """gzip's readers read one member after the other (RFC 1952, section 2.2)."""
    packed = gzip.compress(first, 0) + gzip.compress(CARD)
    (one,) = find_cards(b'{"payload": "' + base64.b64encode(packed) + b'"}')
    assert one.digits.reveal() == PAN


def test_it_is_linear_in_what_begins_again_and_again():
    begins = base64.b64encode(zlib.compress(CARD, 0))[:60]

    def spent(times):
        body = (begins + b"\n") * times
        start = time.process_time()
        list(unpack(body, range(0, len(body), len(begins) + 1)))
        return time.process_time() - start

    spent(100)
    few = min(spent(2_000) for _ in range(3))
    assert min(spent(20_000) for _ in range(3)) < 30 * few
