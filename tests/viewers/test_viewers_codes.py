"""Secret codes: which may be chosen, and what it takes to compare one."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway.errors import CodesBusy
from gateway.secret import Secret
from gateway.viewers.codes import Codes, weakness
from tests.viewers.people import CODE, OTHER, QUICK, WRONG

GUESSABLE = (
    "password12345", "Passwort2026!", "123456789abc", "abcdef123456", "qwertyuiop12", "aaaaaaaaaaa1",
    "1a1a1a1a1a1a", "seaside-2026-seaside", "reception0001", "Hotel-Hotel-99", "ana-ana-ana-1",
    "asdfghjkl123", "abc123abc123", "zyxwvu987654", "welcome2hotel9",
)  # fmt: skip


@pytest.mark.parametrize("code", GUESSABLE)
def test_p35_what_is_easily_guessed_is_no_code(code):
    assert weakness(Secret(code), ("Ana Example", "seaside")) == "code_guessable"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", "code_too_short"),
        ("otter-42-blu", None),
        ("otter-42-bl", "code_too_short"),
        ("x" * 10 + "otter-42-blue" * 9 + "z", None),
        ("x" * 20 + "otter-42-blue" * 9, "code_not_a_line"),
        ("sea-otter-42\nblue", "code_not_a_line"),
        ("sea-otter-blue", "code_needs_letters_and_digits"),
        ("739205816402", "code_needs_letters_and_digits"),
        (CODE, None), (OTHER, None), (WRONG, None),
        ("Ñandú y 3 ríos", None),
        ("Анна и 3 реки", None),
    ],
)  # fmt: skip
def test_p35_a_code_has_twelve_signs_letters_and_digits(code, problem):
    assert weakness(Secret(code), ("Ana Example", "seaside")) == problem


def test_a_code_is_the_same_however_its_letters_are_composed():
    codes = Codes(QUICK)
    typed = "ñandú y 3 ríos"
    hash = asyncio.run(codes.hash(Secret(unicodedata.normalize("NFD", typed))))
    assert asyncio.run(codes.matches(hash, Secret(unicodedata.normalize("NFC", typed))))
    assert not asyncio.run(codes.matches(hash, Secret("nandu y 3 rios")))
    assert not asyncio.run(codes.matches(hash, Secret(typed * 100)))
    codes.close()


def test_p35_a_hash_is_argon2id_and_costs_what_it_should():
    codes = Codes()
    hash = asyncio.run(codes.hash(Secret(CODE)))
    used = extract_parameters(hash.reveal())
    assert (used.type.name, used.memory_cost >= 65536, used.time_cost >= 3) == ("ID", True, True)
    assert not codes.is_outdated(hash)
    assert Codes(PasswordHasher(time_cost=4)).is_outdated(hash)
    assert CODE not in hash.reveal()
    codes.close()


def test_p33_no_more_hashes_at_once_than_there_are_places():
    codes, running, most = Codes(QUICK, at_once=2, waiting=3), 0, 0

    async def one():
        nonlocal running, most
        with codes.place():
            running += 1
            most = max(most, running)
            await codes.hash(Secret(CODE))
            running -= 1

    async def many():
        return await asyncio.gather(*(one() for _ in range(20)), return_exceptions=True)

    ended = asyncio.run(many())
    assert most == 5
    assert [type(end) for end in ended].count(CodesBusy) == 15
    with codes.place():  # they are free again
        assert len(codes._aside._pool._threads) <= 2
    codes.close()


def test_the_event_loop_goes_on_while_a_code_is_compared():
    codes = Codes(PasswordHasher(time_cost=12, memory_cost=65536, parallelism=1))
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    async def compare():
        beating = asyncio.create_task(beat())
        await codes.hash(Secret(CODE))
        beating.cancel()

    asyncio.run(compare())
    codes.close()
    assert beats > 10
