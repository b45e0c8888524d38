"""The browser that tests share: nothing of one test is there in the next."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow
LEFT = """
document.cookie = "left=1; path=/; secure";
localStorage.setItem("left", "1");
sessionStorage.setItem("left", "1");
console.error("left");
"""
FOUND = "return [document.cookie, localStorage.length, sessionStorage.length, history.length]"
SIZE = "return [innerWidth, devicePixelRatio]"


def test_nothing_of_a_test_before_is_left(browser, framing):
    browser.open(f"{framing.origin}/back").run(LEFT)
    assert browser.run(FOUND)[:3] == ["left=1", 1, 1]
    browser.size(320, 700)
    browser.scripts(on=False)
    browser.driver.switch_to.new_window("window")
    browser.open(f"{framing.foreign}/?url={framing.origin}/back")
    browser.into(browser.find("#card"))
    browser.fresh()
    assert len(browser.driver.window_handles) == 1
    assert browser.complaints() == []
    browser.open(f"{framing.origin}/back")
    assert browser.run(FOUND) == ["", 0, 0, 2]  # a blank page was first
    assert browser.run(SIZE) == [900, 1]


def test_also_a_question_and_a_closed_window_are_gone(browser, framing):
    browser.open(f"{framing.origin}/back")
    browser.driver.switch_to.new_window("tab")
    browser.driver.close()
    browser.fresh()
    browser.open(f"{framing.origin}/back").run("setTimeout(() => alert('Stay?'))")
    browser.fresh()
    assert browser.open(f"{framing.origin}/back?1").heading == "Back at the hotel"
    browser.scripts(on=False)
    browser.fresh()
    assert browser.open("data:text/html,<script>document.write('runs')</script>").text == "runs"
