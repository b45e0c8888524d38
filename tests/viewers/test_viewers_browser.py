"""The pages of viewers in a real browser: inside a frame, without scripts, behind the back button."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.browser import ENTER, PHONE
from tests.viewers.house import CANARY, MASKED, house
from tests.viewers.people import CODE, OTHER, WRONG

pytestmark = pytest.mark.slow
SELECTED = """
const range = document.createRange();
range.selectNodeContents(document.body);
getSelection().removeAllRanges();
getSelection().addRange(range);
document.execCommand("selectAll");
return getSelection().toString();
"""
STORED = """
return [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)].join();
"""


@pytest.fixture
def home(tmp_path):
    with house(tmp_path) as running:
        yield running


@pytest.fixture
def brief(tmp_path):
    """One that shows a card for as long as a busy browser needs to look at it."""
    with house(tmp_path, seconds=6) as running:
        yield running


def framed(browser, origin, url):
    """A site that frames the page; the browser is inside the frame then."""
    browser.open(f"{origin}/?url={quote(url)}").into(browser.find("iframe"))


def digits(text):
    return re.sub(r"\D", "", text)


def test_p35_inside_the_pms_page_a_card_is_shown_and_hidden_again(brief, browser, framing):
    url = brief.link(purpose="Late arrival", booking={"system": "own", "id": "RES-1"})
    framed(browser, framing.origin, url)
    browser.until(lambda: browser.find("#code"))
    browser.shoot("reveal-asks")
    browser.type(code=WRONG + ENTER)
    browser.until(lambda: browser.find("#wrong"))
    assert "Tries left: 4" in browser.text
    browser.shoot("reveal-wrong-code")
    browser.type(code=CODE + ENTER)
    browser.until(lambda: browser.find("#card"))
    assert CANARY in digits(browser.find(".pan").text)
    assert int(browser.find("#seconds").text) <= 6
    assert not browser.find("#hidden").is_displayed()
    browser.shoot("reveal-shows")
    browser.until(lambda: browser.find("#card") is None)
    assert browser.find("#hidden").is_displayed()
    assert CANARY not in digits(browser.driver.page_source)
    browser.shoot("reveal-hidden")
    assert browser.run(STORED) == ",{},{}"
    assert [text for text in browser.complaints() if "Content Security" in text] == []


def test_p35_a_site_that_the_product_does_not_list_gets_no_page(home, browser, framing):
    url = home.link()
    framed(browser, framing.foreign, url)
    browser.until(lambda: any("frame-ancestors" in text for text in browser.complaints()))
    assert browser.find("#code") is None
    browser.driver.switch_to.default_content()
    browser.shoot("reveal-foreign-frame")
    framed(browser, framing.origin, url)
    browser.until(lambda: browser.find("#code"))


def test_p35_the_back_button_shows_nothing(home, browser, framing):
    browser.open(home.link())
    browser.type(code=CODE + ENTER)
    browser.until(lambda: browser.find("#card"))
    browser.open(framing.origin)
    browser.driver.back()
    browser.until(lambda: "PMS" not in browser.driver.title)
    assert CANARY not in digits(browser.driver.page_source)
    assert browser.find("#card") is None
    browser.shoot("reveal-back")
    browser.driver.refresh()
    assert CANARY not in digits(browser.driver.page_source)


def test_p35_the_number_is_marked_only_by_who_may_copy(home, browser):
    for name, may_copy in (("Maria Rossi", False), ("Bruno Verdi", True)):
        browser.open(home.link(viewer=home.active(name, may_copy=may_copy)))
        browser.type(code=CODE + ENTER)
        browser.until(lambda: browser.find("#card"))
        assert (CANARY in browser.run(SELECTED)) == may_copy
        assert browser.run("return !document.dispatchEvent(new Event('copy', {cancelable: true}))") == (
            not may_copy
        )  # fmt: skip


def test_p35_it_can_be_hidden_at_once(home, browser):
    browser.open(home.link(viewer=home.active(role="masked")))
    browser.type(code=CODE + ENTER)
    browser.until(lambda: browser.find("#card"))
    assert browser.find(".pan").text.replace(" ", "") == MASKED
    assert CANARY not in digits(browser.driver.page_source)
    browser.find("#hide").click()
    assert browser.find("#card") is None
    assert browser.find("#hidden").is_displayed()


def test_p35_without_scripts_the_browser_leaves_the_card(brief, browser):
    url = brief.link()
    browser.scripts(on=False)
    browser.open(url)
    browser.type(code=CODE + ENTER)
    browser.until(lambda: browser.find("#card"))
    assert CANARY in digits(browser.find(".pan").text)
    browser.until(lambda: browser.find("#card") is None)
    assert browser.driver.current_url == f"{url}?"
    assert CANARY not in digits(browser.driver.page_source)
    browser.shoot("reveal-left-without-scripts")


def test_p35_on_a_phone_a_code_is_changed_with_the_present_one(home, browser):
    browser.size(*PHONE)
    ana = home.active()
    url = home.call("POST", f"/viewers/{ana}/change").json()["url"]
    browser.open(url)
    browser.shoot("change-asks")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.type(code=WRONG, new=OTHER, again=OTHER + ENTER)
    browser.until(lambda: "Tries left: 4" in browser.text)
    browser.shoot("change-wrong-code")
    browser.type(code=CODE, new=CODE, again=CODE + ENTER)
    browser.until(lambda: "must not be the present one" in browser.text)
    assert browser.field("new").get_attribute("aria-describedby") == "rules wrong"
    browser.shoot("change-same-code")
    browser.type(code=CODE, new=OTHER, again=OTHER + ENTER)
    browser.until(lambda: "Your code is changed" in browser.text)
    browser.shoot("change-done")
    browser.open(url)
    assert browser.heading == "This link can not be opened"
    assert home.people.check(ana, OTHER) == ana


def test_p35_on_a_phone_a_code_is_chosen_and_five_wrong_ones_lock(home, browser):
    browser.size(*PHONE)
    said = home.invite(totp=True).json()
    browser.open(said["setup"]["url"])
    browser.shoot("setup-asks")
    browser.type(code="maria-rossi-2026")
    browser.type(again="maria-rossi-2026" + ENTER)
    browser.until(lambda: browser.find("#wrong"))
    browser.shoot("setup-guessable")
    browser.type(code=CODE)
    browser.type(again=CODE + ENTER)
    browser.until(lambda: browser.find(".key"))
    browser.shoot("setup-chosen")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    ana = said["id"]
    browser.open(home.link(viewer=ana))
    for left in ("4", "3", "2", "1", None):
        browser.type(code=WRONG)
        browser.type(password="000000" + ENTER)
        gone = "Tries left: " + left if left else "You can not see cards now"
        browser.until(lambda gone=gone: gone in browser.text)
    browser.shoot("reveal-locked")
    ben = home.active("Bruno Verdi", OTHER)
    answered = home.call("POST", f"/viewers/{ana}/unlock", json={"by": ben})
    browser.open(answered.json()["url"])
    browser.shoot("approve-asks")
    browser.type(code=OTHER + ENTER)
    browser.until(lambda: "may see cards again" in browser.text)
    browser.shoot("approve-done")
