"""A viewer's code: counted before it is looked at, five in a row, and what a right one does."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher

from gateway.errors import (
    CodesBusy,
    CodeWrong,
    LinkExpired,
    RecordDamaged,
    SecondPersonRequired,
    VaultUnavailable,
    ViewerLocked,
    ViewerNotReady,
    ViewerUnknown,
)
from gateway.secret import Secret
from gateway.vault.viewer import State
from gateway.vault.viewer_codes import Passed
from gateway.viewers import totp
from gateway.viewers.checking import Checking, Typed
from gateway.viewers.codes import Codes
from tests.children import run
from tests.vault.makers import opened, rows
from tests.vault.rotating import renew
from tests.viewers.people import (
    CODE,
    ENTRY,
    LINE,
    OTHER,
    QUICK,
    WRONG,
    People,
    done,
    id_of,
    nothing,
    people,
)

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def wrong(site, id, times=1, code=WRONG, password=""):
    """How each of them was refused: tries left, or None for locked."""
    said = []
    for _ in range(times):
        with pytest.raises((CodeWrong, ViewerLocked)) as refused:
            site.check(id, code, password)
        said.append(getattr(refused.value, "left", None))
    return said


# --- five in a row --------------------------------------------------------------------------------


def test_p35_five_wrong_codes_lock_and_a_right_one_before_starts_again(site):
    id = site.person()
    assert wrong(site, id, 4) == [4, 3, 2, 1]
    assert site.check(id) == id
    assert wrong(site, id, 5) == [4, 3, 2, 1, None]
    assert site.get(id).state is State.LOCKED
    with pytest.raises(ViewerLocked):  # the right one comes too late
        site.check(id)
    assert site.audit()[-4:] == [
        ("viewer_code", "intent", ""),
        ("viewer_code", "refused", "code_wrong"),
        ("viewer_lock", "done", "viewer_locked"),
        ("viewer_code", "refused", "viewer_locked"),
    ]


def test_p35_parallel_guesses_are_five_and_no_more(tmp_path):
    """Over two connections of their own, as two processes have them."""
    with people(tmp_path) as site, opened(tmp_path, clock=site.clock) as second:
        id = site.person()
        other = People(second, site.clock, Codes(QUICK, waiting=100))
        mine = People(site.vault, site.clock, Codes(QUICK, waiting=100))
        compared = []
        for codes in (mine.codes, other.codes):
            real = codes.matches

            async def counting(hash, code, real=real):
                compared.append(code)
                return await real(hash, code)

            codes.matches = counting

        def guess(count):
            async def all_at_once():
                at = mine if count % 2 else other
                checks = (
                    at.checking.check(id, Typed(Secret(WRONG)), ENTRY, nothing, nothing)
                    for _ in range(20)
                )
                return await asyncio.gather(*checks, return_exceptions=True)

            return asyncio.run(all_at_once())

        with ThreadPoolExecutor(4) as pool:
            ended = [type(end) for some in pool.map(guess, range(4)) for end in some]
        assert set(ended) <= {CodeWrong, ViewerLocked}
        assert len(compared) == 5
        assert len(ended) == 80
        assert site.get(id).state is State.LOCKED
        with pytest.raises(ViewerLocked):
            site.check(id)
        locks = [row for row in site.audit() if row[0] == "viewer_lock"]
        assert len(locks) == 1
        mine.codes.close()
        other.codes.close()


def test_p35_a_right_code_clears_none_that_began_later(site):
    """A guesser beside the viewer itself gains nothing from its right code."""
    id, codes = site.person(), site.vault.viewer_codes
    right, *later = (asyncio.run(codes.begin(id, ENTRY, nothing)) for _ in range(5))
    assert asyncio.run(codes.passed(right, Passed(), ENTRY, done)) == id
    for one in later:
        asyncio.run(codes.failed(one, ENTRY))
    assert site.get(id).left == 1
    assert wrong(site, id) == [None]


KILLED = """
import os, pathlib, signal, sys
from tests.viewers.people import WRONG, CODE, people, id_of
directory, at, code = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def step(name):
    if name == at:
        os.kill(os.getpid(), signal.SIGKILL)
with people(directory, step=step) as site:
    print(site.check(id_of(0), code), flush=True)
"""


@pytest.mark.parametrize(
    "at", ["viewer_try:committed", "viewer_failed:begun", "viewer_failed:written"]
)
def test_p35_p24_whoever_kills_us_while_we_compare_has_no_try_more(tmp_path, at):
    with people(tmp_path) as site:
        id = site.person()
    for left in (4, 3):
        ended = run(KILLED, tmp_path, at, WRONG)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        with people(tmp_path) as site:
            assert site.get(id).left == left
            assert site.audit()[-1] == ("viewer_code", "intent", "")


@pytest.mark.parametrize(
    "at", ["viewer_try:begun", "viewer_try:written", "viewer_passed:acted", "viewer_passed:written"]
)
def test_p36_p24_killed_before_its_commit_nothing_was_done(tmp_path, at):
    with people(tmp_path) as site:
        site.person()
        skip = len(site.audit())
    ended = run(KILLED, tmp_path, at, CODE)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert ended.stdout == b""
    with people(tmp_path) as site:
        tried = [("viewer_code", "intent", "")] if "passed" in at else []
        assert site.audit(skip) == tried


# --- one-time passwords ---------------------------------------------------------------------------


def test_p35_a_one_time_password_counts_once_and_none_before_it(site):
    id = site.person(totp=SECRET)
    first = site.password(SECRET)
    assert wrong(site, id, password="") == [4]
    assert wrong(site, id, password="000000") == [3]
    assert site.check(id, password=first) == id
    assert wrong(site, id, password=first) == [4]  # it was used
    site.clock.now += LINE
    second = site.password(SECRET)
    assert site.check(id, password=f"{second[:3]} {second[3:]}") == id
    for used in (first, second):
        assert wrong(site, id, password=used) != [None]
    site.clock.now += LINE
    assert site.check(id, password=site.password(SECRET)) == id


def test_p35_of_two_at_once_with_one_password_one_passes(site):
    id, password = site.person(totp=SECRET), site.password(SECRET)

    async def two():
        checks = (
            site.checking.check(
                id, Typed(Secret(CODE), password), ENTRY, nothing, lambda c, v: v.id
            )
            for _ in range(2)
        )
        return await asyncio.gather(*checks, return_exceptions=True)

    ended = asyncio.run(two())
    assert sorted(type(end).__name__ for end in ended) == ["CodeWrong", "str"]


def test_p35_nobody_is_told_whether_code_or_password_was_wrong(site):
    id = site.person(totp=SECRET)
    refusals = []
    for code, password in ((WRONG, site.password(SECRET)), (CODE, "000000"), (WRONG, "000000")):
        with pytest.raises(CodeWrong) as refused:
            site.check(id, code, password)
        refusals.append((refused.value.code, refused.value.text))
    assert len(set(refusals)) == 1
    said = {row for row in site.audit() if row[1] == "refused"}
    assert said == {("viewer_code", "refused", "code_wrong")}


def test_a_clock_may_be_a_step_off_and_no_more(site):
    secret, now = totp.new_secret(), site.clock.now
    for off, found in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        password = People.password(site, secret.reveal())
        step = totp.step_of(secret, password, now + off * LINE, 0)
        assert (step is not None) == found, off
    for nonsense in ("", "abcdef", "12345", "1234567", "١٢٣٤٥٦"):
        assert totp.step_of(secret, nonsense, now, 0) is None
    uri = totp.provisioning_uri(secret, "Ana (seaside)")
    assert uri.reveal().startswith("otpauth://totp/")
    assert secret.reveal() not in str(uri)


# --- who left, who is locked, who may unlock ------------------------------------------------------


def act_of(site, change, id):
    """What the code of another person does: `unlock` or `reset` of the viewer `id`."""

    def act(connection, viewer):
        refusal = getattr(site.vault.viewer_codes, change)(connection, id, viewer)
        return "changed" if refusal is None else refusal

    return act


def test_p35_another_persons_code_unlocks_and_never_ones_own(site):
    ana, ben = site.person(0), site.person(1, OTHER)
    far = site.person(2, product="hilltop")
    wrong(site, ana, 5)
    for id, code in ((ana, CODE), (far, CODE)):
        with pytest.raises((ViewerLocked, ViewerUnknown)):
            site.check(id, code, act=act_of(site, "unlock", ana))
    assert site.get(ana).state is State.LOCKED
    assert site.check(ben, OTHER, act=act_of(site, "unlock", ana)) == "changed"
    assert site.check(ana) == ana
    with pytest.raises(SecondPersonRequired):
        site.check(ana, act=act_of(site, "reset", ana))
    with pytest.raises(ViewerNotReady):
        site.check(ben, OTHER, act=act_of(site, "unlock", ana))


def test_p35_a_code_that_is_taken_opens_nothing_and_another_is_chosen(site):
    ana, ben = site.person(0), site.person(1, OTHER)
    assert site.check(ben, OTHER, act=act_of(site, "reset", ana)) == "changed"
    assert site.get(ana).state is State.INVITED
    with pytest.raises(ViewerLocked):
        site.check(ana)
    site.choose(ana, "new-badger-15-fern")
    with pytest.raises(ViewerNotReady):  # it is chosen once
        site.choose(ana, CODE)
    assert wrong(site, ana, code=CODE) == [4]
    assert site.check(ana, "new-badger-15-fern") == ana


@pytest.mark.parametrize("what", ["disabled", "locked", "reset"])
def test_p35_whoever_leaves_while_the_code_is_compared_sees_nothing(site, what):
    ana, ben = site.person(0), site.person(1, OTHER)
    real, shown = site.codes.matches, []

    async def meanwhile(hash, code):
        site.codes.matches = real
        change = {
            "disabled": lambda: site.disable(ana),
            "locked": lambda: site.lock(ana, ben),
            "reset": lambda: site.check(ben, OTHER, act=act_of(site, "reset", ana)),
        }[what]
        await asyncio.to_thread(change)
        return await real(hash, code)

    site.codes.matches = meanwhile
    with pytest.raises(ViewerLocked):
        site.check(ana, act=lambda c, v: shown.append(v) or v.id)
    assert shown == []


def test_a_code_that_is_sealed_anew_while_it_is_compared_is_still_right(site):
    """`vault rewrap` runs beside."""
    ana, real = site.person(0), site.codes.matches

    async def meanwhile(hash, code):
        site.codes.matches = real
        await asyncio.to_thread(renew, site.vault)
        return await real(hash, code)

    site.codes.matches = meanwhile
    assert site.check(ana) == ana


def test_p35_without_a_code_nobody_gets_in(site):
    id = site.invite()
    for code in ("", "None", CODE):
        with pytest.raises(ViewerLocked):
            site.check(id, code)
    with pytest.raises(ViewerLocked):
        site.check(id_of(9))


# --- what else ------------------------------------------------------------------------------------


def test_what_a_guard_refuses_is_not_counted(site):
    id = site.person()
    for _ in range(9):
        with pytest.raises(LinkExpired):
            site.check(id, guard=lambda c, v: LinkExpired())
    assert site.get(id).left == 5


def test_p33_whoever_comes_when_all_places_are_taken_is_not_counted(site):
    id = site.person()
    full = Checking(site.vault.viewer_codes, Codes(QUICK, at_once=1, waiting=-1), site.clock)
    with pytest.raises(CodesBusy):
        asyncio.run(full.check(id, Typed(Secret(WRONG)), ENTRY, nothing, nothing))
    assert site.get(id).left == 5


def test_an_old_hash_is_made_anew_with_the_right_code(site, tmp_path):
    id = site.person()
    with rows(tmp_path) as connection:
        (before,) = connection.execute("SELECT sealed FROM viewer").fetchone()
    dearer = People(site.vault, site.clock, Codes(PasswordHasher(2, 128, 1)))
    for code in (WRONG, CODE):
        if code == WRONG:
            wrong(dearer, id)
        else:
            dearer.check(id)
        with rows(tmp_path) as connection:
            (after,) = connection.execute("SELECT sealed FROM viewer").fetchone()
        assert (after != before) == (code == CODE)
    assert dearer.check(id) == id
    assert site.check(id) == id
    dearer.codes.close()


def test_p17_p16_what_is_sealed_opens_for_its_viewer_only_and_shows_nothing(site, tmp_path):
    ana, ben = site.person(0, totp=SECRET), site.person(1, OTHER)
    files = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    for text in (CODE, OTHER, SECRET, "argon2"):
        assert text.encode() not in files
    with rows(tmp_path) as connection:
        connection.execute(
            "UPDATE viewer SET sealed = (SELECT sealed FROM viewer WHERE id = ?) WHERE id = ?",
            (ana, ben),
        )
    with pytest.raises(RecordDamaged):
        site.check(ben, CODE)


def test_p36_without_the_audit_no_code_is_compared(site, tmp_path):
    id = site.person()
    with rows(tmp_path) as connection:
        connection.execute(
            "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    compared = []
    site.codes.matches = lambda *_: compared.append(1)
    with pytest.raises(VaultUnavailable):
        site.check(id)
    assert compared == []
    assert site.get(id).left == 5
