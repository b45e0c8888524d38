"""What a page that was really served holds, compared with what is installed (PCI DSS 11.6.1).

    for difference in differences(page, again, fetch): …

A proxy, a CDN or whoever broke in may have changed it on the way: scripts that are not in the
inventory or have another hash, anything else that runs or loads, headers that are weaker or gone. The
page is fetched twice: a nonce that comes again, from a cache or on purpose, marks anybody's script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin

from gateway.pages.assets import integrity_of, inventory, path_of
from gateway.pages.headers import FIXED, new_nonce, nonce_in, policy

# Of these a page may name more, which are the product's: who frames it, where its form leads.
_OPEN: Final = {"frame-ancestors", "form-action"}
_MARKED: Final = ("script-src", "style-src")  # of these it names its nonce and nothing else
_LOADS: Final = {"iframe", "frame", "object", "embed", "applet", "base", "portal", "audio", "video"}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: where from, its headers by lower-case name, its text."""

    url: str
    status: int
    headers: Mapping[str, str]
    text: str


Fetch = Callable[[str], bytes | None]  # a URL's content; None: it was not answered with 200


def differences(page: Page, again: Page, fetch: Fetch) -> Iterator[str]:
    """What is not as it is installed, each in a sentence. `again`: the same page, fetched once more."""
    if page.status >= 500:
        yield f"the page was answered with {page.status}"
    yield from _headers(page.headers)
    nonce = _nonce(page)
    if nonce is not None and nonce == _nonce(again):
        yield "two answers have the same nonce: what is smuggled into a page could carry it"
    seen = _Seen()
    seen.feed(page.text)
    seen.close()
    yield from seen.foreign
    known = {path_of(one.name, one.integrity): one for one in inventory()}
    for source, integrity, mark in seen.loaded:
        listed = known.get(source)
        if mark != nonce:
            yield f"the page loads {source} without the nonce of its Content-Security-Policy"
        if listed is None:
            yield f"the page loads {source}, which is not in the inventory"
        elif integrity != listed.integrity:
            yield f"the page loads {source} without the hash of the inventory"
    for path, listed in known.items():
        content = fetch(urljoin(page.url, path))
        if content is None:
            yield f"{path} is not served"
        elif integrity_of(content) != listed.integrity:
            yield f"{path} is served with another content than the inventory's {listed.name}"


def _headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, wanted in FIXED.items():
        value = headers.get(name.lower())
        if name == "Content-Security-Policy":
            yield from _policy(value or "")
        elif name == "Cross-Origin-Resource-Policy":
            if value not in {"same-origin", "cross-origin"}:
                yield f"the header {name} is missing"
        elif value is None:
            yield f"the header {name} is missing"
        elif value != wanted:
            yield f"the header {name} is not `{wanted}`"
    if "set-cookie" in headers:
        yield "a cookie is set"


def _policy(value: str) -> Iterator[str]:
    wanted = _directives(policy((), new_nonce())["Content-Security-Policy"])
    found = _directives(value)
    for name in found.keys() - wanted.keys():
        yield f"Content-Security-Policy has `{name}` besides"
    for name, sources in wanted.items():
        said = found.get(name)
        if said is None:
            yield f"Content-Security-Policy has no `{name}`"
        elif name in _OPEN:
            if any("*" in source or source in {"http:", "https:"} for source in said):
                yield f"Content-Security-Policy lets anyone in by `{name}`"
        elif name in _MARKED:
            if len(said) != 1 or nonce_in(said[0]) is None:
                yield f"`{name}` of Content-Security-Policy is not one nonce of 128 bits alone"
        elif said != sources:
            yield f"`{name}` of Content-Security-Policy is not `{' '.join(sources)}`"

    if found.get("style-src") != found.get("script-src"):
        yield "`style-src` of Content-Security-Policy has another nonce than `script-src`"


def _nonce(page: Page) -> str | None:
    said = _directives(page.headers.get("content-security-policy", "")).get("script-src", [])
    return nonce_in(said[0]) if len(said) == 1 else None


def _directives(value: str) -> dict[str, list[str]]:
    parts = [part.split() for part in value.split(";") if part.strip()]
    return {part[0]: part[1:] for part in parts}


class _Seen(HTMLParser):
    """Collects what a page loads by name, and what it should not hold at all."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[tuple[str, str, str | None]] = []
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        handlers = sorted(name for name in said if name.startswith("on"))
        self.foreign += [f"a <{tag}> has `{name}`, which runs a script" for name in handlers]
        if "style" in said:
            self.foreign.append(f"a <{tag}> has a style of its own")
        if tag == "script" and "src" not in said:
            self.foreign.append("the page holds a script of its own")
        elif tag == "script":
            self.loaded.append((said["src"], said.get("integrity", ""), said.get("nonce")))
        elif tag == "link":
            self.loaded.append((said.get("href", ""), said.get("integrity", ""), said.get("nonce")))
        elif tag == "style" or tag in _LOADS:
            self.foreign.append(f"the page holds a <{tag}>")
        elif tag == "meta" and "http-equiv" in said:
            self.foreign.append("the page holds a <meta http-equiv>")
        elif tag == "form" and said.get("action"):
            self.foreign.append("the page's form goes to another address than the page's")
        if "formaction" in said:
            self.foreign.append(f"a <{tag}> sends the form to another address")
        if tag == "img" and not said.get("src", "").startswith("/static/"):
            self.foreign.append("the page shows an image that is not its own")
