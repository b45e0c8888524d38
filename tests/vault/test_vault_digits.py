"""Tokens of digits in the vault: one a card, found for their product alone, gone with their card."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from gateway.cards.digits import DigitsToken
from gateway.cards.expiry import Expiry
from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.vault import digits as digits_module
from gateway.vault.digits import Owner
from tests.gate import together
from tests.vault.makers import PAN, booking, find, keep, many, new, open_vault, opened, pan, rows
from tests.vault.rotating import BY, opened_all, renew, rotate
from tests.vault.test_vault_carried import carry

SEASIDE = Owner("seaside", True)


def shown(*args, **more):
    """A card that needs a token of digits."""
    return replace(new(*args, **more), digits=True)


def ours(vault, token, *owners):
    (found,) = asyncio.run(vault.digits.ours([token], owners or [SEASIDE]))
    return found


def drawing(monkeypatch, *texts):
    """What is drawn: these, one after the other, the last one for good."""
    left = list(texts)

    def draw(_):
        return DigitsToken(left.pop(0) if len(left) > 1 else left[0])

    monkeypatch.setattr(digits_module, "draw_digits", draw)


@pytest.mark.parametrize("number", ["501800000009", "378282246310005", PAN, "6771798021000008159"])
def test_it_leads_to_the_card_that_it_was_made_for(vault, number):
    (kept,) = keep(vault, shown(number))
    assert (len(kept.digits.text), kept.digits.text[-4:]) == (len(number), number[-4:])
    assert ours(vault, kept.digits) == kept.token
    assert find(vault, kept.token).card.pan.reveal() == number


def test_p25_a_card_has_one_whoever_keeps_it_and_when(vault):
    (before,) = keep(vault, new())
    assert before.digits is None
    assert not asyncio.run(vault.digits.has_any())
    first, twice = keep(vault, shown(), shown(at=booking("RES-2")))
    assert first.digits == twice.digits
    assert first.token == before.token
    again, plain = keep(vault, shown(), new())
    assert (again.digits, plain.digits) == (first.digits, None)
    assert asyncio.run(vault.digits.has_any())


def test_another_expiry_product_or_mode_has_another(vault):
    cards = [
        shown(), shown(expiry=Expiry(2031, 1)), shown(product="hilltop"), shown(test=False),
    ]  # fmt: skip
    kept = keep(vault, *cards)
    assert len({one.digits.text for one in kept}) == 4


def test_p06_it_leads_nowhere_for_another_product_or_mode(vault):
    (kept,) = keep(vault, shown())
    assert ours(vault, kept.digits, Owner("hilltop", True)) is None
    assert ours(vault, kept.digits, Owner("seaside", False)) is None
    assert ours(vault, kept.digits, Owner("hilltop", True), SEASIDE) == kept.token
    other = kept.digits.text[:-5] + str((int(kept.digits.text[-5]) + 1) % 10) + PAN[-4:]
    assert ours(vault, DigitsToken(other)) is None


def test_which_of_two_products_is_meant_must_be_said(vault, monkeypatch):
    drawing(monkeypatch, "9912345678900006")
    first, other = keep(vault, shown(), shown(product="hilltop"))
    assert first.digits == other.digits
    assert ours(vault, first.digits, SEASIDE, Owner("hilltop", True)) is None
    assert ours(vault, first.digits) == first.token
    assert ours(vault, first.digits, Owner("hilltop", True)) == other.token


def test_p25_one_that_is_taken_is_drawn_again(vault, monkeypatch):
    taken, free, third = "9912345678900006", "9922345678900006", "9932345678900006"
    drawing(monkeypatch, taken)
    keep(vault, shown(pan(1)))
    drawing(monkeypatch, taken, taken, free)
    assert keep(vault, shown(pan(2)))[0].digits.text == free
    drawing(monkeypatch, third, third, "9942345678900006")  # in one message, too
    assert len({one.digits.text for one in keep(vault, shown(pan(3)), shown(pan(4)))}) == 2


def test_where_none_is_free_the_card_is_not_kept(vault, monkeypatch):
    drawing(monkeypatch, "9912345678900006")
    keep(vault, shown(pan(1)))
    with pytest.raises(VaultUnavailable):
        keep(vault, shown(pan(2)))
    assert vault.count_by_product() == {"seaside": 1}


def test_it_goes_with_its_card(tmp_path):
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, shown())
        with rows(tmp_path) as connection:
            connection.with_cascades()
            connection.execute("DELETE FROM link WHERE iduser = ?", (kept.token.iduser,))
            assert connection.execute("SELECT count(*) FROM card").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM digit_token").fetchone() == (0,)
        assert ours(vault, kept.digits) is None
        (again,) = keep(vault, shown())
        assert again.digits != kept.digits


@pytest.mark.sqlite_alone("reads SQLite's own files")
def test_p16_the_database_does_not_hold_the_digits(tmp_path):
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, shown())
    for file in (tmp_path / "state").iterdir():
        assert kept.digits.text.encode() not in file.read_bytes()


@pytest.mark.parametrize("change", ["hash", "sealed"])
def test_p17_a_row_that_was_changed_by_hand_leads_to_no_card(tmp_path, change):
    with opened(tmp_path) as vault:
        kept = keep(vault, shown(pan(1)), shown(pan(2)))
        with rows(tmp_path) as connection:
            stood = dict(connection.execute(f"SELECT iduser, {change} FROM digit_token").fetchall())
            first, second = stood
            put = f"UPDATE digit_token SET {change} = ? WHERE iduser = ?"
            connection.execute(put, (b"meanwhile", first))
            connection.execute(put, (stood[first], second))
            connection.execute(put, (stood[second], first))
        for one in kept:
            with pytest.raises(RecordDamaged):
                ours(vault, one.digits)


def test_p17_a_row_that_was_moved_to_another_card_leads_to_none(tmp_path):
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, shown(pan(1)))
        (other,) = keep(vault, new(pan(2)))
        with rows(tmp_path) as connection:
            connection.execute("UPDATE digit_token SET iduser = ?", (other.token.iduser,))
        with pytest.raises(RecordDamaged):
            ours(vault, kept.digits)
        with pytest.raises(RecordDamaged):
            keep(vault, shown(pan(2)))


def test_p23_it_is_found_before_during_and_after_a_rotation(tmp_path):
    with opened(tmp_path) as vault:
        kept = keep(vault, *(replace(one, digits=True) for one in many(20)))
        rotate(vault)
        for count in range(3):
            assert [ours(vault, one.digits) for one in kept] == [one.token for one in kept]
            again = keep(vault, *(replace(one, digits=True) for one in many(20)))
            assert [one.digits for one in again] == [one.digits for one in kept]
            if count == 0:
                assert vault.rewrap.run(BY).rows["digit_token"] == 20
            elif count == 1:
                vault.rotation.retire(BY)
        assert len(opened_all(vault)["digit_token"]) == 20


def test_p25_one_that_is_hashed_under_an_old_key_is_taken(tmp_path, monkeypatch):
    with opened(tmp_path) as vault:
        drawing(monkeypatch, "9912345678900006")
        keep(vault, shown(pan(1)))
        rotate(vault)
        drawing(monkeypatch, "9912345678900006", "9922345678900006")
        assert keep(vault, shown(pan(2)))[0].digits.text == "9922345678900006"


@pytest.mark.pooled
def test_p25_many_at_once_show_a_card_as_one(tmp_path):
    """Cards that are there already, and cards that all bring at once; keys are changed meanwhile."""
    cards = [replace(one, digits=True) for one in many(40)]
    vaults = [open_vault(tmp_path, busy_seconds=60) for _ in range(4)]
    keep(vaults[0], *(replace(one, digits=False) for one in cards[:20]))
    said, failed, start = [], [], threading.Barrier(5)

    def poll(vault, share):
        start.wait()
        try:
            for _ in range(4):
                said.append([one.digits.text for one in keep(vault, *share)])
        except Exception as error:  # whatever it is, the test shows it
            failed.append(repr(error))

    shares = [cards[:12], cards[:12], cards, cards]
    threads = [
        threading.Thread(target=poll, args=pair) for pair in zip(vaults, shares, strict=True)
    ]
    for thread in threads:
        thread.start()
    with opened(tmp_path, busy_seconds=60) as rotating:
        start.wait()
        renew(rotating)
        for thread in threads:
            thread.join()
        assert failed == []
        assert {tuple(one[:12]) for one in said} == {tuple(said[0][:12])}
        long = {tuple(one) for one in said if len(one) == 40}
        assert len(long) == 1
        assert len(set(long.pop())) == 40
        assert ours(rotating, DigitsToken(said[0][0])) is not None
    for vault in vaults:
        vault.close()


NODE = """
import sys
from dataclasses import replace
from pathlib import Path
from tests import gate
from tests.vault.makers import keep, many, opened
with opened(Path(sys.argv[1]), busy_seconds=60) as vault:
    gate.wait(sys.argv[2])
    for one in many(30):
        print(*[kept.digits.text for kept in keep(vault, replace(one, digits=True))])
"""


@pytest.mark.slow
def test_p25_four_processes_show_a_card_as_one(tmp_path):
    with opened(tmp_path):
        pass
    (said,) = set(together(NODE, 4, tmp_path))
    assert len(said.split()) == 30


def test_p26_they_differ_from_one_card_to_the_next(vault):
    """The vault's own draw: of a thousand cards with the same last four no two begin alike."""
    cards = [replace(new(f"49{n:010d}1234"), digits=True) for n in range(1000)]
    texts = [one.digits.text for one in keep(vault, *cards)]
    assert len(set(texts)) == 1000
    starts = {text[2:6] for text in texts}
    assert len(starts) > 900  # of ten thousand; 951 are expected


def carried(vault, digits=True, cards=()):
    asked = replace(carry(), digits=digits)
    plan = asyncio.run(vault.keep_message(cards, [asked], []))
    return plan, [one.digits for one in plan.carried[0]]


def test_p25_a_card_that_is_handed_out_again_is_shown_by_the_same_digits(vault):
    (kept,) = keep(vault, shown())
    assert carried(vault)[1] == [kept.digits]
    assert carried(vault, digits=False)[1] == [None]


def test_p25_one_that_was_never_shown_so_gets_digits_then(vault):
    (kept,) = keep(vault, new())
    (token,) = carried(vault)[1]
    assert ours(vault, token) == kept.token
    assert carried(vault)[1] == [token]
    assert keep(vault, shown())[0].digits == token


def test_p25_one_message_may_bring_it_and_hand_it_out_again(vault):
    plan, (token,) = carried(vault, cards=[shown(), new(pan(3), at=booking("RES-2"))])
    assert [one.digits for one in plan.kept] == [token, None]


def test_p18_what_does_not_open_costs_no_other_card_its_token(tmp_path):
    with opened(tmp_path) as vault:
        (kept,) = keep(vault, shown())
        with rows(tmp_path) as connection:
            connection.execute("UPDATE digit_token SET sealed = ?", (b"damaged",))
        plan, digits = carried(vault, cards=[shown(pan(3), at=booking("RES-2"))])
        assert digits == [None]
        assert [one.token for one in plan.carried[0]] == [kept.token]
        assert ours(vault, plan.kept[0].digits) == plan.kept[0].token
