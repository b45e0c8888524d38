"""Debian's Chromium, and sites that show a page of ours inside theirs: for tests."""

from __future__ import annotations

import os
import shutil
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.pages.browser import why_not

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one")
PHONE, FRAME = (390, 780), (820, 900)


class Browser:
    """One window. `site` is the PMS's or a stranger's page, with ours in a frame."""

    def __init__(self, driver, port):
        self.driver, self.port, self.framed = driver, port, ""

    def open(self, url):
        self.driver.get(url)

    def frame(self, host, url):
        """Opens a page of `host` that frames `url`, and looks into the frame."""
        _Framing.url = url
        self.driver.get(f"https://{host}/")
        self.driver.switch_to.frame(self.driver.find_element(By.TAG_NAME, "iframe"))

    def find(self, css):
        found = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found[0] if found else None

    def type(self, css, text, *, enter=False):
        self.find(css).send_keys(text + ("\n" if enter else ""))

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def until(self, seen, seconds=30):
        """Waits; a page may be exchanged while it is looked at."""
        meanwhile = (NoSuchElementException, StaleElementReferenceException)
        wait = WebDriverWait(self.driver, seconds, 0.05, ignored_exceptions=meanwhile)
        return wait.until(lambda _: seen())

    def run(self, script):
        return self.driver.execute_script(script)

    def complaints(self):
        """What the browser's console says of our page."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if "favicon" not in entry["message"] and "status of 4" not in entry["message"]
        ]

    def shoot(self, directory, name):
        """A screenshot, kept where PAGES_SCREENSHOTS says."""
        place = Path(os.environ.get("PAGES_SCREENSHOTS", str(directory)))
        place.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(place / f"{name}.png"))


class _Framing(BaseHTTPRequestHandler):
    url = ""

    def do_GET(self):
        frame = f'<iframe src="{self.url}" width="760" height="760"></iframe>'
        body = f"<!doctype html><title>PMS</title><h1>Booking RES-1</h1>{frame}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@contextmanager
def browsing(authority, directory, *, size=FRAME, scripts=True):
    """A browser to which every host below `.example` is a site that frames a page of ours."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Framing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "pages-cert.pem", authority / "pages-key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_address[1]
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en",
        "--no-first-run", "--disable-background-networking", f"--user-data-dir={directory}/profile",
        f"--window-size={size[0]},{size[1]}",
        f"--host-resolver-rules=MAP *.example:443 127.0.0.1:{port}",
    ):  # fmt: skip
        options.add_argument(argument)
    if size == PHONE:
        width, height = size
        metrics = {"width": width, "height": height, "pixelRatio": 2}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    if not scripts:
        settings = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", settings)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver, port)
    finally:
        driver.quit()
        server.shutdown()
        server.server_close()
        thread.join(10)
