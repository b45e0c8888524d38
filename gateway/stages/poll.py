"""What makes one poll the same as another: who asks, for what, and as whom at the partner. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

from gateway.codecs.document import Document
from gateway.exchange import Exchange
from gateway.rules.model import Route

_CREDENTIALS: Final = ("Authorization", "Cookie", "X-Api-Key", "PAYCOMET-API-TOKEN")


def poll_of(
    exchange: Exchange, route: Route, body: bytes, document: Document | None
) -> bytes | None:
    """What makes this request the same as another one; None where the route has no such rule,
    or the request lacks a part of it."""
    rule, request = route.inbox, exchange.request
    if rule is None or not rule.gives_again or exchange.admission is None:
        return None
    parts = [exchange.admission.client, str(exchange.product_named), route.id, request.method]
    products = exchange.admission.products
    parts += ["all"] if products is None else sorted(products)
    parts += [str(request.authority), request.path]
    # Who the partner takes the caller for is part of what is asked.
    parts += [value for name in _CREDENTIALS for value in request.headers.get_all(name)]
    hashed = hashlib.sha256()
    if rule.same_body:
        hashed.update(hashlib.sha256(body).digest())
    elif document is None:
        return None
    for path in rule.again:
        places = document.select(path) if document is not None else ()
        if len(places) != 1 or document is None:
            return None
        parts.append(document.text(places[0]))
    told = "".join(f"{len(part)}:{part}" for part in parts)
    hashed.update(told.encode("utf-8", "surrogatepass"))
    return hashed.digest()
