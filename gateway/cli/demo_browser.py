"""The browser of the demo: what somebody does who has a link to a page of the gateway."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final

import httpx

from gateway.cli.demo_pms import Answer, context
from gateway.cli.demo_scene import Scene

_TIMEOUT: Final = 30.0
_FORM_TOKEN: Final = re.compile(r'name="form_token" value="([^"]+)"')
_TEXT: Final = re.compile(r"<(?:script|style|title).*?</(?:script|style|title)>|<[^>]*>", re.DOTALL)


class Browser:
    """Opens pages of the gateway, and of the sandbox's partners where `scene` names them; it follows no
    redirect by itself, so that the story can tell of each.
    """

    def __init__(self, scene: Scene) -> None:
        pages, partners = scene.gateway.ca_file, scene.sandbox.ca_file
        self._pages = httpx.Client(verify=context(pages), trust_env=False, timeout=_TIMEOUT)
        self._partners = httpx.Client(verify=context(partners), trust_env=False, timeout=_TIMEOUT)

    def close(self) -> None:
        """Closes its connections."""
        self._pages.close()
        self._partners.close()

    def open(self, url: str) -> Answer:
        """A page of the gateway. Raises httpx.HTTPError."""
        return _answer(self._pages.get(url))

    def send(self, url: str, typed: Mapping[str, str]) -> Answer:
        """Opens the page, fills its form and sends it. Raises httpx.HTTPError."""
        token = _FORM_TOKEN.search(self.open(url).text)
        hidden = {"form_token": "" if token is None else token[1]}
        return _answer(self._pages.post(url, data=hidden | dict(typed)))

    def visit(self, method: str, url: str, typed: Mapping[str, str] | None = None) -> Answer:
        """A page of a partner's. Raises httpx.HTTPError."""
        return _answer(self._partners.request(method, url, data=typed))


def words(answer: Answer) -> str:
    """What somebody reads on a page."""
    return " ".join(html.unescape(_TEXT.sub(" ", answer.text)).split())


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.text, response.headers)
