"""The page on which a guest authenticates, over a real port: a scripted processor, every shape, and who
would like to have it otherwise. Whole gateways and browsers come in test_challenge_whole.py.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.charges import parts
from gateway.charges.beginning import Form
from gateway.charges.who import Reply
from gateway.control.charges_shown import answered
from gateway.metrics import Metrics
from gateway.pages.challenge import ChallengePage
from gateway.pages.served import differences
from gateway.processors.model import Challenge, Ended, Operation, Result
from gateway.vault.link import LinkKind
from tests.charges.scripted import Only, Scripted
from tests.charges.world import who
from tests.pages.serving import page_of, policy_of, said_by, serving
from tests.vault.makers import NOON, new, pan

REDIRECT = Challenge("redirect", "https://bank.example/pass?id=7&x=1", {}, None)
FORM = Challenge("form", "https://acs.example:8443/acs", {"PaReq": 'a"><b', "MD": "1 & 2"}, None)
HTML = Challenge(
    "html", None, {}, "<form name=f action=https://acs.example/></form><script>f.submit()"
)


class House:
    """The pages, and charges at a processor that says what a test says."""

    def __init__(self, pages):
        self.pages, self.processor, self.count = pages, Scripted(), 0
        pages.house = self

    def kind(self):
        pages = self.pages
        made = parts.build(
            pages.config, vault=pages.vault, processors=Only(self.processor),
            pages=pages.parts.links, clock=pages.clock, metrics=Metrics(),
        )  # fmt: skip
        self.charges, self.jobs = made.charges, made.jobs
        return ChallengePage(pages.parts.site, made.passing, pages.clock)

    def charge(self, challenge=REDIRECT, **more):
        """A charge that needs its guest: its id, and the URL of its page."""
        self.processor.say(
            "debit", Result(Ended.CHALLENGED, f"P-{self.count}", challenge=challenge)
        )
        self.processor.say("look", "challenged")
        self.count += 1
        (kept,) = asyncio.run(self.pages.vault.keep([new(pan(self.count))]))
        form = Form(kept.token, 12345, "EUR", f"R-{self.count}", **more)
        asyncio.run(self.charges.create(who(), form, Reply(None, answered)))
        id = self.processor.asked[-1][1].id
        one, _ = asyncio.run(self.charges.get(who(), id))
        url = self.processor.asked[-1][1].return_url.removesuffix("/back")
        assert one.row.state == "challenged"
        return id, url.replace(self.pages.parts.links.base, self.pages.base)

    def state(self, id):
        return asyncio.run(self.charges.get(who(), id))[0].row.state.value

    def looks(self):
        return len([name for name, _ in self.processor.asked if name == "look"])

    def used(self, id):
        """How often the audit says that a guest went on."""
        entries = [recorded.entry for recorded in self.pages.vault.entries()]
        return [e for e in entries if e.action.value == "link_use" and e.exchange == id]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("pages"), lambda pages: House(pages).kind()) as running:
        yield running


@pytest.fixture
def house(pages):
    pages.clock.now = NOON
    return pages.house


# --- there ----------------------------------------------------------------------------------------


def test_p35_opening_it_starts_nothing_and_its_form_leads_on_as_often_as_the_guest_likes(
    pages, house
):
    id, url = house.charge(purpose="Your stay in May")
    for _ in range(3):  # a scanner of mail
        page = pages.get(url)
        assert page.status_code == 200
        assert "bank.example" not in page.text
    assert "Hotel &lt;Seaside&gt; &amp; Co" in page.text
    assert "123.45\xa0EUR" in page.text
    assert "Your stay in May" in page.text
    assert house.used(id) == []
    for count in (1, 2):
        answer = pages.post(url)
        assert (answer.status_code, answer.headers["Refresh"]) == (200, f"0; url={REDIRECT.url}")
        assert 'href="https://bank.example/pass?id=7&amp;x=1" rel="noreferrer"' in answer.text
        assert len(house.used(id)) == count
    (entry, _) = house.used(id)
    assert (entry.client, entry.origin, entry.route) == ("pms", "127.0.0.1", "pages/challenge")
    assert house.state(id) == "challenged"


def test_p35_a_form_is_posted_by_a_page_that_has_nothing_else_in_it(pages, house):
    _, url = house.charge(FORM)
    page = pages.post(url)
    assert policy_of(page)["form-action"] == "'self' https:"
    assert page.text.count("<form") == 1
    assert '<form method="post" action="https://acs.example:8443/acs" id="bank">' in page.text
    assert 'name="PaReq" value="a&#34;&gt;&lt;b"' in page.text  # a value, whatever it says
    assert 'name="MD" value="1 &amp; 2"' in page.text
    assert "<script src=" in page.text
    assert "form_token" not in page.text


def test_a_field_for_the_way_back_is_filled_with_our_address_and_no_other_form_has_it(pages, house):
    _, url = house.charge(replace(FORM, back="TermUrl"))
    there = url.replace(pages.base, pages.parts.links.base)
    assert f'name="TermUrl" value="{there}/back"' in pages.post(url).text
    _, url = house.charge(FORM)
    assert "TermUrl" not in pages.post(url).text


def test_p35_the_banks_html_is_shut_away_from_our_origin(pages, house):
    _, url = house.charge(HTML)
    page = pages.post(url)
    assert page.text == HTML.html
    policy = policy_of(page)
    assert policy["sandbox"] == "allow-forms allow-scripts"
    assert policy["default-src"] == "'none'"
    assert policy["form-action"] == "https:"
    assert "connect-src" not in policy
    assert policy["frame-ancestors"].startswith("https://pms.example")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://bank.example/pass",
        "https://user:pass@bank.example/",
        "https://pms.example@bank.example/",
        "https://bank.example\\@evil.example/",
        "https://bank.example;script-src/",
        "https://bank.example/\nRefresh: 0",
        "https://bank.example/ x",
        "https:///nowhere",
        "https://bank.example:0/",
        "data:text/html,x",
        "https://bank.example/" + "a" * 5000,
        "https://bänk.example /",
    ],
)
@pytest.mark.parametrize("kind", ["redirect", "form"])
def test_p35_an_address_that_is_none_of_a_banks_is_not_followed(pages, house, kind, url):
    id, ours = house.charge(Challenge(kind, url, {}, None))
    answer = pages.post(ours)
    assert answer.status_code == 502
    assert "Refresh" not in answer.headers
    assert policy_of(answer)["form-action"] == "'self'"
    assert url[:20] not in answer.text
    assert house.state(id) == "challenged"


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("https://Bank.Example", "https://bank.example"),
        ("https://bank.example:443/a?b#c", "https://bank.example/a?b#c"),
        ("https://bank.example?x=1;y", "https://bank.example?x=1;y"),
        ("https://[2001:db8::1]:444/", "https://[2001:db8::1]:444/"),
    ],
)
def test_an_address_is_put_together_from_what_was_checked(pages, house, url, there):
    _, ours = house.charge(Challenge("redirect", url, {}, None))
    assert pages.post(ours).headers["Refresh"] == f"0; url={there}"


def test_p35_a_form_of_another_site_or_without_the_pages_token_leads_nowhere(pages, house):
    id, url = house.charge()
    _, other = house.charge()
    assert pages.post(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    for token in ("0" * 64, pages.token(pages.get(other).text)):
        assert pages.post(url, token=token).status_code == 400
    assert house.used(id) == []


def test_p35_a_page_that_is_sent_too_often_waits(pages, house):
    id, url = house.charge()
    token = pages.token(pages.get(url).text)
    answers = [pages.post(url, token=token).status_code for _ in range(22)]
    assert answers == [200] * 20 + [429] * 2
    assert len(house.used(id)) == 20


def test_once_the_guest_went_on_the_processor_is_asked_within_seconds(pages, house):
    id, url = house.charge()
    for minutes in range(60):
        pages.clock.now = NOON + timedelta(minutes=minutes)
        asyncio.run(house.jobs.turn())
    due = asyncio.run(pages.vault.charges.open(id)).row.look_due - pages.clock.now
    assert due >= timedelta(minutes=1)
    pages.post(url)
    due = asyncio.run(pages.vault.charges.open(id)).row.look_due - pages.clock.now
    assert due == timedelta(seconds=5)


# --- and back -------------------------------------------------------------------------------------


def test_p35_whoever_comes_back_is_believed_nothing(pages, house):
    id, url = house.charge()
    forged = {"PaRes": "Y", "status": "succeeded", "transStatus": "Y"}
    for headers in ({}, {"Sec-Fetch-Site": "cross-site", "Origin": "null"}):
        sent = pages.call("POST", f"{url}/back?outcome=ok", data=forged, headers=headers)
        assert (sent.status_code, sent.headers["Location"]) == (
            303,
            f"{url[len(pages.base) :]}/back",
        )
        assert not sent.content
    seen = pages.get(f"{url}/back?redirect_status=succeeded&charge=paid")
    assert "is being checked" in seen.text
    assert house.state(id) == "challenged"
    assert pages.get(url).status_code == 200  # the guest can go once more
    huge = pages.call("POST", f"{url}/back", data=b"a" * 300_000)
    assert huge.status_code == 303


@pytest.mark.parametrize(
    ("look", "said", "state"),
    [
        ("succeeded", "Your payment is confirmed", "succeeded"),
        ("authorized", "Your payment is confirmed", "authorized"),
        ("declined", "was not confirmed", "declined"),
        ("cancelled", "was not confirmed", "cancelled"),
    ],
)
def test_how_it_ended_is_what_the_processor_says(pages, house, look, said, state):
    id, url = house.charge()
    pages.post(url)
    house.processor.say("look", look)
    page = pages.get(f"{url}/back")
    assert said in page.text
    assert "Refresh" not in page.headers
    assert house.state(id) == state
    looks = house.looks()
    assert said_by(pages.get(f"{url}/back")) == said_by(page)  # the browser's back button
    assert house.looks() == looks  # what is known is not asked again
    assert pages.get(url).status_code == 404


def test_what_nobody_knows_yet_is_looked_at_again_and_not_for_ever(pages, house):
    _, url = house.charge()
    path = url[len(pages.base) :]
    seen = []
    page = pages.get(f"{url}/back")
    while "Refresh" in page.headers:
        seconds, _, where = page.headers["Refresh"].partition("; url=")
        seen.append(int(seconds))
        assert where == f"{path}/back?seen={len(seen)}"
        page = pages.get(where)
    assert seen == [2, 3, 5, 10, 10, 15, 15, 30]
    assert "You can close this page" in page.text
    assert f'href="{path}"' in page.text  # the bank's page can be opened again
    for nonsense in ("x", "-1", "٣", "999", ""):
        assert pages.get(f"{url}/back?seen={nonsense}").status_code == 200


def test_p33_coming_back_all_the_time_does_not_ask_the_processor_all_the_time(pages, house):
    id, url = house.charge()
    before = house.looks()
    for _ in range(25):
        assert pages.get(f"{url}/back").status_code == 200
    assert house.looks() - before == 20
    house.processor.say("look", "succeeded")
    pages.clock.now += timedelta(minutes=11)
    pages.get(f"{url}/back")
    assert house.state(id) == "succeeded"


@pytest.mark.parametrize(
    ("back", "there"),
    [
        ("https://pms.example/back", "https://pms.example/back?charge={id}"),
        ("https://pms.example/back?room=7#top", "https://pms.example/back?room=7&charge={id}#top"),
    ],
)
def test_the_guest_goes_on_to_the_hotels_site_which_is_told_the_charge_and_nothing_of_it(
    pages, house, back, there
):
    id, url = house.charge(return_url=back)
    assert back not in pages.get(f"{url}/back").text  # not yet
    house.processor.say("look", "succeeded")
    page = pages.get(f"{url}/back")
    assert page.headers["Refresh"] == f"3; url={there.format(id=id)}"
    assert f'href="{there.format(id=id).replace("&", "&amp;")}"' in page.text


def test_p35_a_silent_guests_link_says_that_it_is_over(pages, house):
    id, url = house.charge()
    token = pages.token(pages.get(url).text)
    pages.clock.now += timedelta(hours=24)
    over = pages.get(url)
    assert (over.status_code, "can not be opened" in over.text) == (404, True)
    assert pages.post(url, token=token).status_code == 404
    assert house.used(id) == []
    asyncio.run(house.jobs.turn())
    assert house.state(id) == "expired"
    assert "was not confirmed" in pages.get(f"{url}/back").text


def test_p35_a_charge_that_is_being_cancelled_leads_nowhere(pages, house):
    id, url = house.charge()
    token = pages.token(pages.get(url).text)
    house.processor.say("cancel", "unknown")
    reply = Reply(None, answered)
    asyncio.run(house.charges.ask(who(), id, Operation.CANCEL, None, reply))
    assert pages.get(url).status_code == 404
    assert pages.post(url, token=token).status_code == 404
    house.processor.say("look", "cancelled")
    assert "was not confirmed" in pages.get(f"{url}/back").text
    assert house.state(id) == "cancelled"


def test_p35_a_foreign_secret_another_kind_of_link_and_a_step_that_is_none_open_nothing(
    pages, house
):
    id, url = house.charge()
    over = pages.get("/s/" + "a" * 32)
    _, capture = pages.link(LinkKind.CAPTURE)
    found = [
        pages.get("/s/" + "a" * 32 + "/back"),
        pages.call("POST", "/s/" + "a" * 32 + "/back"),
        pages.get(capture + "/back"),
        pages.get(capture.replace("/c/", "/s/")),
        pages.get(capture.replace("/c/", "/s/") + "/back"),
        pages.get(url.replace("/s/", "/c/")),
        pages.get(url.replace("/s/", "/r/") + "/back"),
        pages.get(url + "/bank"),
        pages.get(f"/s/{id}"),
        pages.get(f"/s/{id}/back"),
    ]
    assert {(one.status_code, said_by(one)) for one in found} == {(404, said_by(over))}


LEADS_ELSEWHERE = {
    "the page's form goes to another address than the page's",
    "Content-Security-Policy lets anyone in by `form-action`",
}

# --- what a guest sees ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "title", "done"),
    [
        ("en", "Confirm your payment", "Thank you"),
        ("es", "Confirme su pago", "Gracias"),
        ("it", "Conferm", "Grazie"),
        ("fr", "Confirmez votre paiement", "Merci"),
        ("de", "Zahlung bestätigen", "Vielen Dank"),
        ("xx", "Confirm your payment", "Thank you"),  # no page has it: as the browser likes it
    ],
)
def test_the_page_speaks_the_charges_language_to_its_end(pages, house, language, title, done):
    _, url = house.charge(language=language)
    assert title in pages.get(url).text
    house.processor.say("look", "succeeded")
    assert done in pages.get(f"{url}/back").text


@pytest.mark.parametrize("challenge", [REDIRECT, FORM])
def test_p35_every_page_is_small_and_as_it_is_installed(pages, house, challenge):
    _, url = house.charge(challenge)
    fetch = lambda at: pages.get(at).content  # noqa: E731  # short, and read just below
    led_on = pages.post(url)
    for answer in (pages.get(url), led_on, pages.get(f"{url}/back")):
        found = differences(page_of(answer), page_of(pages.get(url)), fetch)
        # What is fetched by GET, as `pages verify` does, is as every page.
        assert set(found) == (LEADS_ELSEWHERE if answer is led_on and challenge is FORM else set())
        loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text)
        assert len(answer.content) + sum(len(fetch(path)) for path in loaded) < 30_000
        assert "Set-Cookie" not in answer.headers
