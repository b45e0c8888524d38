"""The Idempotency-Key of a call that writes: sent again, it is answered what it was answered.

What is remembered for 24 hours is the vault's (`gateway.vault.idempotency`), written with what was
done. Here is what is under way: the same key meanwhile is told to come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import Request

from gateway.errors import RequestInProgress, RequestInvalid
from gateway.secret import Secret
from gateway.vault.idempotency import Once

HEADER: Final = "Idempotency-Key"
LONGEST: Final = 255
PARAMETER: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
    "description": "A new one for each request. Sent again within 24 hours with the same request,"
    " it is answered the same, and nothing is done again.",
}

# For the `openapi_extra` of a call that takes one.
ONCE: Final = {"parameters": [PARAMETER]}


class InFlight:
    """The requests with such a key that are being answered, in this process. (What another process
    writes, this one waits for, and then answers the same.)
    """

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def once(
        self, request: Request, client: str, products: frozenset[str], said: Secret[bytes]
    ) -> Iterator[Once | None]:
        """What makes the request count once; None where it came without a key. `said`: its body.

        Raises RequestInvalid for a key that is none, RequestInProgress.
        """
        key = _key(request)
        if key is None:
            yield None
            return
        mine = (client, key)
        if mine in self._keys:
            raise RequestInProgress
        self._keys.add(mine)
        target = f"{request.method} {request.scope['path']}?".encode("utf-8", "surrogatepass")
        whole = target + bytes(request.scope["query_string"]) + b"\n" + said.reveal()
        try:
            yield Once(client, Secret(key), Secret(whole), products)
        finally:
            self._keys.discard(mine)


def _key(request: Request) -> str | None:
    sent = request.headers.getlist(HEADER)
    if not sent:
        return None
    key = sent[0]
    if len(sent) > 1 or not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise RequestInvalid([{"in": "header", "name": HEADER, "problem": "not_one_key"}])
    return key
