"""What partners call the fields of a card. Names are compared without case and signs: `ssl_exp-date`."""

from __future__ import annotations

import re
from typing import Final

_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PLAIN: Final = re.compile(r"[^a-z0-9]")

# --- the number ---

_NUMBER: Final = re.compile(
    r"cardnumber|cardno(?!te)|cardnum|cardnbr|cardnr|ccnumber|ccnum|ccno(?!te)|creditcardnr|accountnum|accountno|acctnum"
    r"|acctno|cardaccount|accountnbr|primaryaccount|tarjeta|cartao|kartennummer|numerocarte|numbercard|cardpan|pannumber"
    r"|cardid(?=number)|creditcardnumber|ccnr|numcard"
)
_NUMBER_WORDS: Final = frozenset({"pan", "epan", "fpan", "dpan", "acct", "cc", "ccn", "cardn"})
_NUMBER_WHOLE: Final = frozenset(
    {"card", "creditcard", "umcard", "xcard", "cc", "tarjeta", "porteur"}
)
# A name that ends in one of these is of something else, whatever stands before.
_ELSE: Final = frozenset(
    {
        "id", "ids", "uid", "uuid", "guid", "ref", "reference", "references", "token", "hash", "key", "order",
        "transaction", "trans", "txn", "trx", "auth", "authorization", "authorisation", "approval", "trace", "stan",
        "invoice", "session", "batch", "phone", "tel", "telephone", "mobile", "fax", "date", "time", "timestamp",
        "stamp", "created", "updated", "amount", "total", "sig", "signature", "terminal", "zip", "postal", "tax",
        "iban", "routing", "device", "receipt", "serial", "nonce", "fingerprint", "checksum", "rrn", "arn", "mid",
        "tid", "orderid", "transid", "transactionid", "refid", "pnref", "requestid", "xid", "cavv", "eci",
        "url", "href", "link", "code", "merchant", "customer", "client", "user", "password", "seq", "sequence",
    }
)  # fmt: skip
_ENDS_ELSE: Final = re.compile(
    r"(?:token|reference|transid|transactionid|orderid|txnid|refnum|refno|retref|authcode|orderno|ordernumber"
    r"|ordernum|invoicenumber|transactionnumber|confirmationnumber|bankaccountnumber|bankaccountno|phonenumber|tracenumber|batchnumber)\Z"
)
_GENERIC: Final = frozenset(
    {"value", "val", "string", "text", "plaintext", "content", "data", "int", "i4", "long", "v", "number", "num",
     "no", "code", "name",
     "param", "parameter", "parm", "field", "item", "attribute", "property", "entry", "member", "pair", "element"}
)  # fmt: skip
_CODED: Final = 3
_CARDISH: Final = re.compile(r"card|credit|tarjeta|cartao|karte|pan\b|\bcc")


def squash(name: str) -> str:
    """`x_Card-Num` → `xcardnum`."""
    return _PLAIN.sub("", name.casefold())


def words(name: str) -> tuple[str, ...]:
    """`PaymentCard_no` → `payment`, `card`, `no`."""
    return tuple(part.casefold() for part in _CAMEL.findall(name))


def is_generic(name: str) -> bool:
    """Whether a name says nothing without what stands above or beside it."""
    return squash(name) in _GENERIC


def is_of_card(name: str) -> bool:
    """Whether something is called after a card."""
    return _CARDISH.search(squash(name)) is not None


def names_number(name: str) -> bool:
    """Whether a field is called as card numbers are."""
    if names_else(name):
        return False
    plain, parts = squash(name), words(name)
    return bool(
        _NUMBER.search(plain)
        or plain in _NUMBER_WHOLE
        or not _NUMBER_WORDS.isdisjoint(parts)
        or plain in _NUMBER_WORDS
        or re.search(r"(?:credit|um)card\Z", plain)
    )


def names_mask(name: str) -> bool:
    """Whether a field is called as what is left of a number: `maskedCardNumber`, `cardLastFour`."""
    return re.search(r"mask|last|truncat|hidden", squash(name)) is not None


def says_nothing(name: str) -> bool:
    """Whether a name is a code of the partner's own: `b1`, `cn`."""
    return len(squash(name)) <= _CODED and not is_generic(name) and not names_else(name)


def names_else(name: str) -> bool:
    """Whether a field is called as what is no card: an order, a reference, a telephone."""
    parts = [part for part in words(name) if not part.isdigit()]
    if parts and parts[-1] in _ELSE:
        return True
    if _ENDS_ELSE.search(squash(name)):
        return True
    if _NUMBER.search(squash(name)) or not _NUMBER_WORDS.isdisjoint(parts):
        return False
    return not _ELSE.isdisjoint(parts)


# --- the expiry ---

_EXPIRY: Final = re.compile(
    r"exp(?!ress|lan|lic|os|ec|er|edia|ort|end)|valid(?:thru|until|to|ity|till)|goodthru|endvalid|xprd(?:t|ate)|venc|caduc|carddue|ablauf|scadenza|validade"
)
_EXPIRY_WHOLE: Final = frozenset(
    {"ed", "ex", "dateval", "expiry", "exp", "expdate", "edate", "validthru", "gueltigbis"}
)
_NOT_EXPIRY: Final = re.compile(
    r"start|issue|from|birth|dob|session|(?<!network)token|expiresin|created|response|offer|hold|link|auth|cookie|expiresat\Z|order|flag"
)
_MONTH: Final = re.compile(
    r"month|mnth|mes\Z|monat|mon\Z|mm\Z|(?:exp|expiry|expires|expiration|expire)m\Z|expmo\Z|mois|mese"
)
_YEAR: Final = re.compile(
    r"year|yr\Z|yyyy|yy\Z|ano\Z|anio|jahr|(?:exp|expiry|expires|expiration|expire)y\Z|annee|anno\Z"
)


def names_expiry(name: str) -> bool:
    """Whether a field is called as expiries are."""
    plain = squash(name)
    if _NOT_EXPIRY.search(plain):
        return False
    return plain in _EXPIRY_WHOLE or _EXPIRY.search(plain) is not None


def names_month(name: str) -> bool:
    """Whether a field is called as a month is."""
    plain = squash(name)
    return _MONTH.search(plain) is not None and _NOT_EXPIRY.search(plain) is None


def names_year(name: str) -> bool:
    """Whether a field is called as a year is."""
    plain = squash(name)
    return _YEAR.search(plain) is not None and _NOT_EXPIRY.search(plain) is None


# --- code, holder, brand ---

_CODE: Final = re.compile(
    r"cvc|cvv|cvd|csc\Z|cvn|cvm|cv2|cvx|ccv|cvcode|securenumber|cidnum|cardsecval|securitycode|seccode|verificationvalue|cardcode|seriescode"
    r"|cardverification|cardvalidation|validationnum|verificationstr|verificationcode|verificationnumber|cardidentification|securitynumber|vcode"
    r"|codigoseguridad|codigoseguranca|cvnumber|pruefziffer|cryptogram(?=me\Z)|cardsecurity|cavv2|securitykey\Z"
)
_CODE_WHOLE: Final = frozenset(
    {
        "cid",
        "csc",
        "cvnum",
        "cv",
        "vv",
        "cryptogram",
        "umcvv",
        "verification",
        "verificationcode",
        "accountverification",
    }
)
_NOT_CODE: Final = re.compile(
    r"result|response|resp|indicator|presence|present|ind\Z|check|match|status|type|cavv(?!2)|flag|desc|message|mode"
)
_OTHER_DIGITS: Final = re.compile(
    r"last|first|bin\Z|terminal|merchant|store|issue|start|currency|country|zip|post|status|instal|plan|(?<!ac)count|length|price|fee|version|index|position"
    r"|day|mcc|result|response|level|rate|percent|nights|room|night|guest"
)
_HOLDER: Final = re.compile(
    r"holder|nameoncard|ownername|cardname|ccname|nameoncc|cardowner|ccowner|titular|inhaber|cardusername|accountname|nameoncreditcard|portador"
    r"|custname\Z|umname"
)
_HOLDER_WHOLE: Final = frozenset({"cn", "cname", "chname", "owner", "cardholder", "embossedname"})
_NOT_HOLDER: Final = re.compile(
    r"address|addr|city|zip|postal|country|state|email|mail|phone|id\Z|street|type|verif|present|auth|document|date|dni|ip\Z|line|number|placeholder|birth|doc"
)
_BRAND: Final = re.compile(
    r"cardtype|cardbrand|brand|cctype|creditcardtype|cardcode|vendorcode|cardscheme|cardcompany|paymentmethod|issuer\Z|franchise"
)
_BRANDS: Final = frozenset(
    {
        "visa", "vi", "va", "v", "mc", "mastercard", "master", "ca", "eurocard", "mca", "ax", "amex", "americanexpress",
        "an", "ae", "ds", "di", "discover", "disc", "dc", "diners", "dinersclub", "dn", "jcb", "jc", "maestro", "mae",
        "elo", "visaelectron", "unionpay", "cup",
    }
)  # fmt: skip


def names_code(name: str) -> bool:
    """Whether a field is called as security codes are."""
    plain = squash(name)
    if _NOT_CODE.search(plain):
        return False
    return plain in _CODE_WHOLE or _CODE.search(plain) is not None


def names_holder(name: str) -> bool:
    """Whether a field is called as the holder's name is."""
    plain = squash(name)
    if _NOT_HOLDER.search(plain):
        return False
    return plain in _HOLDER_WHOLE or _HOLDER.search(plain) is not None


def names_other_digits(name: str) -> bool:
    """Whether a field is called as something of three or four digits that is no code."""
    known = (names_else, names_expiry, names_month, names_year, names_brand)
    return any(one(name) for one in known) or _OTHER_DIGITS.search(squash(name)) is not None


def names_first(name: str) -> bool:
    """Whether a field is called as a first name is."""
    return re.search(r"firstname|fname\Z|givenname|forename", squash(name)) is not None


def names_last(name: str) -> bool:
    """Whether a field is called as a last name is."""
    return re.search(r"lastname|(?<!ful)lname\Z|surname|familyname", squash(name)) is not None


def names_brand(name: str) -> bool:
    """Whether a field is called as the scheme is."""
    return _BRAND.search(squash(name)) is not None


def is_brand(text: str) -> bool:
    """Whether a text is a scheme's name or code."""
    return squash(text) in _BRANDS


_OF_FIELDS: Final = (
    names_number, names_expiry, names_month, names_year, names_code, names_holder, names_first, names_last, names_brand,
)  # fmt: skip


def names_field(text: str) -> bool:
    """Whether a text is what a card's field is called: it may stand in a rule, a guest's name may not."""
    return any(named(text) for named in _OF_FIELDS)


_VALUE: Final = re.compile(r"[\s@]|[0-9]{3}")


def may_be_a_value(name: str) -> bool:
    """Whether a JSON member's name may be a guest's, an address or an identifier, and no field's: it has a
    blank, an `@` or three digits in it, and is called like nothing that we know."""
    if not _VALUE.search(name):
        return False
    around = (names_booking, names_hotel, names_departure, names_booking_id)
    known = names_field(name) or any(named(name) for named in around)
    return not known and (not is_of_card(name) or re.search(r"@|[0-9]{3}", name) is not None)


# --- what is around the card ---


def names_booking(name: str) -> bool:
    """Whether a node is called as bookings are."""
    return squash(name) in {
        "hotelreservation", "reservation", "reservations", "booking", "bookings", "hotelreservations", "bookinginfo",
        "reservationinfo", "hotelbooking", "hotelres",
    }  # fmt: skip


def names_hotel(name: str) -> bool:
    """Whether a field is called as a hotel's number is."""
    return squash(name) in {
        "hotelcode", "hotelid", "propertyid", "propertycode", "property", "hotel", "accommodationid", "hotelnumber",
        "resortid", "listingid", "listingmapid",
    }  # fmt: skip


def names_departure(name: str) -> bool:
    """Whether a field is called as the day of departure is."""
    return squash(name) in {
        "departure", "departuredate", "checkout", "checkoutdate", "end", "enddate", "todate", "depart", "dateto", "endat",
        "endson", "checkoutdatetime", "until",
    }  # fmt: skip


def names_booking_id(name: str) -> bool:
    """Whether a field is called as a booking's number is."""
    return squash(name) in {
        "id", "bookid", "bookingid", "reservationid", "resid", "bookingcode", "confirmationnumber", "bookingnumber", "uniqueid",
        "reservationnumber", "bookingreference", "reservationcode", "residvalue", "channelreservationid", "code",
        "confirmationcode", "otaconfirmationcode", "otareservationcode",
    }  # fmt: skip


def names_bookings_own_id(name: str) -> bool:
    """Whether a field is called as a booking's number is, and could be nothing else's: not `id` alone."""
    return names_booking_id(name) and squash(name) not in {"id", "code", "uniqueid"}


def names_remark(name: str) -> bool:
    """Whether a field is called as what people write is."""
    return re.search(r"remark|comment|note|special|wish|descri|memo", squash(name)) is not None


# --- an agency's card ---

_VIRTUAL: Final = re.compile(
    r"(?:is|card)?virtual(?:card|creditcard|vcc|flag|indicator)?|(?:is)?vcc(?:flag)?"
)


def names_virtual(name: str) -> bool:
    """Whether a field is called as the mark of a virtual card is."""
    return _VIRTUAL.fullmatch(squash(name)) is not None


def names_first_day(name: str) -> bool:
    """Whether a field is called as the first day is on which a card can be charged."""
    return (
        re.search(
            r"activ(?:e|ation|ated?)(?:from|date|on|at)?\Z|effectivedate|chargeablefrom|chargefrom|validfrom",
            squash(name),
        )
        is not None
    )


def names_last_day(name: str) -> bool:
    """Whether a field is called as the last day is on which a card can be charged."""
    return (
        re.search(
            r"activeuntil|activeto|deactivat|chargeableuntil|chargeuntil|validuntil", squash(name)
        )
        is not None
    )


def names_balance(name: str) -> bool:
    """Whether a field is called as what is left on a card is."""
    return re.search(r"balance\Z|cardlimit\Z|vccamount\Z|cardamount\Z", squash(name)) is not None


def names_currency(name: str) -> bool:
    """Whether a field is called as a currency is."""
    return re.search(r"currency(?:code)?\Z", squash(name)) is not None
