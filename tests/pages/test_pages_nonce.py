"""Each answer marks its own scripts and styles. What is smuggled into a page has no mark, and does not
run, though it names a script of ours.
"""

from __future__ import annotations

import re

import pytest
from starlette.responses import HTMLResponse, RedirectResponse

from gateway.pages.headers import nonce_in
from gateway.vault.link import LinkKind
from tests.pages.serving import policy_of, serving

MARKED = re.compile(r'<(?:script src|link rel="stylesheet" href)="[^"]+" [^>]*nonce="([^"]+)"')
FORM = (
    '<form id="capture"><input name="number"><output id="brand"></output>'
    '<p id="number-wrong"></p><button>Send</button></form>'
)
CARD, SPACED = "4111111111111111", "4111 1111 1111 1111"


class Attacked:
    """A page into which somebody put a form and a script. `mark` makes the script's from the answer's."""

    kind = LinkKind.CAPTURE

    def __init__(self, pages):
        self.pages, self.mark, self.html = pages, None, None

    async def show(self, visit):
        site = self.pages.parts.site
        if self.html is not None:
            return site.foreign(visit, self.html)
        answer = site.page(visit, "challenge.html")
        if self.mark is None:
            return answer
        (own,) = set(MARKED.findall(answer.body.decode()))
        script = f'<script src="{site.assets.named("capture.js").path}"{self.mark(own)}></script>'
        html = answer.body.decode().replace("</body>", FORM + script + "</body>")
        policy = answer.headers["Content-Security-Policy"]
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    async def submit(self, visit, form):
        return RedirectResponse("https://pms.example/", 303)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    made = []

    def attacked(pages):
        made.append(Attacked(pages))
        return made[0]

    with serving(tmp_path_factory.mktemp("pages"), attacked) as running:
        running.kind = made[0]
        yield running


@pytest.fixture(autouse=True)
def _fresh(pages):
    pages.kind.mark = pages.kind.html = None


def nonces(answer):
    """The one that the policy names for scripts and styles, having seen that the tags have it too."""
    said = policy_of(answer)
    assert said["script-src"] == said["style-src"]
    nonce = nonce_in(said["script-src"])
    assert nonce is not None, said
    assert set(MARKED.findall(answer.text)) == {nonce}
    assert answer.text.count("<script") + answer.text.count("<link") == answer.text.count("nonce=")
    return nonce


def test_p35_each_answer_has_a_nonce_of_its_own_in_policy_and_tags(pages):
    _, url = pages.link()
    seen = [nonces(pages.get(url)) for _ in range(20)]
    seen += [nonces(pages.get("/nothing")) for _ in range(20)]
    seen.append(nonces(pages.post(url, token="wrong")))
    assert len(set(seen)) == 41


def test_p35_what_is_no_page_of_ours_has_no_nonce(pages):
    _, url = pages.link()
    pages.kind.html = "<script>x()</script>"
    foreign = pages.get(url)
    assert policy_of(foreign)["script-src"] == "'unsafe-inline'"
    pages.kind.html = None
    redirect = pages.post(url)
    static = pages.get(pages.parts.site.assets.named("page.css").path)
    assert (redirect.status_code, static.status_code) == (303, 200)
    for answer in (foreign, redirect, static):
        assert "nonce" not in answer.headers["Content-Security-Policy"]


def refused(browser):
    return [text for text in browser.complaints() if "Content Security Policy" in text]


def test_p35_a_script_of_ours_that_was_smuggled_into_a_page_does_not_run(pages, browser):
    _, url = pages.link()
    earlier = nonces(pages.get(url))

    def typed(mark):
        pages.kind.mark = mark
        browser.open(url).type(number=CARD)
        return browser.field("number").get_attribute("value")

    assert typed(lambda own: f' nonce="{own}"') == SPACED  # so it would show, if it ran
    assert refused(browser) == []
    for mark in (lambda _: "", lambda _: f' nonce="{earlier}"', lambda _: ' nonce=""'):
        assert typed(mark) == CARD
        (said,) = refused(browser)
        assert "capture." in said
