"""The shapes that the outcome table names: where cards stand in the messages of other systems."""

from __future__ import annotations

from gateway.codecs.document import Format
from gateway.codecs.paths import Path, parse_path
from gateway.rules.model_shapes import Field, Shape


def _shape(
    name: str,
    format: Format,
    card: str,
    number: str,
    *,
    booking: str | None = None,
    expiry: tuple[str, str] | None = None,
    expiry_month: str | None = None,
    expiry_year: str | None = None,
    cvc: str | None = None,
) -> Shape:
    def path(text: str) -> Path:
        return parse_path(text, format)

    def field(text: str | None) -> Field | None:
        return None if text is None else Field(path(text))

    return Shape(
        name=name,
        format=format,
        card=path(card),
        number=Field(path(number)),
        booking=None if booking is None else path(booking),
        expiry=None if expiry is None else Field(path(expiry[0]), spelling=expiry[1]),
        expiry_month=field(expiry_month),
        expiry_year=field(expiry_year),
        cvc=field(cvc),
    )


def _ota_2001(name: str, spelling: str) -> Shape:
    return _shape(
        name,
        "xml",
        "//CreditCard",
        "@CardNumber",
        expiry=("@ExpireDate", spelling),
        cvc="@SeriesCode",
    )


def _channex(name: str, *, booking: str | None, card: str) -> Shape:
    return _shape(
        name,
        "json",
        card,
        "card_number",
        booking=booking,
        expiry=("expiration_date", "MM/YYYY"),
        cvc="cvv",
    )


def _adyen(name: str, card: str) -> Shape:
    return _shape(
        name,
        "json",
        card,
        "number",
        expiry_month="expiryMonth",
        expiry_year="expiryYear",
        cvc="cvc",
    )


def _stripe(name: str, prefix: str) -> Shape:
    return _shape(
        name,
        "form",
        ".",
        f"{prefix}[number]",
        expiry_month=f"{prefix}[exp_month]",
        expiry_year=f"{prefix}[exp_year]",
        cvc=f"{prefix}[cvc]",
    )


SHAPES = {
    shape.name: shape
    for shape in (
        _shape(
            "ota",
            "xml",
            "//PaymentCard",
            "@CardNumber",
            expiry=("@ExpireDate", "MMYY"),
            cvc="@SeriesCode",
        ),
        _shape("smx", "xml", "//PaymentCard", "CardNumber/@Mask", expiry=("@ExpireDate", "MMYY")),
        _ota_2001("ota-2001-day", "YYYY-MM-DD"),
        _ota_2001("ota-2001-slash", "MM/YYYY"),
        _ota_2001("ota-2001-dash", "MM-YY"),
        _ota_2001("ota-2001-month", "YYYYMM"),
        _shape(
            "bxml",
            "xml",
            "customer",
            "cc_number",
            booking="//reservation",
            expiry=("cc_expiration_date", "MM/YYYY"),
            cvc="cc_cvc",
        ),
        _shape(
            "eqc",
            "xml",
            ".//PaymentCard",
            "@cardNumber",
            booking="//Booking",
            expiry=("@expireDate", "MMYY"),
            cvc="@seriesCode",
        ),
        _shape(
            "authorizenet",
            "xml",
            "//creditCard",
            "cardNumber",
            expiry=("expirationDate", "YYYY-MM"),
            cvc="cardCode",
        ),
        _shape(
            "pcibooking",
            "xml",
            "//BankCard",
            "Number",
            expiry_month="ExpirationDate/Month",
            expiry_year="ExpirationDate/Year",
            cvc="CVV",
        ),
        _channex("channex-guarantee", booking=None, card="$"),
        _channex("channex-masked", booking=None, card="ota_guarante"),
        _channex("channex-list", booking="$.data[*].attributes", card="guarantee"),
        _channex("channex-one", booking="$.data.attributes", card="guarantee"),
        _channex("channex-open", booking="$.booking", card="guarantee"),
        _shape(
            "bookingsync",
            "json",
            "$",
            "card_number",
            expiry_month="expires_at_month",
            expiry_year="expires_at_year",
            cvc="security_code",
        ),
        _shape(
            "rapid",
            "json",
            "payments[*]",
            "number",
            expiry_month="expiration_month",
            expiry_year="expiration_year",
            cvc="security_code",
        ),
        _shape(
            "hostaway",
            "json",
            "$",
            "ccNumber",
            expiry_month="ccExpirationMonth",
            expiry_year="ccExpirationYear",
            cvc="cvc",
        ),
        _adyen("adyen-checkout", "$.paymentMethod"),
        _adyen("adyen-pal", "$.card"),
        _stripe("stripe", "card"),
        _stripe("stripe-nested", "payment_method_data[card]"),
    )
}
