"""What stands around every page: links, headers, words, forms. The page itself is the tests' own."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
from datetime import timedelta

import pytest
from starlette.responses import HTMLResponse

from gateway import listening, log
from gateway.errors import VaultUnavailable
from gateway.pages.about import About, Amount
from gateway.secret import Secret
from gateway.vault.link import LinkKind
from tests.e2e.process import until
from tests.pages.serving import policy_of, said_by, serving
from tests.vault.makers import NOON

CARD = "4111111111111111"


class Echo:
    """A page that says who visits, and uses its link up."""

    kind = LinkKind.CAPTURE

    def __init__(self, pages):
        self.pages, self.done, self.fails = pages, [], None

    async def show(self, visit):
        if self.fails is not None:
            raise self.fails
        html = f'{visit.origin} {visit.texts.language} name="form_token" value="{visit.form_token}"'
        return HTMLResponse(html)

    async def submit(self, visit, form):
        self.done.append({name: value.reveal() for name, value in form.fields.items()})
        links = self.pages.vault.links
        work = lambda c: links.use(c, visit.link.row.id, Secret(b"{}"))  # noqa: E731  # short, and read just below
        await asyncio.wrap_future(links._database.write("use", work))
        return HTMLResponse("done")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    echoes = []

    def echo(pages):
        echoes.append(Echo(pages))
        return echoes[0]

    with serving(tmp_path_factory.mktemp("pages"), echo) as running:
        running.echo = echoes[0]
        yield running


@pytest.fixture(autouse=True)
def _fresh(pages):
    pages.echo.done.clear()
    pages.echo.fails = None
    pages.clock.now = NOON


def test_p35_opening_a_page_uses_nothing_up_and_sending_it_does_once(pages):
    _, url = pages.link()
    for _ in range(3):
        assert pages.get(url).status_code == 200
    assert pages.call("HEAD", url).status_code == 200
    token = pages.token(pages.get(url).text)
    assert pages.post(url, {"number": CARD}, token=token).text == "done"
    again = pages.post(url, {"number": CARD}, token=token)
    assert again.status_code == 404
    assert pages.get(url).status_code == 404
    assert pages.echo.done == [{"form_token": token, "number": CARD}]


def test_p35_unknown_used_expired_and_withdrawn_links_look_the_same(pages):
    _, used = pages.link()
    pages.post(used)
    _, other_kind = pages.link(LinkKind.REVEAL)
    _, expired = pages.link()
    answers = {
        "unknown": pages.get("/c/" + "a" * 32),
        "no kind": pages.get("/x/" + "a" * 32),
        "another kind": pages.get(other_kind.replace("/r/", "/c/")),
        "nothing there": pages.get("/"),
        "used": pages.get(used),
    }
    pages.clock.now += timedelta(hours=2)
    answers["expired"] = pages.get(expired)
    assert {(one.status_code, said_by(one)) for one in answers.values()} == {
        (404, said_by(answers["unknown"]))
    }
    assert "Seaside" not in answers["used"].text
    assert "ask the hotel for a new link" in answers["used"].text


def test_p35_a_link_of_a_product_that_has_no_pages_any_more_is_as_good_as_none(pages, monkeypatch):
    """Whoever runs the gateway took them from gateway.yaml, and started it anew."""
    _, open_ = pages.link()
    token = pages.token(pages.get(open_).text)
    unknown = pages.get("/c/" + "a" * 32)
    monkeypatch.setattr(pages.parts.site, "_faces", {})
    for answer in (pages.get(open_), pages.post(open_, token=token), pages.get(f"{open_}/back")):
        assert (answer.status_code, said_by(answer)) == (404, said_by(unknown))
    assert not pages.echo.done


def test_p35_every_answer_is_stored_nowhere_and_says_so(pages):
    _, url = pages.link()
    pages.echo.fails = None
    for answer in (pages.get(url), pages.get("/nothing"), pages.call("PUT", url), pages.post(url)):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert "Set-Cookie" not in answer.headers
        assert "Server" not in answer.headers
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in answer.headers  # a developer's localhost


def test_hsts_where_the_pages_have_a_name(tmp_path):
    with serving(tmp_path, Echo, pages={"url": "https://cards.example.com"}) as pages:
        _, url = pages.link()
        assert pages.get(url).headers["Strict-Transport-Security"] == "max-age=31536000"
        assert pages.parts.links.base == "https://cards.example.com"


def test_p35_only_the_products_origins_may_frame_a_page(pages):
    _, seaside = pages.link()
    pages.post(seaside)
    listed = policy_of(pages.get(seaside))
    assert listed["frame-ancestors"] == "https://pms.example https://pms.example:8443"
    _, hilltop = pages.link(product="hilltop")
    pages.post(hilltop)
    answer = pages.get(hilltop)
    assert policy_of(answer)["frame-ancestors"] == "'none'"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert policy_of(pages.get("/c/unknown"))["frame-ancestors"] == "'none'"


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("cross-site", 400), ("same-site", 400)],
)
def test_p35_another_sites_form_is_refused(pages, site, status):
    _, url = pages.link()
    assert pages.post(url, headers={"Sec-Fetch-Site": site}).status_code == status
    assert len(pages.echo.done) == (status == 200)


def test_p35_a_form_without_the_pages_token_is_refused(pages):
    _, url = pages.link()
    _, other = pages.link()
    for token in ("", "0" * 64, pages.token(pages.get(other).text), "ä"):
        assert pages.post(url, token=token).status_code == 400
    assert not pages.echo.done
    assert pages.post(url).status_code == 200


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"form_token=a&form_token=b", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 400),
        (b"a" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_no_form_of_ours_sends_is_refused(pages, body, media_type, status):
    _, url = pages.link()
    answer = pages.call("POST", url, data=body, headers={"Content-Type": media_type})
    assert answer.status_code == status
    assert "Nothing was saved" in answer.text
    assert policy_of(answer)["frame-ancestors"].startswith("https://pms.example")


def test_a_vault_that_is_down_is_told_in_words(pages):
    _, url = pages.link()
    pages.echo.fails = VaultUnavailable()
    answer = pages.get(url, headers={"Accept-Language": "de"})
    assert answer.status_code == 503
    assert "in einigen Minuten" in answer.text


def test_p16_what_nobody_foresaw_is_told_without_a_word_of_it(pages):
    _, url = pages.link()
    pages.echo.fails = ValueError(CARD)
    answer = pages.get(url)
    assert answer.status_code == 500
    assert CARD not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("product", "language", "accepted", "shown"),
    [
        ("seaside", None, "", "en"),
        ("seaside", None, "it", "it"),
        ("seaside", None, "fr-CA, en;q=0.5", "fr"),
        ("seaside", None, "en;q=0.1, es;q=0.9", "es"),
        ("seaside", None, "xx, yy;q=0, *", "en"),
        ("seaside", None, "de;q=nonsense, it", "it"),
        ("hilltop", None, "it", "de"),  # the product's
        ("hilltop", "fr", "it", "fr"),  # the link's
    ],
)
def test_the_language_is_the_links_the_products_or_the_browsers(
    pages, product, language, accepted, shown
):
    _, url = pages.link(product=product, language=language)
    answer = pages.get(url, headers={"Accept-Language": accepted})
    assert answer.text.split()[1] == shown


def test_scripts_and_logos_are_served_under_their_hash(pages):
    assets = pages.parts.site.assets
    for asset in (assets.named("page.css"), assets.logo("seaside")):
        answer = pages.get(asset.path)
        assert answer.content == asset.content
        assert answer.headers["Content-Type"] == asset.media_type
        assert "immutable" in answer.headers["Cache-Control"]
        assert policy_of(answer)["default-src"] == "'none'"
    assert assets.logo("hilltop") is None
    assert pages.get("/static/page.css").status_code == 404
    assert pages.get("/static/..%2Finventory.yaml").status_code == 404


@pytest.mark.parametrize(
    ("value", "currency", "language", "written"),
    [
        (123450, "EUR", "en", "1,234.50\xa0EUR"),
        (123450, "EUR", "de", "1.234,50\xa0EUR"),
        (5, "EUR", "es", "0,05\xa0EUR"),
        (5000, "JPY", "en", "5,000\xa0JPY"),
        (12345, "KWD", "en", "12.345\xa0KWD"),
        (123456789, "EUR", "fr", "1\xa0234\xa0567,89\xa0EUR"),
    ],
)
def test_an_amount_is_written_as_its_currency_and_language_have_it(
    pages, value, currency, language, written
):
    texts = pages.parts.site.locales.choose((language,), "")
    assert Amount(value, currency).written(texts) == written


def test_p16_the_secret_is_in_no_log_line(pages, monkeypatch):
    written, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    before = root.level
    log.configure("debug", written)
    _, url = pages.link()
    pages.get(url)
    pages.post(url)
    pages.echo.fails = ValueError("x")
    _, bad = pages.link()
    pages.get(bad)
    assert until(30, lambda: "ValueError" in written.getvalue())  # logged behind the answer
    root.setLevel(before)
    assert pages.echo.done
    state = pages.directory / "state"
    kept = b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())
    for secret in (url.rpartition("/")[2], bad.rpartition("/")[2]):
        assert secret not in written.getvalue()
        assert secret.encode() not in kept


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
def test_p33_whoever_begins_no_tls_is_not_waited_for(tmp_path, monkeypatch, said):
    monkeypatch.setattr(listening, "HANDSHAKE", 0.5)
    with (
        serving(tmp_path, Echo) as pages,
        socket.create_connection(("127.0.0.1", pages.number)) as one,
    ):
        one.settimeout(20)
        one.sendall(said)
        assert one.recv(1) == b""
        assert pages.get("/c/nothing").status_code == 404


def test_about_comes_back_as_it_was_sealed():
    about = About("Your stay", Amount(5, "EUR"), None)
    assert About.of(about.json()) == about
    assert About.of(About().json()) == About()
