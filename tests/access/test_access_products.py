"""The product of an exchange: the order in which it is looked for, and what refuses it."""

import json
from dataclasses import dataclass

import pytest

from gateway.access.products import HotelUnknown, Products
from gateway.cards.card import Card, Failure
from gateway.config import Config
from gateway.errors import ProductNotPermitted, ProductUnknown
from gateway.secret import Secret

CONFIG = Config.model_validate_json(
    json.dumps(
        {
            "products": {
                "seaside": {"merchant_code": "a", "terminal": 1, "mode": "test"},
                "hilltop": {"merchant_code": "a", "terminal": 2, "mode": "live"},
                "strict": {
                    "merchant_code": "b",
                    "terminal": 1,
                    "mode": "live",
                    "cvc_required": True,
                    "allow_test_numbers": True,
                },
            },
            "clients": {"pms": {"networks": ["127.0.0.1"]}},
            "hotels": {"siteminder": {"10107": "seaside", "20207": "hilltop"}},
        }
    )
)
PRODUCTS = Products(CONFIG)


@dataclass(frozen=True)
class Route:
    product: str | None = None


def product(permitted=None, *, route=None, named=None, system="siteminder", hotel=None):
    permitted = None if permitted is None else frozenset(permitted)
    found = PRODUCTS.of_exchange(
        permitted, route=Route(route), named=named, system=system, hotel=hotel
    )
    return found.name


def test_the_hotel_goes_before_everything():
    assert product(hotel="10107", route="hilltop", named="hilltop") == "seaside"
    assert product(hotel=" 20207 ") == "hilltop"


def test_the_route_goes_before_the_header():
    assert product(route="hilltop", named="seaside") == "hilltop"


def test_the_header_goes_before_the_keys_only_product():
    assert product(["seaside", "hilltop"], named="hilltop") == "hilltop"


def test_the_keys_only_product_is_the_last_resort():
    assert product(["seaside"]) == "seaside"


@pytest.mark.parametrize("permitted", [None, ["seaside", "hilltop"], [], ["sold"]])
def test_without_any_of_them_it_is_unknown(permitted):
    with pytest.raises(ProductUnknown):
        product(permitted)


def test_p28_a_hotel_that_the_map_does_not_know_is_never_filed_under_another():
    with pytest.raises(HotelUnknown):
        product(["seaside"], hotel="99999", route="seaside", named="seaside")
    assert issubclass(HotelUnknown, ProductUnknown)


def test_a_system_without_a_map_does_not_look_at_hotels():
    assert product(["seaside"], system="channex", hotel="99999") == "seaside"
    assert PRODUCTS.has_hotels("siteminder")
    assert not PRODUCTS.has_hotels("channex")


@pytest.mark.parametrize("asked", [{"hotel": "20207"}, {"route": "hilltop"}, {"named": "hilltop"}])
def test_p28_the_product_must_be_permitted_however_it_was_found(asked):
    with pytest.raises(ProductNotPermitted):
        product(["seaside"], **asked)


def test_p28_the_header_is_checked_even_where_another_goes_first():
    with pytest.raises(ProductNotPermitted):
        product(["seaside"], hotel="10107", named="hilltop")
    with pytest.raises(ProductUnknown):
        product(["seaside"], hotel="10107", named="sold")


def test_the_only_product_there_is_needs_no_naming():
    only = CONFIG.model_copy(update={"products": {"seaside": CONFIG.products["seaside"]}})
    found = Products(only).of_exchange(
        None, route=Route(), named=None, system="channex", hotel=None
    )
    assert found.name == "seaside"


@pytest.mark.parametrize(
    ("name", "pan", "cvc", "expected"),
    [
        ("seaside", "4111111111111111", None, None),
        ("hilltop", "4111111111111111", None, Failure.TEST_NUMBER),
        ("hilltop", "4929000000000009", None, None),
        ("strict", "4111111111111111", None, Failure.CVC_MISSING),
        ("strict", "4111111111111111", "123", None),
    ],
)
def test_what_a_product_refuses(name, pan, cvc, expected):
    found = PRODUCTS.of_exchange(None, route=Route(name), named=None, system="x", hotel=None)
    card = Card(Secret(pan), None, cvc=None if cvc is None else Secret(cvc))
    assert found.refuses(card) == expected
    assert found.test == (name == "seaside")
