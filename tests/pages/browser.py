"""Debian's Chromium, driven by selenium: what a guest does, and pictures of what they see."""

from __future__ import annotations

import shutil
from pathlib import Path

SCREENSHOTS = Path(__file__).parent.parent.parent / "build" / "screenshots"
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
    """One Chromium. `field` finds an input by its name, `shoot` keeps a picture."""

    def __init__(self):
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service

        options = ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in _FLAGS:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"intl.accept_languages": "en"})
        self.driver = Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_page_load_timeout(30)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def fresh(self):
        self.driver.switch_to.default_content()
        self.scripts(on=True)
        self.size(900, 900)
        self.driver.get("about:blank")

    def size(self, width, height):
        """A screen of this size; a phone's is narrower than a window may be."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scripts(self, *, on):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})

    def open(self, url):
        self.driver.get(url)
        return self

    def into(self, frame):
        self.driver.switch_to.frame(frame)
        return self

    def field(self, name):
        return self.driver.find_element("name", name)

    def type(self, **values):
        for name, text in values.items():
            self.field(name).send_keys(text)
        return self

    def wrong(self, name):
        return self._read("id", f"{name}-wrong")

    def send(self):
        self.driver.find_element("css selector", "form button").click()
        return self

    @property
    def text(self):
        return self._read("tag name", "body")

    @property
    def heading(self):
        return self._read("tag name", "h1")

    def _read(self, by, what):
        """The text of an element, once more where the page is exchanged while it is read."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(
            self.driver, 30, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda driver: (driver.find_element(by, what).text,))[0]

    @property
    def focused(self):
        return self.driver.switch_to.active_element.get_attribute("name")

    def shoot(self, name):
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))
