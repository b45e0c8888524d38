"""gateway.yaml, `pages:` and `products.<name>.pages:`: what guests and staff see in a browser.

All pages: `{ url: https://cards.example.com }`. One product's: `{ name: Hotel Example, logo: logo.svg,
language: en, origins: [https://pms.example.com] }`.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from gateway.config_section import Section
from gateway.config_values import FilePath, Https, HttpsTarget

_LANGUAGE: Final = r"[a-z]{2,3}(-[A-Z]{2})?"


def _origin(target: Https) -> Https:
    if target.path != "/":
        raise ValueError(f"`{target.base}{target.path}` has a path; write `{target.base}`")
    return target


Origin = Annotated[HttpsTarget, AfterValidator(_origin)]
Origins = tuple[Origin, ...]


class PagesSettings(Section):
    """All pages. Without `url` links name `localhost` and the port that listens."""

    url: Origin | None = None  # where browsers reach the port; what every link starts with


class ProductPages(Section):
    """How a product's pages look, and who may show them inside a page of their own."""

    name: Annotated[str, Field(min_length=1, max_length=80)]  # as guests know the hotel
    logo: FilePath | None = None  # PNG, JPEG or SVG
    language: Annotated[str, Field(pattern=f"^{_LANGUAGE}$")] | None = None
    origins: Origins = ()  # sites that may frame a page, and that a guest is sent back to
