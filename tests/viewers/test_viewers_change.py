"""The page on which a viewer puts another code in the place of its own: the present one is asked for."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.control.serving import refused
from tests.vault.makers import rows
from tests.viewers.house import GROUPED, house, meanwhile
from tests.viewers.people import CODE, LINE, OTHER, WRONG
from tests.viewers.test_viewers_checking import SECRET
from tests.viewers.test_viewers_reveal import over

NEW = "new-badger-15-fern"


@pytest.fixture
def home(tmp_path):
    with house(tmp_path) as running:
        yield running


def asked(home, id, **more):
    return home.call("POST", f"/viewers/{id}/change", **more)


def link(home, id):
    answered = asked(home, id)
    assert answered.status_code == 201, answered.text
    return answered.json()["url"]


def change(home, url, code=CODE, new=NEW, again=None, **more):
    typed = {"code": code, "new": new, "again": new if again is None else again}
    return home.pages.post(url, typed | more)


def viewer(home, id):
    return home.call("GET", f"/viewers/{id}").json()


def opens(home, id, code):
    return GROUPED in home.type(home.link(viewer=id), code).text


def test_p35_p36_the_present_code_gives_way_to_a_new_one_with_its_audit(home):
    ana = home.active()
    url, shown = link(home, ana), home.link(viewer=ana)
    before, skip = viewer(home, ana), len(home.vault.entries())
    assert "Present secret code of Maria Rossi" in home.pages.get(url).text
    home.clock.now += timedelta(minutes=2)
    assert "Your code is changed" in change(home, url).text
    assert home.audit(skip) == [
        ("viewer_code", "intent", ana, ""),
        ("viewer_change", "done", ana, ""),
    ]
    entry = home.vault.entries()[-1].entry
    assert (entry.subject, entry.route, entry.origin) == (ana, "pages/setup", "127.0.0.1")
    assert over(change(home, url, NEW, OTHER))
    assert over(home.pages.get(url))
    assert "Tries left: 4" in home.type(shown, CODE).text  # the link from before is as it was
    assert GROUPED in home.type(shown, NEW).text
    after = viewer(home, ana)
    assert after.pop("changed_at") > before.pop("changed_at")
    assert after == before
    for secret in (CODE, NEW):
        assert secret.encode() not in home.written()


def test_p35_a_wrong_present_code_counts_like_any_other_and_five_lock(home):
    ana, ben = home.active(), home.active("Bruno Verdi", OTHER)
    url, shown = link(home, ana), home.link(viewer=ana)
    skip = len(home.vault.entries())
    assert "Tries left: 4" in change(home, url, WRONG).text
    assert home.audit(skip) == [
        ("viewer_code", "intent", ana, ""),
        ("viewer_code", "refused", ana, "code_wrong"),
    ]
    assert "Tries left: 3" in home.type(shown, WRONG).text
    for _ in range(2):
        assert change(home, url, "").status_code == 403
    assert change(home, url, OTHER).status_code == 403  # another person's code neither
    assert viewer(home, ana)["state"] == "locked"
    assert home.pages.get(url).status_code == 403
    approval = home.call("POST", f"/viewers/{ana}/unlock", json={"by": ben}).json()["url"]
    home.clock.now += timedelta(minutes=1)
    assert home.type(approval, OTHER).status_code == 200
    assert over(home.pages.get(url))  # it is from before
    assert opens(home, ana, CODE)


def test_p35_a_new_code_that_may_not_be_chosen_is_told_and_costs_no_try(home):
    ana = home.active()
    url, skip = link(home, ana), len(home.vault.entries())
    for new, again, text in (
        ("", None, "at least 12 characters"),
        ("sea-otter-blue", None, "letters and digits"),
        ("maria-rossi-2026", None, "easily guessed"),
        (NEW, WRONG, "not the same"),
        (CODE, None, "must not be the present one"),
    ):
        for code in (CODE, WRONG):  # nothing is told of the present one
            if new == CODE != code:
                continue
            answer = change(home, url, code, new, again)
            assert answer.status_code == 422
            assert text in answer.text
            assert CODE not in answer.text
    assert home.audit(skip) == []
    assert viewer(home, ana)["tries_left"] == 5
    assert opens(home, ana, CODE)


def test_p35_the_one_time_password_is_asked_for_and_its_key_stays(home):
    said = home.invite(totp=True).json()
    chosen = home.pages.post(said["setup"]["url"], {"code": CODE, "again": CODE}).text
    (secret,) = re.findall(r"[?&;]secret=(\w{32})", chosen)
    url = link(home, said["id"])
    password = home.people.password(secret)
    assert 'name="password"' in home.pages.get(url).text
    assert "Tries left: 4" in change(home, url).text
    assert "Tries left: 3" in change(home, url, password=home.people.password(SECRET)).text
    done = change(home, url, password=password).text
    assert "Your code is changed" in done
    assert secret not in done
    home.clock.now += LINE
    shown = home.type(home.link(viewer=said["id"]), NEW, password=home.people.password(secret))
    assert GROUPED in shown.text


def test_p35_a_link_counts_for_the_viewer_as_it_was(home):
    ana = home.active()
    first, second, late = (link(home, ana) for _ in range(3))
    form = home.pages.token(home.pages.get(first).text)
    home.clock.now += timedelta(minutes=1)
    assert "Your code is changed" in change(home, second).text
    assert over(home.pages.get(first))
    assert over(home.pages.post(first, {"code": NEW, "new": OTHER, "again": OTHER}, token=form))
    third = link(home, ana)
    home.clock.now += timedelta(hours=1)
    for url in (third, late):
        assert over(home.pages.get(url))
    gone = link(home, ana)
    home.call("DELETE", f"/viewers/{ana}")
    assert over(home.pages.get(gone))


@pytest.mark.parametrize("what", ["withdrawn", "changed"])
def test_p35_a_link_that_ends_while_the_code_is_compared_changes_nothing(home, monkeypatch, what):
    """The right code, and a good new one: but the link is over, and so nothing takes its place."""
    ana = home.active()
    url, other = link(home, ana), link(home, ana)

    def happens():
        home.clock.now += timedelta(minutes=1)
        if what == "changed":
            assert "Your code is changed" in change(home, other, CODE, OTHER).text
        else:
            with rows(home.pages.directory) as connection:
                connection.execute("UPDATE page_link SET state = 'used'")

    meanwhile(monkeypatch, home.codes, "matches", happens)
    answer = change(home, url)
    assert over(answer)
    assert opens(home, ana, CODE if what == "withdrawn" else OTHER)
    done = [one for one in home.audit() if one[0] == "viewer_change" and one[1] == "done"]
    assert len(done) == (what == "changed")


def test_p36_without_the_audit_the_code_stays(home, monkeypatch):
    ana = home.active()
    url = link(home, ana)

    def broken():
        with rows(home.pages.directory) as connection:
            connection.execute(
                "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"
            )

    meanwhile(monkeypatch, home.codes, "matches", broken)
    assert change(home, url).status_code == 503
    with rows(home.pages.directory) as connection:
        connection.execute("DROP TRIGGER no_audit")
    assert opens(home, ana, CODE)
    assert "Your code is changed" in change(home, url).text


def test_p35_only_an_active_viewer_gets_such_a_link(home):
    ana, ben = home.active(), home.active("Bruno Verdi", OTHER)
    new = home.invite(name="New").json()["id"]
    home.call("POST", f"/viewers/{ana}/lock", json={"by": ben})
    home.call("DELETE", f"/viewers/{home.active('Gone')}")
    for id in (ana, new):
        assert refused(asked(home, id), 409, "viewer_not_ready")
    kept = asked(home, ben, once="k")
    assert asked(home, ben, once="k").content == kept.content
    setup = home.call("POST", f"/viewers/{new}/setup").json()["url"]
    assert 'name="new"' not in home.pages.get(setup).text


def test_p28_the_key_is_of_the_product_and_of_the_scope(home):
    ana = home.active()
    hilltop = home.control.key("reveal", products=("hilltop",))
    cards = home.control.key("cards", "admin", products=())
    assert refused(asked(home, ana, key=hilltop), 404, "viewer_unknown")
    assert refused(asked(home, ana, key=cards), 403, "scope_missing")
    assert refused(asked(home, "x"), 404, "viewer_unknown")


@pytest.mark.parametrize(
    ("language", "title", "done"),
    [
        ("en", "Change your secret code", "Your code is changed"),
        ("es", "Cambie su código secreto", "Su código está cambiado"),
        ("it", "Cambi il suo codice segreto", "Il suo codice è cambiato"),
        ("fr", "Changez votre code secret", "Votre code est changé"),
        ("de", "Ändern Sie Ihren Geheimcode", "Ihr Code ist geändert"),
    ],
)
def test_the_page_is_in_the_browsers_language_and_small(home, language, title, done):
    ana = home.active()
    url = link(home, ana)
    home.pages.session.headers["Accept-Language"] = language
    page = home.pages.get(url)
    assert title in page.text
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(page.content) + sum(len(home.pages.get(path).content) for path in loaded) < 30_000
    assert done in change(home, url).text
