"""What a processor is sent to issue its own token for a card, and what its answer says. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.cards import expiry as expiries
from gateway.cards.card import Card
from gateway.codecs import open_document
from gateway.codecs.document import Document
from gateway.errors import HttpInvalid
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.outgoing import Call
from gateway.rules.model_directions import Issuer
from gateway.secret import Secret
from gateway.stages.pairs import Beside, ForeignPair, says
from gateway.stages.select import only

_BRACES: Final = re.compile(r"\{([A-Za-z]+)\}")
_IDUSER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_TOKENUSER: Final = re.compile(r"[!-~]{1,255}")


def issue_call(
    issuer: Issuer, authority: Authority, headers: Headers, beside: Sequence[Beside], card: Card
) -> Call:
    """The call, with those of the caller's headers that the issuer wants.

    Raises HttpInvalid where one of them stands there twice.
    """
    fields = Headers([(b"Content-Type", b"application/json"), (b"Accept", b"application/json")])
    for name in issuer.headers:
        values = headers.get_all(name)
        if len(values) > 1:
            raise HttpInvalid
        if values:
            fields.set(name, values[0])
    body = issue_body(issuer, beside, card)
    return Call("POST", authority, issuer.path, fields, Secret(body))


def issue_body(issuer: Issuer, beside: Sequence[Beside], card: Card) -> bytes:
    """Its JSON: what stands beside the pair as it stands there, then the card's members. One whose
    template has a place that the card has nothing for is left out."""
    members = [
        f"{json.dumps(one.name)}:{one.text if one.number else json.dumps(one.text)}"
        for one in beside
    ]
    values = _values(card)
    for name, template in issuer.members:
        if all(place in values for place in _BRACES.findall(template)):
            text = _BRACES.sub(lambda match: values[match[1]], template)
            members.append(f"{json.dumps(name)}:{json.dumps(text)}")
    return ("{" + ",".join(members) + "}").encode("ascii")


def open_answer(body: bytes) -> Document:
    """An issuer's answer. Raises MessageMalformed, MessageForbidden."""
    return open_document("json", body)


def read_issued(issuer: Issuer, answer: Document) -> ForeignPair | None:
    """The pair of an answer that says there is one; None where it is not there, or is none."""
    if not says(answer, issuer.issued):
        return None
    iduser = only(answer, issuer.iduser, answer.root)
    tokenuser = only(answer, issuer.tokenuser, answer.root)
    if iduser is None or tokenuser is None:
        return None
    pair = ForeignPair(answer.text(iduser), answer.text(tokenuser))
    fits = _IDUSER.fullmatch(pair.iduser) and _TOKENUSER.fullmatch(pair.tokenuser)
    return pair if fits else None


def _values(card: Card) -> Mapping[str, str]:
    values = {"number": card.pan.reveal()}
    if card.expiry is not None:
        for spelling in ("MM", "M", "YY", "YYYY"):
            values[spelling] = expiries.write(card.expiry, spelling)
    if card.holder is not None:
        values["holder"] = card.holder.reveal()
    return values
