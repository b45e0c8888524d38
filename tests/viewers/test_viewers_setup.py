"""The pages on which a viewer chooses its code, and another one says that it may see again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.control.serving import refused
from tests.viewers.house import GROUPED, house, meanwhile
from tests.viewers.people import CODE, OTHER, WRONG
from tests.viewers.test_viewers_reveal import over

NEW = "new-badger-15-fern"


@pytest.fixture
def home(tmp_path):
    with house(tmp_path) as running:
        yield running


def state(home, id):
    return home.call("GET", f"/viewers/{id}").json()["state"]


def choose(home, url, code=CODE, again=None, token=None):
    typed = {"code": code, "again": code if again is None else again}
    return home.pages.post(url, typed, token=token)


def opened(home, url):
    """The token of a form that somebody has open."""
    return home.pages.token(home.pages.get(url).text)


def change(home, what, id, by, **more):
    return home.call("POST", f"/viewers/{id}/{what}", json={"by": by}, **more)


# --- choosing -------------------------------------------------------------------------------------


def test_p35_a_viewer_chooses_its_code_once_and_the_pms_never_sees_it(home):
    said = home.invite().json()
    url = said["setup"]["url"]
    assert "Maria Rossi" in home.pages.get(url).text
    for code, again, text in (
        ("", None, "at least 12 characters"),
        ("short-1", None, "at least 12 characters"),
        ("sea-otter-blue", None, "letters and digits"),
        ("maria-rossi-2026", None, "easily guessed"),
        ("hotel-seaside-1", None, "easily guessed"),
        (CODE, WRONG, "not the same"),
    ):
        answer = choose(home, url, code, again)
        assert answer.status_code == 422
        assert text in answer.text
        assert not code or f'"{code}"' not in answer.text  # it is not sent back
        assert state(home, said["id"]) == "invited"
    chosen = choose(home, url)
    assert "Your code is set" in chosen.text
    assert "otpauth" not in chosen.text
    assert state(home, said["id"]) == "active"
    assert over(home.pages.get(url))
    assert over(choose(home, url, OTHER))
    entry = home.vault.entries()[-1].entry
    assert (entry.action.value, entry.key, entry.subject) == (
        "viewer_choose", said["id"], said["id"],
    )  # fmt: skip
    assert CODE.encode() not in home.written()


def test_p35_the_key_of_one_time_passwords_is_shown_once(home):
    url = home.invite(totp=True).json()["setup"]["url"]
    chosen = choose(home, url)
    (uri,) = re.findall(r'href="(otpauth://[^"]+)"', chosen.text)
    secret = re.search(r"secret=(\w{32})", uri)[1]
    assert "".join(re.findall(r"<span>(\w{4})</span>", chosen.text)) == secret
    assert over(home.pages.get(url))
    assert secret.encode() not in home.written()


def test_p35_a_set_up_link_counts_for_the_viewer_as_it_was(home):
    said = home.invite().json()
    first, id = said["setup"]["url"], said["id"]
    second = home.call("POST", f"/viewers/{id}/setup").json()["url"]
    ben, form = home.active("Bruno Verdi", OTHER), opened(home, first)
    assert choose(home, second).status_code == 200
    assert over(home.pages.get(first))
    assert over(choose(home, first, OTHER, token=form))
    assert refused(home.call("POST", f"/viewers/{id}/setup"), 409, "viewer_not_ready")
    approved = change(home, "reset", id, ben).json()["url"]
    home.clock.now += timedelta(minutes=1)
    assert home.type(approved, OTHER).status_code == 200
    assert over(choose(home, first, OTHER, token=form))  # it is from before
    again = home.call("POST", f"/viewers/{id}/setup").json()["url"]
    assert choose(home, again, NEW).status_code == 200
    shown = home.link(viewer=id)
    assert "Tries left: 4" in home.type(shown, CODE).text
    assert GROUPED in home.type(shown, NEW).text


def test_p35_a_set_up_link_from_before_counts_for_nothing_while_its_code_is_hashed(
    home, monkeypatch
):
    """The viewer chose over another link, and another person took that code: it is invited anew."""
    said, ben = home.invite().json(), home.active("Bruno Verdi", OTHER)
    first, id = said["setup"]["url"], said["id"]
    second = home.call("POST", f"/viewers/{id}/setup").json()["url"]

    def invited_anew():
        assert choose(home, second).status_code == 200
        approved = change(home, "reset", id, ben).json()["url"]
        home.clock.now += timedelta(minutes=1)
        assert home.type(approved, OTHER).status_code == 200
        assert state(home, id) == "invited"

    form = opened(home, first)
    meanwhile(monkeypatch, home.codes, "hash", invited_anew)
    assert over(choose(home, first, NEW, token=form))
    assert state(home, id) == "invited"


def test_p35_a_set_up_link_ends_after_a_day_and_with_the_viewer(home):
    late, gone = home.invite().json(), home.invite(name="Bruno Verdi").json()
    form = opened(home, gone["setup"]["url"])
    home.call("DELETE", f"/viewers/{gone['id']}")
    assert over(choose(home, gone["setup"]["url"], token=form))
    form = opened(home, late["setup"]["url"])
    home.clock.now += timedelta(hours=24)
    assert over(choose(home, late["setup"]["url"], token=form))
    again = home.call("POST", f"/viewers/{late['id']}/setup").json()["url"]
    assert choose(home, again).status_code == 200


def test_a_product_without_pages_has_no_viewers(home):
    assert refused(home.invite(product="plain"), 422, "pages_off")


# --- another person -------------------------------------------------------------------------------


def test_p35_another_person_unlocks_with_its_own_code(home):
    ana, ben = home.active(), home.active("Bruno Verdi", OTHER)
    assert refused(change(home, "unlock", ana, ben), 409, "viewer_not_ready")
    card = home.link(viewer=ana)
    for _ in range(5):
        last = home.pages.post(card, {"code": WRONG})
    assert last.status_code == 403
    assert refused(change(home, "unlock", ana, ana), 422, "second_person_required")
    url = change(home, "unlock", ana, ben).json()["url"]
    page = home.pages.get(url).text
    assert "Unlock Maria Rossi" in page
    assert "Secret code of Bruno Verdi" in page
    assert "Tries left: 4" in home.type(url, CODE).text  # its own code helps nobody
    assert state(home, ana) == "locked"
    assert "Maria Rossi may see cards again" in home.type(url, OTHER).text
    assert over(home.type(url, OTHER))
    entries = [recorded.entry for recorded in home.vault.entries()]
    (entry,) = [one for one in entries if one.action.value == "viewer_unlock"]
    assert (entry.key, entry.subject, entry.outcome.value) == (ben, ana, "done")
    assert GROUPED in home.type(card).text


def test_p35_whoever_approves_must_be_active_when_it_does(home):
    ana, ben = home.active(), home.active("Bruno Verdi", OTHER)
    url = change(home, "reset", ana, ben).json()["url"]
    third = home.active("Carla Neri", NEW)
    home.call("POST", f"/viewers/{ben}/lock", json={"by": third})
    assert home.pages.get(url).status_code == 403
    assert state(home, ana) == "active"
    home.call("DELETE", f"/viewers/{ben}")
    assert over(home.pages.get(url))
    other = change(home, "reset", ana, third).json()["url"]
    home.call("DELETE", f"/viewers/{ana}")
    assert over(home.type(other, NEW))
    assert state(home, ana) == "disabled"


def test_p28_who_approves_is_of_the_product_and_so_is_the_key(home):
    ana, far = home.active(), home.active("Far", OTHER, product="hilltop")
    assert refused(change(home, "reset", ana, far), 422, "second_person_required")
    hilltop = home.control.key("reveal", products=("hilltop",))
    for what in ("reset", "unlock"):
        answered = change(home, what, ana, far, key=hilltop)
        assert refused(answered, 404, "viewer_unknown")
    answered = home.call("POST", f"/viewers/{ana}/setup", hilltop)
    assert refused(answered, 404, "viewer_unknown")
