"""What a page's form sends: `application/x-www-form-urlencoded`, each field once, all of it secret."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from gateway.errors import BodyTooLarge, RequestInvalid
from gateway.secret import Secret

LIMIT: Final = 16 * 1024
_FIELDS: Final = 40
_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """Its fields. A field that was not sent is empty."""

    fields: dict[str, Secret[str]] = field(repr=False)

    def secret(self, name: str) -> Secret[str]:
        """A field's text, without the spaces around it."""
        return Secret(self.fields[name].reveal().strip()) if name in self.fields else Secret("")

    def text(self, name: str) -> str:
        """The same, of a field that holds no secret."""
        return self.secret(name).reveal()


async def read_form(request: Request) -> Form:
    """Raises BodyTooLarge; RequestInvalid for what no form of ours sends."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT:
            raise BodyTooLarge
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    pairs: list[tuple[str, str]] | None = None
    with contextlib.suppress(ValueError):
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_FIELDS,
        )
    if media_type != _TYPE or pairs is None or len({name for name, _ in pairs}) < len(pairs):
        raise RequestInvalid
    return Form({name: Secret(value) for name, value in pairs})
