"""Debian's Chromium, driven by selenium: what a guest does, and pictures of what they see.

One process of tests starts one (`chromium` in conftest.py); the fixture `browser` is the same one
with nothing left in it of the test before.
"""

from __future__ import annotations

import shutil
from pathlib import Path

SCREENSHOTS = Path(__file__).parent.parent / "build" / "screenshots"
PHONE = (390, 780)
ENTER = "\n"
_EXCHANGED = ("does not belong to the document", "aborted by navigation")
_SECONDS = 30
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-background-networking", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-component-update", "--no-first-run", "--lang=en",
    "--ignore-certificate-errors", "--hide-scrollbars", "--disable-extensions",
)  # fmt: skip


def why_not():
    """Why there is no browser here; empty where there is one."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(missing)} is not installed" if missing else ""


class Browser:
    """One Chromium, to which each host below `.example` is the site at `port`. Fields are found by
    their names."""

    def __init__(self, port):
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service

        options = ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (*_FLAGS, f"--host-resolver-rules=MAP *.example:443 127.0.0.1:{port}"):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"intl.accept_languages": "en"})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.unhandled_prompt_behavior = "dismiss"
        self.driver = Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_page_load_timeout(_SECONDS)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    # --- what is left of a test before ------------------------------------------------------------

    def fresh(self):
        """A new window as wide as a desk's screen, and nothing that a page or a test had set.

        History, session storage, sizes and the switch of scripts are a window's own.
        """
        old = self.driver.window_handles
        self.driver.switch_to.window(old[0])  # a test may have closed the one that it was in
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        for handle in old:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(new)
        everything = {"origin": "*", "storageTypes": "all"}
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", everything)
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        self.driver.get_log("browser")
        self.size(900, 900)

    # --- what it is -------------------------------------------------------------------------------

    def size(self, width, height):
        """A screen of this size; a phone's is narrower than a window may be."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scripts(self, *, on):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})

    # --- what a guest does ------------------------------------------------------------------------

    def open(self, url):
        self.driver.get(url)
        return self

    def into(self, frame):
        self.driver.switch_to.frame(frame)
        return self

    def type(self, **values):
        for name, text in values.items():
            self.field(name).send_keys(text)
        return self

    def send(self):
        self.driver.find_element("css selector", "form button").click()
        return self

    # --- what a guest sees ------------------------------------------------------------------------

    def find(self, css):
        """The first element that a selector finds, or None."""
        found = self.driver.find_elements("css selector", css)
        return found[0] if found else None

    def field(self, name):
        return self.driver.find_element("name", name)

    def wrong(self, name):
        return self._read("id", f"{name}-wrong")

    @property
    def text(self):
        return self._read("tag name", "body")

    @property
    def heading(self):
        return self._read("tag name", "h1")

    @property
    def focused(self):
        return self.driver.switch_to.active_element.get_attribute("name")

    def until(self, seen):
        """Waits until `seen()` is true and returns it; a page may be exchanged while it is read."""
        from selenium.common.exceptions import (
            NoSuchElementException,
            StaleElementReferenceException,
            WebDriverException,
        )
        from selenium.webdriver.support.ui import WebDriverWait

        def settled(_):
            try:
                return seen()
            except WebDriverException as error:
                if any(
                    words in str(error) for words in _EXCHANGED
                ):  # which have no name of their own
                    return None
                raise

        meanwhile = [NoSuchElementException, StaleElementReferenceException]
        wait = WebDriverWait(self.driver, _SECONDS, 0.05, ignored_exceptions=meanwhile)
        return wait.until(settled)

    def _read(self, by, what):
        return self.until(lambda: (self.driver.find_element(by, what).text,))[0]

    def run(self, script):
        return self.driver.execute_script(script)

    def complaints(self):
        """What the console has said of our pages since it was asked last."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if "favicon" not in entry["message"] and "status of 4" not in entry["message"]
        ]

    def shoot(self, name):
        """Keeps a picture."""
        assert self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))
