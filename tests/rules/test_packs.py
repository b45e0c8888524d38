"""The packs that are shipped: their own examples, and what each must say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cards.card import Failure
from gateway.cards.pan import is_test_number
from gateway.cli.examples import run_examples
from gateway.cli.explain import explain
from gateway.codecs.document import Element
from gateway.exchange import Authority
from gateway.rules.load import load_every_pack
from gateway.rules.match import Matcher

ROOT = Path(__file__).parent.parent.parent
RULES = load_every_pack(ROOT / "rules")
PACKS = {pack.system: pack for pack in RULES.packs}
OUTCOMES = [outcome for pack in RULES.packs for outcome in run_examples(pack)]


@pytest.mark.parametrize(
    "outcome", OUTCOMES, ids=lambda one: f"{one.system}:{one.example.source.line}"
)
def test_each_example_comes_out_as_expected(outcome):
    assert outcome.mistakes == ()


def test_the_packs_of_this_release():
    assert set(PACKS) == {
        "siteminder", "siteminder-push", "booking-com", "channex", "stripe", "adyen", "paycomet",
        "bookingsync", "expedia-rapid", "octorate", "sandbox", "expedia-eqc", "siteminder-smx", "hostaway",
        "channelconnect", "travelgate", "braintree", "authorize-net", "worldpay", "checkout-com", "redsys",
    }  # fmt: skip


@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: pack.system)
def test_each_pack_names_its_source_and_tries_its_shapes(pack):
    assert pack.format_source
    assert pack.about
    assert pack.draft == (pack.system in {"octorate", "siteminder-smx", "travelgate"})
    assert bool(pack.draft_reason) == pack.draft
    assert Path(pack.file).stem == pack.system
    tried = {example.route for example in pack.examples}
    working = {
        route.name for route in pack.routes if not (route.request.idle and route.response.idle)
    }
    alike = [(route.request, route.response) for route in pack.routes if route.name in tried]
    untried = {route.name for route in pack.routes if (route.request, route.response) not in alike}
    assert working & untried - tried <= {
        "endpoint",
        "paycomet",
        "classic-test",
        "web-service-test",
        "rest-test",
    }


def test_packs_hold_published_test_numbers_only():
    import re

    for pack in PACKS.values():
        for digits in re.findall(r"(?<![0-9])[0-9]{13,19}(?![0-9])", Path(pack.file).read_text()):
            assert is_test_number(digits) or set(digits) == {"0"}, pack.file


@pytest.mark.parametrize("name", ["siteminder/pull", "siteminder/endpoint", "siteminder-push/push"])
def test_siteminder_inserts_what_paycomet_inserts(name):
    route = next(route for route in RULES.routes if route.id == name)
    rule = route.response.tokenize or route.request.tokenize
    assert rule is not None
    token, b2b = rule.insert
    assert token.content == Element(
        "PaycometResponse",
        children=(Element("iduser", text="{iduser}"), Element("tokenuser", text="{tokenuser}")),
    )
    assert (token.into.text, token.each) == ("ResGlobalInfo", "card")
    assert b2b.content == Element("B2B", text="{b2b}")
    assert (b2b.into.text, b2b.each) == (".", "booking")
    (failure,) = rule.on_failure
    assert failure.content == Element("ds_error_id", text="{error}")
    assert {name: rule.errors[name] for name in Failure} == {
        "number_invalid": "1042", "expiry_invalid": "1046", "cvc_missing": "1043",
        "test_number": "1099", "hotel_unknown": "1099", "product_not_permitted": "1099",
        "card_malformed": "1099", "outside_booking": "1099",
        "vault": "1099",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "host", "path", "expected"),
    [
        ("POST", "ws.siteminder.com", "/pmsxchangev2/services/SELITE", "siteminder/pull"),
        ("POST", "secure-supply-xml.booking.com", "/hotels/xml/reservations", "booking-com/reservations"),
        ("GET", "secure-supply-xml.booking.com", "/hotels/xml/reservations?xml=1", "booking-com/reservations"),
        ("GET", "app.channex.io", "/api/v1/booking_revisions/feed", "channex/pull"),
        ("GET", "staging.channex.io", "/api/v1/bookings/1", "channex/pull"),
        ("POST", "app.channex.io", "/api/v1/booking_revisions/7/ack", "channex/acknowledge"),
        ("POST", "app.channex.io", "/api/v1/properties", None),
        ("POST", "api.stripe.com", "/v1/tokens", "stripe/tokens"),
        ("POST", "api.stripe.com", "/v1/payment_methods", "stripe/payment-methods"),
        ("POST", "api.stripe.com", "/v1/payment_methods/pm_1/attach", "stripe/charge"),
        ("POST", "api.stripe.com", "/v1/payment_intents/pi_1/confirm", "stripe/charge"),
        ("GET", "api.stripe.com", "/v1/charges/ch_1", "stripe/read"),
        ("POST", "files.stripe.com", "/v1/files", None),
        ("POST", "checkout-test.adyen.com", "/v72/payments", "adyen/checkout-test"),
        ("POST", "pal-test.adyen.com", "/pal/servlet/Payment/v68/authorise", "adyen/classic-test"),
        ("POST", "1797a841fbb37ca7-acme-checkout-live.adyenpayments.com", "/checkout/v72/payments", "adyen/checkout"),
        ("POST", "secure.bookingsync.com", "/api/bookingsync/instant_bookings", "bookingsync/execute"),
        ("GET", "secure.bookingsync.com", "/api/bookingsync/instant_bookings", None),
        ("POST", "www.bookingsync.com", "/api/bookingsync/instant_bookings", None),
        ("POST", "www.bookingsync.com", "/api/v3/rentals/1/bookings", "bookingsync/tentative-booking"),
        ("POST", "www.bookingsync.com", "/api/v3/bookings/1/payments", "bookingsync/tentative-payment"),
        ("GET", "www.bookingsync.com", "/api/v3/payments/101", "bookingsync/payment"),
        ("DELETE", "www.bookingsync.com", "/api/v3/bookings/1", "bookingsync/booking"),
        ("POST", "www.bookingsync.com", "/oauth/token", "bookingsync/access-token"),
        ("GET", "www.bookingsync.com", "/api/v3/inbox/messages", None),
        ("POST", "api.ean.com", "/v3/itineraries?token=REhZAQsA", "expedia-rapid/book"),
        ("POST", "api.ean.com", "/v3/payment-sessions?token=REhZAQsA", "expedia-rapid/register-payments"),
        ("PUT", "api.ean.com", "/v3/itineraries/7090158334868/payment?token=REhZ_-9", "expedia-rapid/change-payment"),
        ("PUT", "api.ean.com", "/v3/itineraries/7090158334868/rooms/1/pricing?token=x", "expedia-rapid/change-stay"),
        ("PUT", "api.ean.com", "/v3/itineraries/7090158334868/rooms/1?token=x", "expedia-rapid/change-room"),
        ("DELETE", "api.ean.com", "/v3/itineraries/7090158334868/rooms/1?token=x", "expedia-rapid/change-room"),
        ("PUT", "api.ean.com", "/v3/itineraries/7090158334868/payment-sessions?token=x", "expedia-rapid/complete-payment"),
        ("PUT", "api.ean.com", "/v3/itineraries/7090158334868?token=x", "expedia-rapid/hold"),
        ("GET", "api.ean.com", "/v3/itineraries/7090158334868?token=x", "expedia-rapid/read"),
        ("GET", "api.ean.com", "/v3/itineraries?affiliate_reference_id=R1&email=a@b.example", "expedia-rapid/read"),
        ("POST", "api.ean.com", "/v3/itineraries/7090158334868/payment", None),
        ("PUT", "api.ean.com", "/v3/itineraries/7090158334868/payment/x", None),
        ("PUT", "test.ean.com", "/v3/itineraries/7090158334868/payment?token=x", "expedia-rapid/change-payment-test"),
        ("POST", "test.ean.com", "/v3/itineraries", "expedia-rapid/book-test"),
        ("POST", "www.ean.com", "/v3/itineraries", None),
        ("GET", "api.octorate.com", "/connect/rest/v1/reservation/10107?ids[]=900101", "octorate/reservations"),
        ("GET", "api.octorate.com", "/connect/rest/v1/reservation/10107/900101", "octorate/reservation"),
        ("POST", "api.octorate.com", "/connect/rest/v1/payment/OCTORATE/BOOKING/addCard", "octorate/add-card"),
        ("POST", "api.octorate.com", "/connect/rest/v1/identity/apilogin", "octorate/identity"),
        ("GET", "api.octorate.com", "/connect/rest/v1/payment/900101/detokenize", None),
        ("POST", "api.octorate.com", "/connect/rest/v1/payment/10107/register", None),
        ("POST", "services.expediapartnercentral.com", "/eqc/br", "expedia-eqc/retrieve"),
        ("POST", "services.expediapartnercentral.com", "/eqc/bc", "expedia-eqc/others"),
        ("GET", "services.expediapartnercentral.com", "/eqc/br", None),
        ("POST", "simulator.expediaquickconnect.com", "/connect/br", "expedia-eqc/retrieve-test"),
        ("POST", "simulator.expediaquickconnect.com", "/connect/ar", "expedia-eqc/others-test"),
        ("POST", "api.hostaway.com", "/v1/reservations?validatePaymentMethod=1", "hostaway/reserve"),
        ("PUT", "api.hostaway.com", "/v1/reservations/9001", "hostaway/change"),
        ("GET", "api.hostaway.com", "/v1/reservations?limit=10", "hostaway/list"),
        ("GET", "api.hostaway.com", "/v1/reservations/9001", "hostaway/read"),
        ("POST", "api.hostaway.com", "/v1/accessTokens", "hostaway/access-token"),
        ("GET", "api.hostaway.com", "/v1/listings", None),
        ("POST", "api.travelgatex.com", "/", "travelgate/book"),
        ("POST", "api.braintreegateway.com", "/merchants/m1/transactions", "braintree/requests"),
        ("PUT", "api.braintreegateway.com", "/merchants/m1/payment_methods/credit_card/t", "braintree/requests"),
        ("GET", "api.braintreegateway.com", "/merchants/m1/transactions/t1", "braintree/read"),
        ("POST", "api.sandbox.braintreegateway.com", "/merchants/m1/customers", "braintree/requests-test"),
        ("POST", "payments.braintree-api.com", "/graphql", "braintree/graphql"),
        ("POST", "payments.sandbox.braintree-api.com", "/graphql", "braintree/graphql-test"),
        ("POST", "api.authorize.net", "/xml/v1/request.api", "authorize-net/requests"),
        ("POST", "api2.authorize.net", "/xml/v1/request.api", "authorize-net/requests-akamai"),
        ("POST", "apitest.authorize.net", "/xml/v1/request.api", "authorize-net/requests-test"),
        ("POST", "api.authorize.net", "/soap/v1/Service.asmx", None),
        ("POST", "secure.worldpay.com", "/jsp/merchant/xml/paymentService.jsp", "worldpay/payments"),
        ("POST", "secure-test.worldpay.com", "/jsp/merchant/xml/paymentService.jsp", "worldpay/payments-test"),
        ("POST", "api.checkout.com", "/payments", "checkout-com/payments"),
        ("POST", "api.checkout.com", "/payments/pay_1/captures", "checkout-com/others"),
        ("POST", "abcd1234.api.checkout.com", "/payments", "checkout-com/payments-own-host"),
        ("POST", "abcd1234.api.checkout.com", "/tokens", "checkout-com/tokens-own-host"),
        ("POST", "api.sandbox.checkout.com", "/tokens", "checkout-com/tokens-test"),
        ("POST", "abcd1234.api.sandbox.checkout.com", "/payments", "checkout-com/payments-test-own-host"),
        ("GET", "abcd1234.api.sandbox.checkout.com", "/payments/pay_1", "checkout-com/others-test-own-host"),
        ("POST", "api.checkout.com", "/instruments", None),
        ("POST", "sis.redsys.es", "/sis/rest/trataPeticionREST", "redsys/rest"),
        ("POST", "sis.redsys.es", "/sis/services/SerClsWSEntradaV2", "redsys/web-service"),
        ("POST", "sis.redsys.es", "/sis/realizarPago", None),
        ("POST", "x-acme-pal-live.adyenpayments.com", "/pal/servlet/Payment/v68/authorise", "adyen/classic"),
    ],
)  # fmt: skip
def test_where_the_systems_requests_go(method, host, path, expected):
    route = Matcher(RULES).to(method, Authority("https", host, 443), host, path)
    assert (route.id if route else None) == expected


def test_only_the_partners_test_hosts_take_test_tokens():
    hosts = {route.to.host.host for route in RULES.routes if route.to and route.mode == "test"}
    assert hosts == {
        "checkout-test.adyen.com", "pal-test.adyen.com", "test.ean.com", "simulator.expediaquickconnect.com",
        "api.sandbox.braintreegateway.com", "payments.sandbox.braintree-api.com", "apitest.authorize.net",
        "secure-test.worldpay.com", "api.sandbox.checkout.com", "sis-t.redsys.es",
    }  # fmt: skip
    for route in RULES.routes:
        assert route.to is None or (route.mode == "test") == (route.to.host.host in hosts)


def test_a_test_route_does_what_its_live_one_does():
    """Or a card would show only once it is a real one."""
    for pack in PACKS.values():
        routes = {route.name: route for route in pack.routes}
        for name, route in routes.items():
            live = routes.get(name.replace("-test", ""))
            if route.mode == "test" and live is not None:
                assert (route.request, route.response) == (live.request, live.response), name
                assert (route.methods, route.doctype) == (live.methods, live.doctype), name


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("stripe/charge", b"source[number]=tok_1_Example000001&source[object]=card", b"source[number]=4111111111111111"),
        ("stripe/payment-methods", b"card[number]=tok_1_Example000001", b"billing_details[name]=Jane"),
        ("adyen/classic-test", b'{"card":{"number":"tok_1_Example000001"}}', b'"4111111111111111"'),
        ("bookingsync/execute", b'{"card_number":"tok_1_Example000001"}', b'"card_number":4111111111111111'),
        ("octorate/add-card", b'{"card":{"number":"tok_1_Example000001"}}', b'"expiryYear":"2030"'),
        ("expedia-rapid/change-payment", b'{"payments":[{"number":"tok_1_Example000001"}]}', b'"expiration_year":"2030"'),
        ("expedia-rapid/change-stay-test", b'{"payments":[{"number":"tok_test_1_Example000001"}]}', b'"4111111111111111"'),
        ("expedia-rapid/register-payments-test", b'{"payments":[{"number":"tok_test_1_Example000001"}]}', b'"12"'),
    ],
)  # fmt: skip
def test_cards_are_put_in_where_the_processors_want_them(name, body, expected):
    route = next(route for route in RULES.routes if route.id == name)
    assert expected in explain(route, "request", body).trial.after
