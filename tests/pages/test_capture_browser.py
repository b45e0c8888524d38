"""Capture pages in a real browser: framed, on a phone, by keyboard, without scripts.

Pictures of what a guest sees are kept in build/screenshots; they hold published test numbers only.
"""

from __future__ import annotations

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CARD = "4111111111111111"


def loaded(browser, text):
    """Waits until the page says `text`: between two pages there is none."""
    try:
        browser.until(lambda: text in browser.text)
    except TimeoutException:
        pytest.fail(f"{text!r} is not on the page, which says: {browser.text}")


def framed(browser, site, url):
    """The PMS's page with ours in it; the browser is inside ours then."""
    browser.open(f"{site}/?url={url}")
    return browser.into(browser.driver.find_element(By.ID, "card"))


def test_p35_a_page_works_inside_a_frame_of_a_listed_origin(hotel, framing, browser):
    link = hotel.make(return_url=f"{framing.origin}/back", purpose="Guarantee for your stay")
    framed(browser, framing.origin, link["url"])
    browser.type(number=CARD, expiry="0830", holder="Ana Example")
    browser.driver.switch_to.default_content()
    browser.shoot("framed")
    browser.into(browser.driver.find_element(By.ID, "card")).send()
    loaded(browser, "Back at the hotel")
    assert link["id"] in browser.text
    assert hotel.link(link["id"])["state"] == "used"
    sent_back = [referer for path, referer in framing.seen if path.startswith("/back")]
    assert sent_back[-1] is None  # the secret is in no Referer
    assert not browser.driver.get_cookies()


def test_p35_a_foreign_origin_can_not_frame_a_page(hotel, framing, browser):
    link = hotel.make()
    framed(browser, framing.foreign, link["url"])
    assert "Card number" not in browser.text
    assert not browser.driver.find_elements(By.NAME, "number")
    other = hotel.make(product="hilltop")  # lists no origin: nobody may
    framed(browser, framing.origin, other["url"])
    assert not browser.driver.find_elements(By.NAME, "number")
    assert hotel.link(link["id"])["state"] == "open"


def test_p35_a_link_that_was_used_is_over_also_by_the_back_button(hotel, browser):
    link = hotel.make(language="en")
    browser.open(link["url"]).type(number=CARD, expiry="0831", holder="Ana Example").send()
    loaded(browser, "Your card is saved: Visa •••• 1111")
    browser.shoot("done")
    browser.driver.back()
    loaded(browser, "This link can not be opened")
    browser.shoot("over")
    assert CARD[:4] not in browser.text
    browser.open(link["url"])
    assert browser.heading == "This link can not be opened"


def test_p35_a_link_that_was_withdrawn_is_over_inside_the_frame_too(hotel, framing, browser):
    link = hotel.make()
    hotel.call("DELETE", f"/capture-links/{link['id']}")
    framed(browser, framing.origin, link["url"])
    loaded(browser, "This link can not be opened")


def test_what_is_wrong_is_told_next_to_its_field_while_it_is_typed(hotel, browser):
    link = hotel.make(purpose="Guarantee for your stay", amount={"value": 123450, "currency": "EUR"},
                      booking={"system": "siteminder", "id": "RES-1"})  # fmt: skip
    browser.open(link["url"]).type(number="4111111111111112")
    assert browser.field("number").get_attribute("value") == "4111 1111 1111 1112"
    assert browser.wrong("number") == "This is not a card number. Check each digit."
    browser.field("number").send_keys(Keys.BACKSPACE, "1")
    assert browser.wrong("number") == ""
    assert browser.driver.find_element(By.ID, "brand").text == "Visa"
    browser.type(expiry="120")
    assert browser.field("expiry").get_attribute("value") == "12/0"
    browser.send()
    assert browser.wrong("expiry") == "Type month and year, as on the card: 08/29"
    assert browser.wrong("holder") == "Type the name that is on the card."
    assert browser.focused == "expiry"
    browser.shoot("wrong")
    assert hotel.link(link["id"])["state"] == "open"


def test_an_american_express_card_is_spaced_as_it_is_printed(hotel, browser):
    browser.open(hotel.make(product="hilltop")["url"]).type(number="378282246310005")
    assert browser.field("number").get_attribute("value") == "3782 822463 10005"
    assert browser.driver.find_element(By.ID, "security_code-hint").text == "4 digits, on the front"
    browser.type(expiry="0830", security_code="739", holder="Ana").send()
    assert browser.wrong("security_code") == "Type the 4 digits on the front of the card."
    browser.shoot("code")


def test_digits_in_the_middle_keep_the_caret_where_it_was(hotel, browser):
    browser.open(hotel.make()["url"]).type(number="411111111111")
    number = browser.field("number")
    number.send_keys(*[Keys.ARROW_LEFT] * 7, "5", "6")  # behind `4111 11`
    assert number.get_attribute("value") == "4111 1156 1111 11"


def test_without_scripts_the_page_says_and_does_the_same(hotel, browser):
    link = hotel.make("card_and_address", language="en")
    browser.scripts(on=False)
    browser.open(link["url"])
    browser.type(number="4111 1111 1111 1112", expiry="08/30", given_name="Ana", line_1="1 Pier")
    browser.send()
    loaded(browser, "Please check the fields that are marked")
    assert browser.wrong("number") == "This is not a card number. Check each digit."
    assert browser.wrong("family_name") == "Type the last name."
    assert browser.wrong("country_code") == "Choose the country."
    assert browser.field("number").get_attribute("value") == ""
    assert browser.field("given_name").get_attribute("value") == "Ana"
    assert browser.focused == "number"
    browser.shoot("without-scripts")
    browser.type(number=CARD, family_name="Example", city="Brighton", country_code="GB").send()
    loaded(browser, "Your card is saved")
    assert hotel.link(link["id"])["billing_contact"]["address"]["country_code"] == "GB"


def test_everything_is_reached_by_keyboard_alone_in_the_order_of_the_page(hotel, browser):
    link = hotel.make("card_and_address", language="en")
    browser.open(link["url"])
    order = []
    active = browser.driver.switch_to.active_element
    for text in (CARD, "0830", "Ana", "Example", "1 Pier", "", "BN1", "Brighton", "", "United K"):
        active.send_keys(Keys.TAB)
        active = browser.driver.switch_to.active_element
        order.append(active.get_attribute("name"))
        active.send_keys(text)
    assert order == [
        "number", "expiry", "given_name", "family_name", "line_1", "line_2", "postal_code", "city",
        "state_province_code", "country_code",
    ]  # fmt: skip
    browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    browser.shoot("keyboard")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    loaded(browser, "Your card is saved")
    assert hotel.link(link["id"])["billing_contact"]["address"]["country_code"] == "GB"


def test_a_postcode_that_the_processor_wants_is_asked_for_before_the_page_is_sent(hotel, browser):
    link = hotel.make("card_and_address", product="inn", language="en")
    browser.open(link["url"]).type(number=CARD, expiry="0830", given_name="Ana", line_1="1 Pier")
    browser.type(family_name="Example", city="Hong Kong", country_code="Hong Kong").send()
    assert browser.wrong("postal_code").endswith("type 00000.")
    assert browser.focused == "postal_code"
    browser.shoot("postcode")
    browser.type(postal_code="00000").send()
    loaded(browser, "Your card is saved")


@pytest.mark.parametrize("language", ["en", "es", "it", "fr", "de"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(hotel, browser, language):
    link = hotel.make("card_and_address", language=language, purpose="Garantía " + "W" * 60,
                      booking={"system": "siteminder", "id": "RES-1234567890"})  # fmt: skip
    browser.size(320, 1500)
    browser.open(link["url"])
    wide = "return document.documentElement.scrollWidth"
    assert browser.driver.execute_script(wide) <= 320
    for name in ("number", "expiry", "city"):
        box = browser.field(name).rect
        assert box["height"] >= 44  # a finger's breadth
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
    browser.shoot(f"phone-{language}")


def test_each_input_is_named_for_a_screen_reader_and_for_what_fills_forms(hotel, browser):
    browser.open(hotel.make("card_and_address", language="en")["url"])
    for field in browser.driver.find_elements(By.CSS_SELECTOR, "input:not([type=hidden]), select"):
        assert field.accessible_name, field.get_attribute("name")
        assert field.get_attribute("autocomplete")
        described = field.get_attribute("aria-describedby").split()
        assert f"{field.get_attribute('name')}-wrong" in described
    fills = {
        name: browser.field(name).get_attribute("autocomplete") for name in ("number", "expiry")
    }
    assert fills == {"number": "cc-number", "expiry": "cc-exp"}
    assert browser.field("number").get_attribute("inputmode") == "numeric"


def test_the_browser_finds_nothing_that_its_policy_forbids(hotel, browser):
    browser.open(hotel.make()["url"]).type(number=CARD, expiry="0830", holder="A").send()
    loaded(browser, "Your card is saved")
    assert not [
        line for line in browser.complaints() if "Content Security" in line or "integrity" in line
    ]
