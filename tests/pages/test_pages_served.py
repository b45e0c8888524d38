"""`card-gateway pages verify`: green for what is served, red for what was changed on the way."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.pages.assets import inventory, path_of
from gateway.pages.served import Page, differences
from tests.pages.serving import page_of

NONCE, OTHER = "'nonce-" + "A" * 22 + "'", "'nonce-" + "B" * 22 + "'"


@pytest.fixture(scope="module")
def served(hotel):
    """A capture page as it came, the same once more, and what it loads."""
    session, link = hotel.browse(), hotel.make()
    page, again = (page_of(session.get(link["url"], timeout=20)) for _ in range(2))

    def fetch(url):
        got = session.get(url, timeout=20)
        return got.content if got.status_code == 200 else None

    return page, again, fetch


def test_p35_what_is_served_is_what_is_installed(served):
    page, again, fetch = served
    assert "capture.js" in {one.name for one in inventory()}
    assert list(differences(page, again, fetch)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("</head>", "<script>x()</script></head>", "holds a script of its own"),
        ("</head>", "<script src=https://evil.example/x.js></script></head>", "not in the inventory"),
        ("</head>", "<link rel=stylesheet href=https://evil.example/x.css></head>", "not in the inventory"),
        ("</head>", "<style>*{}</style></head>", "holds a <style>"),
        ("</head>", "<base href=https://evil.example/></head>", "holds a <base>"),
        ("</head>", '<meta http-equiv="refresh"></head>', "holds a <meta http-equiv>"),
        ("<body>", '<body onload="x()">', "`onload`"),
        ("<main>", '<main><img src="https://evil.example/?">', "an image that is not its own"),
        ("<form ", '<form action="https://evil.example/" ', "form goes to another address"),
        ("<button>", '<button formaction="https://evil.example/">', "sends the form to another"),
        ('integrity="sha384-', 'integrity="sha384-x', "without the hash"),
        (' nonce="', ' data-nonce="', "without the nonce"),
        (' nonce="', ' nonce="x', "without the nonce"),
    ],
)  # fmt: skip
def test_p35_a_page_that_was_changed_is_noticed(served, old, new, said):
    page, again, fetch = served
    assert old in page.text
    changed = Page(page.url, page.status, page.headers, page.text.replace(old, new, 1))
    found = list(differences(changed, again, fetch))
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cache-control", None, "Cache-Control is missing"),
        ("cache-control", "private", "Cache-Control is not"),
        ("referrer-policy", None, "Referrer-Policy is missing"),
        ("cross-origin-resource-policy", None, "Cross-Origin-Resource-Policy is missing"),
        ("content-security-policy", None, "has no `script-src`"),
        (
            "content-security-policy",
            f"script-src {NONCE} 'unsafe-inline'",
            "`script-src` of Content",
        ),
        ("content-security-policy", f"script-src 'self' {NONCE}", "`script-src` of Content"),
        ("content-security-policy", "script-src 'self'", "`script-src` of Content"),
        ("content-security-policy", "script-src 'nonce-YWJj'", "`script-src` of Content"),
        ("content-security-policy", "style-src 'unsafe-inline'", "`style-src` of Content"),
        ("content-security-policy", f"script-src {NONCE}", "`style-src` of Content"),
        ("content-security-policy", f"script-src {NONCE}; style-src {OTHER}", "has another nonce"),
        ("content-security-policy", f"script-src {NONCE}; style-src {NONCE}", "without the nonce"),
        ("content-security-policy", "frame-ancestors *", "lets anyone in by `frame-ancestors`"),
        ("content-security-policy", "connect-src 'self'", "has `connect-src` besides"),
        ("set-cookie", "a=b", "a cookie is set"),
    ],
)
def test_p35_a_header_that_was_changed_is_noticed(served, name, value, said):
    page, again, fetch = served
    headers = dict(page.headers)
    headers.pop(name, None)
    if value is not None:
        headers[name] = value
    found = list(differences(Page(page.url, 200, headers, page.text), again, fetch))
    assert any(said in one for one in found), found


def test_p35_a_nonce_that_comes_again_is_noticed(served):
    page, _, fetch = served
    assert any("the same nonce" in one for one in differences(page, page, fetch))


def test_p35_a_script_that_was_changed_is_noticed(served):
    page, again, fetch = served
    (script,) = [path_of(o.name, o.integrity) for o in inventory() if o.name == "capture.js"]
    longer = lambda url: fetch(url) + b"x" if url.endswith(script) else fetch(url)  # noqa: E731  # short, and read just below
    assert any("another content" in one for one in differences(page, again, longer))
    gone = lambda url: None if url.endswith(script) else fetch(url)  # noqa: E731  # short, and read just below
    assert any("is not served" in one for one in differences(page, again, gone))


def test_the_command_says_so_by_its_exit_code(hotel):
    run = CliRunner().invoke
    link = hotel.make()
    for url in (hotel.base + "/", link["url"]):
        done = run(app, ["pages", "verify", url, "--ca", hotel.gateway.ca])
        assert done.exit_code == 0, done.output
    assert hotel.link(link["id"])["state"] == "open"
    metrics = f"https://localhost:{hotel.gateway.addresses.endpoints[1]}/"
    other = run(app, ["pages", "verify", metrics, "--ca", hotel.gateway.ca])
    assert (other.exit_code, "is missing" in other.output) == (1, True), other.output
    assert run(app, ["pages", "verify", hotel.base + "/"]).exit_code == 2  # whose CA nobody trusts
    assert run(app, ["pages", "verify", "http://localhost/"]).exit_code == 2
    listed = run(app, ["pages", "inventory", "--json"])
    assert "capture.js" in listed.output
