"""A guest passes authentication: whole gateway, each processor's shapes, a bank, and a real browser."""

from __future__ import annotations

import itertools
import json

import pytest
from selenium.webdriver.common.by import By

from gateway.cards.card import Booking
from gateway.sandbox import processor
from gateway.sandbox import processor_payments as numbers
from tests.e2e.process import until
from tests.pages.serving import TOKEN
from tests.pages.site import Hotel
from tests.processors.orders import CREDENTIALS, keep
from tests.processors.test_bookingsync import prepared

ASKS = "4000002500003155"  # Stripe's
COUNT = itertools.count()


class Bank(Hotel):
    """A hotel for each processor; all of them have pages."""

    def __init__(self, directory, sandbox, origin):
        face = {"name": "Hotel Seaside", "logo": "logo.svg", "language": "en"}
        products = {
            name: {
                "merchant_code": name,
                "terminal": 1,
                "mode": "test",
                "processor": name,
                "pages": face | {"origins": [origin]},
            }
            for name in ("sandbox", "stripe", "bookingsync")
        }
        products["bookingsync"]["hold_cvc_minutes"] = 15
        super().__init__(directory, sandbox, origin, products=products)
        self.all = tuple(products)
        self.key = self.gateway.key(scopes=("charges",), products=self.all)
        admin = self.gateway.key(scopes=("admin",), products=self.all)
        for name in self.all:
            path = f"/processors/{name}/credentials?product={name}"
            set_ = self.call("PUT", path, CREDENTIALS[name], key=admin)
            assert set_.status_code == 200, set_.text

    def charge(self, product, number, **more):
        token = keep(self.gateway, number, product=product, cvc=more.pop("cvc", None))
        said = {
            "token": token.alias,
            "amount": 12345,
            "currency": "EUR",
            "reference": f"W-{next(COUNT)}",
        }
        answer = self.call("POST", "/charges", said | more)
        assert answer.status_code == 201, answer.text
        charge = answer.json()
        assert charge["state"] == "challenged", charge
        return charge

    def state(self, charge):
        return self.call("GET", f"/charges/{charge['id']}").json()["state"]

    def becomes(self, charge, *states):
        assert until(40, lambda: self.state(charge) in states), self.state(charge)


@pytest.fixture(scope="module")
def bank(sandbox, framing, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGES_WEBHOOK", "webhook-secret-of-the-tests")
        running = Bank(tmp_path_factory.mktemp("bank"), sandbox, framing.origin)
        yield running
        running.gateway.stop(grace=0.5)


def of_bookingsync(bank, rental):
    """A charge of a tentative payment, whose gateway wants its own kind of challenge."""
    asked = prepared(bank.gateway, rental)
    said = {"amount": asked.amount, "currency": asked.currency, "extra": dict(asked.extra)}
    return bank.charge("bookingsync", "4111111111111111", cvc="012", **said)


CHARGES = {
    "sandbox redirect": lambda bank: bank.charge("sandbox", numbers.CHALLENGED),
    "sandbox form": lambda bank: bank.charge("sandbox", numbers.FORM_CHALLENGE),
    "sandbox html": lambda bank: bank.charge("sandbox", numbers.HTML_CHALLENGE),
    "stripe redirect": lambda bank: bank.charge("stripe", ASKS),
    "bookingsync form": lambda bank: of_bookingsync(bank, 2),
    "bookingsync html": lambda bank: of_bookingsync(bank, 3),
    "bookingsync redirect": lambda bank: of_bookingsync(bank, 4),
}


def loaded(browser, text):
    browser.until(lambda: text in browser.text)


def to_the_bank(browser, charge, kind, *, scripts=True):
    """From our page to the bank's, as far as somebody must press something."""
    browser.open(charge["challenge"]["url"])
    assert browser.heading == "Confirm your payment"
    browser.send()
    if not scripts and "form" in kind:
        loaded(browser, "your bank's page follows")
        browser.send()
    if not scripts and "html" in kind:
        assert until(10, lambda: browser.driver.find_elements(By.NAME, "downloadform3D"))
        browser.send()
    loaded(browser, "The sandbox's bank")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("kind", CHARGES)
def test_a_guest_passes_it_in_a_browser(bank, browser, kind, scripts):
    charge = CHARGES[kind](bank)
    browser.scripts(on=scripts)
    to_the_bank(browser, charge, kind, scripts=scripts)
    assert bank.state(charge) == "challenged"
    browser.driver.find_element(By.CSS_SELECTOR, "[value=ok]").click()
    if "bookingsync" in kind:  # its own page sends nobody back
        loaded(browser, "BookingSync: thank you")
        bank.becomes(charge, "succeeded", "authorized")
        return
    if not scripts and "form" in kind:
        until(10, lambda: browser.driver.find_elements(By.NAME, "PaRes"))
        browser.send()
    loaded(browser, "Thank you")
    browser.shoot(f"challenge-{kind.replace(' ', '-')}")
    assert bank.state(charge) == "succeeded"
    browser.open(charge["challenge"]["url"])
    loaded(browser, "This link can not be opened")
    assert not browser.driver.get_cookies()


@pytest.mark.parametrize("kind", ["sandbox redirect", "sandbox form", "stripe redirect"])
def test_a_guest_who_declines_is_told_and_nothing_was_charged(bank, browser, kind):
    charge = CHARGES[kind](bank)
    to_the_bank(browser, charge, kind)
    browser.driver.find_element(By.CSS_SELECTOR, "[value=ko]").click()
    loaded(browser, "The payment was not confirmed")
    assert bank.state(charge) == "declined"


def test_the_guest_ends_on_the_hotels_own_site(bank, browser, framing):
    back = f"{framing.origin}/back?room=7"
    charge = bank.charge("sandbox", numbers.FORM_CHALLENGE, return_url=back)
    to_the_bank(browser, charge, "form")
    browser.driver.find_element(By.CSS_SELECTOR, "[value=ok]").click()
    loaded(browser, "Back at the hotel")
    assert f"charge={charge['id']}" in browser.text
    assert [referer for path, referer in framing.seen if "room=7" in path] == [None]


def test_a_guest_who_closed_the_window_goes_once_more_also_by_the_back_button(bank, browser):
    charge = bank.charge("sandbox", numbers.CHALLENGED)
    to_the_bank(browser, charge, "redirect")
    browser.driver.back()
    loaded(browser, "Confirm your payment")
    browser.send()
    loaded(browser, "The sandbox's bank")
    browser.open(charge["challenge"]["url"] + "/back")
    loaded(browser, "is being checked")
    browser.driver.find_element(By.LINK_TEXT, "Open your bank's page once more").click()
    loaded(browser, "Confirm your payment")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(
    ("kind", "number", "place"),
    [("redirect", numbers.CHALLENGED, "url"), ("form", numbers.FORM_CHALLENGE, "acs_url")],
)
def test_a_bank_that_redirects_to_another_is_reached(
    bank, browser, framing, monkeypatch, kind, number, place, scripts
):
    """Behind a redirect that answers our form Chromium would go no further: see docs/decisions/0008."""
    told = processor._challenge

    def elsewhere(payment, url):
        said = told(payment, url)
        assert said[place] == url
        return said | {place: f"{framing.origin}/hop?url={url}"}

    monkeypatch.setattr(processor, "_challenge", elsewhere)
    charge = bank.charge("sandbox", number)
    browser.scripts(on=scripts)
    to_the_bank(browser, charge, kind, scripts=scripts)


@pytest.mark.parametrize("language", ["en", "es", "it", "fr", "de"])
def test_a_phone_shows_all_of_it(bank, browser, language):
    charge = bank.charge(
        "sandbox", numbers.FORM_CHALLENGE, language=language, purpose="Garantía " + "W" * 60
    )
    browser.size(320, 700)
    for step in ("open", "back"):
        url = charge["challenge"]["url"] + ("" if step == "open" else "/back?seen=8")
        browser.open(url)
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= 320
        assert browser.driver.find_element(By.TAG_NAME, "html").get_attribute("lang") == language
        browser.shoot(f"challenge-phone-{step}-{language}")
    browser.open(charge["challenge"]["url"])
    button = browser.driver.find_element(By.CSS_SELECTOR, "form button").rect
    assert button["height"] >= 44
    assert button["x"] + button["width"] <= 320


def test_it_works_inside_a_frame_of_a_listed_origin(bank, browser, framing):
    charge = bank.charge("sandbox", numbers.HTML_CHALLENGE)
    browser.open(f"{framing.origin}/?url={charge['challenge']['url']}")
    browser.into(browser.driver.find_element(By.ID, "card")).send()
    loaded(browser, "The sandbox's bank")
    browser.driver.find_element(By.CSS_SELECTOR, "[value=ok]").click()
    loaded(browser, "Thank you")
    browser.driver.switch_to.default_content()
    assert browser.driver.title == "PMS"
    assert bank.state(charge) == "succeeded"


def test_p35_the_banks_html_reaches_nothing_of_ours(bank, browser, framing, monkeypatch):
    """It asks our pages, looks at the page around it, takes its place, looks for cookies and storage."""
    hostile = """<h1>bank</h1><ul id=out></ul><script>
      const say = (what, how) => document.getElementById("out").append(what + ":" + how + " ");
      const attempt = (what, act) => { try { say(what, "got " + act()); } catch (e) { say(what, "no"); } };
      attempt("parent", () => parent.document.title);
      attempt("cookie", () => document.cookie + "!");
      attempt("storage", () => localStorage.length);
      attempt("top", () => { top.location = "https://evil.example/"; });
      const ours = location.href;
      fetch(ours).then((a) => say("fetch", "got " + a.status), () => say("fetch", "no"));
      const frame = document.createElement("iframe");
      frame.src = ours; document.body.append(frame);
      const image = new Image();
      image.onload = () => say("image", "got"); image.onerror = () => say("image", "no");
      image.src = "/static/logo.svg";
      attempt("popup", () => window.open(ours).closed);
      say("origin", self.origin);
    </script>"""
    monkeypatch.setattr("gateway.sandbox.bank.form", lambda *_: hostile)
    charge = bank.charge("sandbox", numbers.HTML_CHALLENGE)
    browser.open(f"{framing.origin}/?url={charge['challenge']['url']}")
    browser.into(browser.driver.find_element(By.ID, "card")).send()
    loaded(browser, "image:")
    loaded(browser, "fetch:")
    for what in ("parent", "cookie", "storage", "top", "fetch", "image", "popup"):
        assert f"{what}:no" in browser.text, browser.text
    assert "origin:null" in browser.text
    browser.shoot("challenge-hostile-html")
    browser.driver.switch_to.default_content()
    assert browser.driver.title == "PMS"
    assert bank.state(charge) == "challenged"


def test_the_webhook_tells_the_url_and_it_is_nowhere_in_clear(bank):
    charge = bank.charge("sandbox", numbers.CHALLENGED)
    told = [json.loads(one.body) for one in bank.told(charge["id"])]
    until(15, lambda: len(bank.told(charge["id"])) > 1)
    told = [json.loads(one.body) for one in bank.told(charge["id"])]
    (said,) = [one["data"] for one in told if one["type"] == "charge.challenged"]
    assert said["challenge"]["url"] == charge["challenge"]["url"]
    with bank.browse() as session:
        page = session.get(said["challenge"]["url"], timeout=20)
        token = TOKEN.search(page.text)[1]
        sent = session.post(said["challenge"]["url"], {"form_token": token}, timeout=20)
        assert sent.headers["Refresh"].startswith("0; url=https://127.0.0.1:")
        assert session.get(f"{said['challenge']['url']}/back", timeout=20).status_code == 200
    secret = said["challenge"]["url"].rpartition("/")[2].encode()
    for name, written in bank.gateway.everything_written():
        assert secret not in written, name


def test_a_charge_of_the_hotels_own_booking_is_named_on_the_page(bank):
    named = Booking("siteminder", "10107", "RES-77")
    charge = bank.charge(
        "sandbox", numbers.CHALLENGED,
        booking={"system": named.system, "hotel": named.hotel, "id": named.booking_id},
    )  # fmt: skip
    with bank.browse() as session:
        text = session.get(charge["challenge"]["url"], timeout=20).text
    assert "RES-77" in text
    assert "123.45\xa0EUR" in text
    assert "Hotel Seaside" in text
