"""How many decimals an amount in minor units has: ISO 4217, list one (active codes)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

_TWO: Final = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN
    BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
    GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP
    LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR
    NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN
    SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR
    ZMW ZWG
    """.split()  # noqa: SIM905  # a table
)
_OTHERS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS: Final = dict.fromkeys(_TWO, 2) | {
    code: exponent for exponent, codes in _OTHERS.items() for code in codes.split()
}


def decimal(amount: int, exponent: int) -> str:
    """`amount` minor units as a decimal number: 1050 with two decimals is `10.50`, with none `1050`."""
    return f"{Decimal(amount).scaleb(-exponent):.{exponent}f}"


def rescaled(amount: int, exponent: int, wanted: int) -> int | None:
    """The same amount in units of `wanted` decimals; None where it is not a whole number of them."""
    if wanted >= exponent:
        return amount * int(10 ** (wanted - exponent))
    units, rest = divmod(amount, int(10 ** (exponent - wanted)))
    return None if rest else units


def in_iso(amount: int, currency: str, exponents: Mapping[str, int]) -> int | None:
    """A processor's amount in the minor units of ISO 4217, where it counts `exponents` otherwise; None
    where it is not a whole number of them. Of a currency that ISO does not have it stays as it is.
    """
    exponent = EXPONENTS.get(currency)
    if exponent is None:
        return amount
    return rescaled(amount, exponents.get(currency, exponent), exponent)
