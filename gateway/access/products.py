"""Which product (merchant code and terminal, the tenant that tokens belong to) an exchange is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gateway.cards.card import Card, Failure
from gateway.cards.pan import is_test_number
from gateway.config import Config
from gateway.errors import ProductNotPermitted, ProductUnknown
from gateway.vault.digits import Owner
from gateway.vault.old_tokens import Accepted


class HotelUnknown(ProductUnknown):
    """A booking's hotel is not in the map: its cards fail, and are never filed under another.

    It fails those cards; as an answer of its own it is never seen.
    """


class TerminalUnknown(ProductUnknown):
    """The merchant code is known, that terminal of it is not."""


@dataclass(frozen=True, slots=True)
class Product:
    """A tenant. `test`: its tokens never go to a live host."""

    name: str
    test: bool
    allow_test_numbers: bool = False
    cvc_required: bool = False
    hold_cvc: timedelta | None = None  # None: a CVC is dropped
    accepts_tokens_of: tuple[str, ...] = ()

    def refuses(self, card: Card) -> Failure | None:
        """Why this product can not keep `card`, or None.

        A live product refuses the numbers that schemes publish for testing, unless told otherwise.
        """
        if not self.test and not self.allow_test_numbers and is_test_number(card.pan.reveal()):
            return Failure.TEST_NUMBER
        if self.cvc_required and card.cvc is None:
            return Failure.CVC_MISSING
        return None


class RouteProduct(Protocol):
    """The part of a route that matters here."""

    @property
    def product(self) -> str | None: ...


class Products:
    """The products of gateway.yaml, and which hotel belongs to which."""

    def __init__(self, config: Config) -> None:
        self._products = {
            name: Product(
                name,
                settings.mode == "test",
                settings.allow_test_numbers,
                settings.cvc_required,
                _minutes(settings.hold_cvc_minutes),
                settings.accepts_tokens_of,
            )
            for name, settings in config.products.items()
        }
        self._by_terminal = {
            (settings.merchant_code, settings.terminal): name
            for name, settings in config.products.items()
        }
        self._hotels: Mapping[str, Mapping[str, str]] = config.hotels
        self.names = frozenset(self._products)

    def has_hotels(self, system: str) -> bool:
        """Whether the system's hotels are mapped to products."""
        return system in self._hotels

    def holds_cvcs(self, names: frozenset[str]) -> bool:
        """Whether one of these products holds security codes."""
        return any(self._products[name].hold_cvc is not None for name in names)

    def accepted(self, names: frozenset[str]) -> list[Accepted]:
        """Whose tokens count for these products besides ours."""
        products = [self._products[name] for name in sorted(names & self.names)]
        return [
            Accepted(one.name, one.test, provider)
            for one in products
            for provider in one.accepts_tokens_of
        ]

    def owners(self, names: frozenset[str]) -> list[Owner]:
        """These products, each with its mode: whose tokens of digits count."""
        products = [self._products[name] for name in sorted(names & self.names)]
        return [Owner(one.name, one.test) for one in products]

    def named(self, name: str) -> Product:
        """The product of a name. Raises ProductUnknown."""
        return self._permitted(name, None)

    def by_terminal(
        self, permitted: frozenset[str] | None, merchant_code: str, terminal: int
    ) -> str:
        """The name of the product with this merchant code and terminal.

        Raises ProductUnknown, TerminalUnknown (one of them), ProductNotPermitted.
        """
        name = self._by_terminal.get((merchant_code, terminal))
        if name is None:
            known = any(merchant_code == code for code, _ in self._by_terminal)
            raise TerminalUnknown if known else ProductUnknown
        return self._permitted(name, permitted).name

    def of_exchange(
        self,
        permitted: frozenset[str] | None,
        *,
        route: RouteProduct,
        named: str | None,
        system: str,
        hotel: str | None,
    ) -> Product:
        """The product of an exchange, or of one booking in it. In this order:

        1. the booking's hotel in the system's map; a hotel that a map does not know is HotelUnknown;
        2. the route's `product`;
        3. `named`, from X-Gateway-Product;
        4. the only product that the caller is permitted for.

        None of them: ProductUnknown. `permitted` (None: all) is checked in each case:
        ProductNotPermitted. `named` is checked even where another goes first, so that whoever reads
        X-Gateway-Product later reads a product that the caller may use.
        """
        if named is not None:
            self._permitted(named, permitted)
        mapped = self._hotels.get(system)
        if mapped is not None and hotel is not None:
            if hotel.strip() not in mapped:
                raise HotelUnknown
            return self._permitted(mapped[hotel.strip()], permitted)
        name = route.product or named or self._only(permitted)
        return self._permitted(name, permitted)

    def _only(self, permitted: frozenset[str] | None) -> str:
        usable = self.names if permitted is None else self.names & permitted
        if len(usable) != 1:
            raise ProductUnknown
        return next(iter(usable))

    def _permitted(self, name: str, permitted: frozenset[str] | None) -> Product:
        product = self._products.get(name)
        if product is None:
            raise ProductUnknown
        if permitted is not None and name not in permitted:
            raise ProductNotPermitted
        return product


def _minutes(count: int | None) -> timedelta | None:
    return None if count is None else timedelta(minutes=count)
