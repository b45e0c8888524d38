"""What pages are made of besides their HTML: our scripts and styles, each product's logo.

Each is served under a name that holds its hash, so that a browser may keep it and an older page never
gets a newer script. Pages name scripts and styles with their SHA-384 (subresource integrity): a
browser runs nothing else under that name. `inventory.yaml` says what each script is for (PCI DSS
6.4.3); a script that it does not name, or whose hash is another, keeps the gateway from starting.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway import strict_yaml
from gateway.config import Config
from gateway.errors import ConfigurationError, Problem

DIRECTORY: Final = Path(__file__).parent / "static"
INVENTORY: Final = Path(__file__).parent / "inventory.yaml"
PREFIX: Final = "/static/"
LOGO_LIMIT: Final = 16 * 1024  # a page with everything stays under 30 KB
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served. `integrity`: as `<script integrity=…>` has it."""

    path: str
    media_type: str
    content: bytes
    integrity: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A script or style of the inventory: its file, why it is there, its hash."""

    name: str
    why: str
    integrity: str


class Assets:
    """All of them, by their path and by their name."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigurationError for a logo that can not be used, or a script that is not as the
        inventory has it.
        """
        listed = {one.name: one for one in inventory()}
        self._named = {
            file.name: _asset(file.name, _TYPES[file.suffix], file.read_bytes())
            for file in sorted(DIRECTORY.iterdir())
            if file.suffix in _TYPES
        }
        problems = [
            Problem(str(INVENTORY), 0, f"`{name}` is not what is installed", "Install it again.")
            for name in self._named.keys() | listed.keys()
            if name not in listed
            or name not in self._named
            or listed[name].integrity != self._named[name].integrity
        ]
        if problems:
            raise ConfigurationError(problems)
        self._logos = {
            name: _logo(product.pages.logo)
            for name, product in config.products.items()
            if product.pages is not None and product.pages.logo is not None
        }
        every = (*self._named.values(), *self._logos.values())
        self._by_path: Mapping[str, Asset] = {one.path: one for one in every}

    def named(self, name: str) -> Asset:
        """A script or a style, by its file's name."""
        return self._named[name]

    def logo(self, product: str) -> Asset | None:
        """The product's logo."""
        return self._logos.get(product)

    def at(self, path: str) -> Asset | None:
        """What is served under a path."""
        return self._by_path.get(path)


def inventory() -> list[Listed]:
    """The inventory, as it is installed. Raises ConfigurationError."""
    located = strict_yaml.load(INVENTORY)
    data = located.data if isinstance(located.data, dict) else {}
    return [Listed(name, said["why"], said["integrity"]) for name, said in data.items()]


def path_of(name: str, integrity: str) -> str:
    """Where a script with this hash is served."""
    digest = base64.b64decode(integrity.partition("-")[2]).hex()
    stem, _, suffix = name.rpartition(".")
    return f"{PREFIX}{stem}.{digest[:16]}.{suffix}"


def integrity_of(content: bytes) -> str:
    """The hash of a file, as a page names it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode("ascii")


def _asset(name: str, media_type: str, content: bytes) -> Asset:
    integrity = integrity_of(content)
    return Asset(path_of(name, integrity), media_type, content, integrity)


def _logo(file: Path) -> Asset:
    try:
        content = file.read_bytes()
    except OSError as error:
        reason = error.strerror or "can not be read"
        raise ConfigurationError([Problem(str(file), 0, f"the logo: {reason}")]) from None
    if len(content) > LOGO_LIMIT:
        text = f"the logo has {len(content)} bytes, more than {LOGO_LIMIT}"
        raise ConfigurationError([Problem(str(file), 0, text, "Make it smaller.")])
    if content.startswith(_PNG):
        return _asset("logo.png", "image/png", content)
    if content.startswith(_JPEG):
        return _asset("logo.jpg", "image/jpeg", content)
    if b"<svg" in content[:1024]:  # shown in <img>, where it runs no script
        return _asset("logo.svg", "image/svg+xml", content)
    hint = "Name a PNG, JPEG or SVG."
    raise ConfigurationError([Problem(str(file), 0, "the logo is no image that pages show", hint)])
