"""The body of POST /v1/recaptures/{id}/card, read strictly.

    {"token": "tok_…"}  or  {"iduser": …, "tokenuser": …}  or
    {"card": {"number", "expiration_month", "expiration_year", "security_code", "holder"?}}

and beside a token "security_code", beside either "billing_contact". Nothing of it is ever in an error.
What an Idempotency-Key stands for is all of it but the security code, which is kept nowhere, not even as a
keyed hash: with the number's hash at hand there are only a thousand to try.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.cards import expiry as expiries
from gateway.cards.card import Card
from gateway.cards.pan import digits_of
from gateway.cards.token import Token, parse_alias, parse_pair
from gateway.errors import CardNotKept, MessageMalformed, RequestInvalid, TokenMalformed
from gateway.recapture.reading import parse
from gateway.secret import Secret

_CODE: Final = re.compile(r"[0-9]{3,4}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
LONGEST: Final = 60  # of a name or a line, as Rapid has it
_TOKEN: Final = {"token", "iduser", "tokenuser", "security_code", "billing_contact"}
_CARD: Final = {"number", "expiration_month", "expiration_year", "security_code", "holder"}
_CONTACT: Final = {"given_name", "family_name", "address"}
ADDRESS: Final = {
    "line_1", "line_2", "line_3", "city", "state_province_code", "postal_code", "country_code",
}  # fmt: skip
_WANTED: Final = {"line_1", "city", "country_code"}

Json = Any  # what JSON may be


@dataclass(frozen=True, slots=True)
class CardForm:
    """Either a token or a card; `any_mode`: two fields do not tell test from live. `contact` is a
    JSON text.
    """

    token: Token | None
    any_mode: bool
    card: Card | None
    security_code: Secret[str] | None
    contact: Secret[str] | None


def read_form(body: bytes) -> tuple[CardForm, Secret[bytes]]:
    """What is asked for, and what an Idempotency-Key stands for.

    Raises RequestInvalid, TokenMalformed, CardNotKept.
    """
    said = _parsed(body)
    return _form(said), _canonical(said)


def _form(said: Mapping[str, Json]) -> CardForm:
    contact = said.get("billing_contact")
    shown = None if contact is None else Secret(json.dumps(_contact(contact)))
    if "card" in said:
        _only(said, {"card", "billing_contact"})
        card = _card(said["card"])
        return CardForm(None, False, card, card.cvc, shown)
    _only(said, _TOKEN)
    code = _code(said["security_code"]) if "security_code" in said else None
    token = _token(said)
    return CardForm(token, "token" not in said, None, code, shown)


def _canonical(said: Mapping[str, Json]) -> Secret[bytes]:
    rest = _without_code(said)
    if "card" in rest:
        rest["card"] = _without_code(rest["card"])
    return Secret(json.dumps(rest, sort_keys=True).encode("ascii"))


def _without_code(said: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in said.items() if name != "security_code"}


def _parsed(body: bytes) -> Mapping[str, Json]:
    said = None
    with contextlib.suppress(MessageMalformed):
        said = parse(body)
    if not isinstance(said, dict):
        raise RequestInvalid
    return said


def _token(said: Mapping[str, Json]) -> Token:
    token = None
    if "token" in said and "iduser" not in said and "tokenuser" not in said:
        token = parse_alias(_text(said["token"]))
    elif "token" not in said and "iduser" in said and "tokenuser" in said:
        iduser = said["iduser"]
        number = str(iduser) if type(iduser) is int else _text(iduser)
        token = parse_pair(number, _text(said["tokenuser"]), test=False)
    if token is None:
        raise TokenMalformed
    return token


def _card(said: Json) -> Card:
    if not isinstance(said, dict):
        raise RequestInvalid
    _only(said, _CARD)
    month, year = _text(said.get("expiration_month")), _text(said.get("expiration_year"))
    expiry = expiries.from_fields(month, year)
    digits = digits_of(_text(said.get("number")))
    if digits is None or expiry is None:
        raise CardNotKept
    holder = Secret(_line(said["holder"])) if "holder" in said else None
    return Card(Secret(digits), expiry, holder, _code(said.get("security_code")))


def _contact(said: Json) -> Json:
    if not isinstance(said, dict) or not isinstance(said.get("address"), dict):
        raise RequestInvalid
    address = said["address"]
    _only(said, _CONTACT)
    _only(address, ADDRESS)
    if not address.keys() >= _WANTED or not _COUNTRY.fullmatch(_text(address["country_code"])):
        raise RequestInvalid
    names = {name: _line(said.get(name)) for name in ("given_name", "family_name")}
    return names | {"address": {name: _line(value) for name, value in address.items()}}


def _only(said: Mapping[str, Json], known: set[str]) -> None:
    if not said.keys() <= known:
        raise RequestInvalid


def _code(value: Json) -> Secret[str]:
    if not _CODE.fullmatch(_text(value)):
        raise RequestInvalid
    return Secret(value)


def _line(value: Json) -> str:
    text = _text(value)
    if not 1 <= len(text) <= LONGEST or not text.isprintable():
        raise RequestInvalid
    return text


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise RequestInvalid
    return value
