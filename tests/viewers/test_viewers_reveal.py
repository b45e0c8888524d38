"""The page that shows a card: to whom, how often, how much, and after what."""

from __future__ import annotations

import re
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.children import run
from tests.control.serving import refused
from tests.pages.serving import policy_of
from tests.vault.makers import rows
from tests.viewers.house import CANARY, GROUPED, HOLDER, MASKED, house, meanwhile
from tests.viewers.people import CODE, OTHER, WRONG

LEFT = re.compile(r"Tries left: (\d)")
NO_AUDIT = "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"


@pytest.fixture
def home(tmp_path):
    with house(tmp_path) as running:
        yield running


def over(answer):
    """It is the answer to a link that opens nothing, and tells nothing."""
    assert answer.status_code == 404
    assert "This link can not be opened" in answer.text
    assert "Seaside" not in answer.text
    return True


def digits_in(text):
    return re.sub(r"\D", "", re.sub(r"<[^>]*>", "", text))


# --- what is shown --------------------------------------------------------------------------------


def test_p35_p36_the_right_code_shows_the_card_once_with_its_audit(home):
    viewer = home.active()
    url = home.link(viewer=viewer, purpose="Late arrival", booking={"system": "own", "id": "RES-1"})
    skip = len(home.audit())
    asked = home.pages.get(url)
    assert asked.status_code == 200
    for text in ("Late arrival", "RES-1", "Hotel &lt;Seaside&gt; &amp; Co", "Maria Rossi"):
        assert text in asked.text
    assert CANARY not in digits_in(asked.text)
    assert home.audit(skip) == []
    shown = home.type(url)
    assert shown.status_code == 200
    for text in (GROUPED, HOLDER, "08/29", 'data-seconds="60"'):
        assert text in shown.text
    assert "737" not in digits_in(shown.text.replace(GROUPED, ""))  # there is no security code
    assert home.audit(skip) == [
        ("viewer_code", "intent", viewer, ""),
        ("reveal", "intent", viewer, ""),
        ("reveal", "done", viewer, ""),
    ]
    entries = [recorded.entry for recorded in home.vault.entries()][-2:]
    for entry in entries:
        assert (entry.client, entry.product, entry.booking) == ("pms", "seaside", "RES-1")
        assert (entry.origin, entry.route) == ("127.0.0.1", "pages/reveal")
        assert entry.iduser is not None
    assert over(home.pages.get(url))
    assert over(home.type(url))


def test_p35_a_masked_viewer_gets_no_number_at_all(home):
    shown = home.type(home.link(viewer=home.active(role="masked")))
    assert "".join(re.findall(r"<span>([0-9*]+)</span>", shown.text)) == MASKED
    assert CANARY not in digits_in(shown.text)
    assert HOLDER in shown.text


def test_p35_only_who_may_copy_can_mark_the_number(home):
    for may_copy, name in ((False, "Maria Rossi"), (True, "Lucia Bianchi")):
        shown = home.type(home.link(viewer=home.active(name, may_copy=may_copy)))
        (card,) = re.findall(r'<div id="card"[^>]*>', shown.text)
        assert ("fixed" in card, "data-copy" in card) == (not may_copy, may_copy)


def test_p35_without_scripts_the_browser_leaves_the_page(home):
    url = home.link()
    shown = home.type(url)
    (refresh,) = re.findall(r'<noscript><meta http-equiv="refresh" content="([^"]+)"', shown.text)
    seconds, _, target = refresh.partition(";url=")
    assert seconds == "60"
    after = home.pages.get(url + target)
    assert over(after)
    assert policy_of(after)["frame-ancestors"].startswith("https://pms.example")
    assert shown.headers["Cache-Control"] == "no-store"


def test_p16_p35_the_number_is_in_that_answer_and_nowhere_else(home, capsys):
    url = home.link()
    shown = home.type(url)
    assert GROUPED in shown.text
    (title,) = re.findall(r"<title>(.*?)</title>", shown.text, re.DOTALL)
    for text in (title, str(shown.headers), url, home.pages.get(url).text):
        assert CANARY not in digits_in(text)
    said = "".join(str(recorded) for recorded in home.vault.entries())
    logged = "".join(capsys.readouterr())
    for place in (home.written(), said.encode(), logged.encode()):
        for text in (CANARY, GROUPED, CODE, url.rpartition("/")[2]):
            assert text.encode() not in place


def test_a_page_speaks_the_language_of_its_link(home):
    viewer, token = home.active(), home.token()
    for language, text in (
        ("de", "Geheimcode von Maria Rossi"), ("es", "Código secreto de Maria Rossi"),
        ("fr", "Code secret de Maria Rossi"), ("it", "Codice segreto di Maria Rossi"),
    ):  # fmt: skip
        page = home.pages.get(home.link(token, viewer, language=language)).text
        assert text in page
        assert f'<html lang="{language}">' in page


def test_an_american_express_card_reads_as_it_is_printed(home):
    shown = home.type(home.link(home.token(digits="378282246310005")))
    assert "<span>3782</span><span>822463</span><span>10005</span>" in shown.text


# --- wrong codes ----------------------------------------------------------------------------------


def test_p35_the_page_tells_how_many_tries_are_left_and_the_fifth_locks(home):
    viewer = home.active()
    url = home.link(viewer=viewer)
    for left in ("4", "3", "2", "1"):
        answer = home.type(url, WRONG)
        assert answer.status_code == 403
        assert LEFT.findall(answer.text) == [left]
        assert 'aria-invalid="true"' in answer.text
    token = home.pages.token(answer.text)
    fifth = home.pages.post(url, {"code": WRONG}, token=token)
    assert fifth.status_code == 403
    assert "You can not see cards now" in fifth.text
    for answer in (home.pages.get(url), home.pages.post(url, {"code": CODE}, token=token)):
        assert (answer.status_code, "You can not see cards now" in answer.text) == (403, True)
    assert home.call("GET", f"/viewers/{viewer}").json()["state"] == "locked"
    assert refused(home.ask(home.token(), viewer), 409, "viewer_not_ready")
    assert CANARY not in digits_in(fifth.text)


def test_p35_parallel_guesses_over_a_page_are_five(home):
    viewer, token = home.active(), home.token()
    urls = [home.link(token, viewer) for _ in range(4)]
    tokens = {url: home.pages.token(home.pages.get(url).text) for url in urls}

    def guess(number):
        url = urls[number % 4]
        return home.pages.post(url, {"code": WRONG}, token=tokens[url])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert {answer.status_code for answer in answers} <= {403, 503}
    tried = [row for row in home.audit() if row[:2] == ("viewer_code", "intent")]
    assert len(tried) <= 5
    for url in urls:  # whatever was refused for want of a place
        for _ in range(5):
            home.pages.post(url, {"code": WRONG}, token=tokens[url])
    tried = [row for row in home.audit() if row[:2] == ("viewer_code", "intent")]
    assert len(tried) == 5
    assert home.call("GET", f"/viewers/{viewer}").json()["state"] == "locked"


def test_p35_another_viewers_code_opens_no_link(home):
    ana, ben = home.active(), home.active("Bruno Verdi", OTHER)
    url = home.link(viewer=ana)
    assert LEFT.findall(home.type(url, OTHER).text) == ["4"]
    assert home.call("GET", f"/viewers/{ben}").json()["tries_left"] == 5
    assert GROUPED in home.type(url).text


def test_p35_a_one_time_password_opens_one_link(home):
    said = home.invite(totp=True).json()
    chosen = home.pages.post(said["setup"]["url"], {"code": CODE, "again": CODE}).text
    secret = re.search(r"otpauth://\S*[?&;]secret=(\w+)", chosen)[1]
    first, second = (home.link(viewer=said["id"]) for _ in range(2))
    password = home.people.password(secret)
    assert 'autocomplete="one-time-code"' in home.pages.get(first).text
    for wrong in ({"code": CODE}, {"code": WRONG, "password": password}):
        assert LEFT.findall(home.pages.post(first, wrong).text)
    assert GROUPED in home.type(first, password=password).text
    assert LEFT.findall(home.type(second, password=password).text) == ["4"]
    home.clock.now += timedelta(seconds=30)
    assert GROUPED in home.type(second, password=home.people.password(secret)).text


# --- links ----------------------------------------------------------------------------------------


def test_p35_a_link_is_used_once_however_many_post_at_once(home):
    url = home.link()
    token = home.pages.token(home.pages.get(url).text)
    with ThreadPoolExecutor(6) as pool:
        posts = [pool.submit(home.pages.post, url, {"code": CODE}, token=token) for _ in range(6)]
        answers = [post.result() for post in posts]
    assert sum(GROUPED in answer.text for answer in answers) == 1
    assert sum(row[:2] == ("reveal", "intent") for row in home.audit()) == 1


def test_p35_whoever_has_left_sees_nothing_over_a_link_that_is_open(home):
    viewer = home.active()
    url = home.link(viewer=viewer)
    token = home.pages.token(home.pages.get(url).text)
    assert home.call("DELETE", f"/viewers/{viewer}").status_code == 200
    assert over(home.pages.get(url))
    assert over(home.pages.post(url, {"code": CODE}, token=token))


def test_p35_a_link_ends_after_five_minutes_or_as_said_and_can_be_withdrawn(home):
    viewer, token = home.active(), home.token()
    made = home.ask(token, viewer).json()
    assert made["state"] == "open"
    short = home.link(token, viewer, expires_in=60)
    gone = home.ask(token, viewer).json()
    form = home.pages.token(home.pages.get(gone["url"]).text)
    assert home.call("DELETE", f"/reveal-links/{gone['id']}").status_code == 204
    assert over(home.pages.post(gone["url"], {"code": CODE}, token=form))
    home.clock.now += timedelta(minutes=1)
    assert over(home.pages.get(short))
    assert home.pages.get(made["url"]).status_code == 200
    home.clock.now += timedelta(minutes=4)
    assert over(home.type(made["url"]))
    states = [home.call("GET", f"/reveal-links/{one['id']}").json() for one in (made, gone)]
    assert [one["state"] for one in states] == ["expired", "revoked"]
    assert all("url" not in one for one in states)
    for seconds in (29, 901, "60", True):
        answered = home.ask(token, viewer, expires_in=seconds)
        assert refused(answered, 400, "request_invalid")


@pytest.mark.parametrize("code", [CODE, WRONG])
def test_p35_no_code_is_tried_over_a_link_that_is_withdrawn_just_then(home, monkeypatch, code):
    """It would tell whether the code is right, and five would lock the viewer."""
    ana = home.active()
    made = home.ask(home.token(), ana).json()
    form = home.pages.token(home.pages.get(made["url"]).text)

    def withdrawn():
        assert home.call("DELETE", f"/reveal-links/{made['id']}").status_code == 204

    meanwhile(monkeypatch, home.vault.links, "by_secret", withdrawn)
    assert over(home.pages.post(made["url"], {"code": code}, token=form))
    tried = [one for one in home.audit() if one[:2] == ("viewer_code", "intent")]
    assert tried == []


def test_p35_only_the_products_origins_may_frame_the_page_and_its_answer(home):
    viewer, hilltop = home.active(), home.active("Bruno Verdi", OTHER, product="hilltop")
    url = home.link(viewer=viewer)
    for answer in (home.pages.get(url), home.type(url, WRONG), home.type(url)):
        framed = policy_of(answer)["frame-ancestors"]
        assert framed == "https://pms.example https://pms.example:8443"
    alone = home.pages.get(home.link(home.token("hilltop"), hilltop))
    assert policy_of(alone)["frame-ancestors"] == "'none'"
    assert alone.headers["X-Frame-Options"] == "DENY"


def test_p35_a_form_of_another_page_counts_for_nothing(home):
    viewer = home.active()
    url, other = home.link(viewer=viewer), home.link(viewer=viewer)
    foreign = home.pages.token(home.pages.get(other).text)
    for token in ("", foreign):
        answer = home.pages.post(url, {"code": CODE}, token=token or "x")
        assert answer.status_code == 400
    sent = {"Sec-Fetch-Site": "cross-site"}
    assert home.pages.post(url, {"code": CODE}, headers=sent).status_code == 400
    assert home.call("GET", f"/viewers/{viewer}").json()["tries_left"] == 5


def test_a_card_that_is_gone_is_not_shown(home, tmp_path):
    url = home.link()
    token = home.pages.token(home.pages.get(url).text)
    with rows(tmp_path) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM card")
    assert over(home.pages.post(url, {"code": CODE}, token=token))


# --- P36: never without its audit -----------------------------------------------------------------


def test_p36_without_the_audit_no_card_is_shown(home, tmp_path):
    url = home.link()
    token = home.pages.token(home.pages.get(url).text)
    with rows(tmp_path) as connection:
        connection.execute(NO_AUDIT)
    answer = home.pages.post(url, {"code": CODE}, token=token)
    assert answer.status_code == 503
    assert CANARY not in digits_in(answer.text)
    with rows(tmp_path) as connection:
        connection.execute("DROP TRIGGER no_audit")
    assert GROUPED in home.type(url).text


REVEAL = """
import os, pathlib, signal, sys
from tests.viewers.house import house
directory, at = pathlib.Path(sys.argv[1]), sys.argv[2]
armed = []
def step(name):
    if armed and name == at:
        os.kill(os.getpid(), signal.SIGKILL)
with house(directory, step=step) as home:
    url = home.link()
    token = home.pages.token(home.pages.get(url).text)
    armed.append(1)
    print(home.pages.post(url, {"code": "sea-otter-42-blue"}, token=token).text, flush=True)
"""
STEPS = {
    "viewer_try:begun": [],
    "viewer_try:written": [],
    "viewer_try:committed": ["viewer_code"],
    "viewer_passed:begun": ["viewer_code"],
    "viewer_passed:acted": ["viewer_code"],
    "viewer_passed:written": ["viewer_code"],
    "viewer_passed:committed": ["viewer_code", "reveal"],
    "record:begun": ["viewer_code", "reveal"],
    "record:committed": ["viewer_code", "reveal", "reveal"],
}


@pytest.mark.parametrize(("at", "durable"), STEPS.items())
def test_p36_p24_killed_at_each_step_no_card_was_shown_without_its_entry(tmp_path, at, durable):
    ended = run(REVEAL, tmp_path, at)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert GROUPED.encode() not in ended.stdout
    with rows(tmp_path) as connection:
        found = connection.execute(
            "SELECT action FROM audit WHERE route = 'pages/reveal' ORDER BY id"
        ).fetchall()
        (state,) = connection.execute(
            "SELECT state FROM page_link WHERE kind = 'reveal'"
        ).fetchone()
    assert [action for (action,) in found] == durable
    assert state == ("used" if "reveal" in durable else "open")
