"""A message's body, before and after: its coding undone, parsed, and put in its place again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from gateway.codecs import open_document
from gateway.codecs.document import Document, Format, Known
from gateway.codecs.encoding import decode_body
from gateway.codecs.envelope import Layout, open_layout
from gateway.errors import MessageMalformed, MessageUnfit, UpstreamInvalid
from gateway.exchange import Exchange, Request, Response
from gateway.garbage import Garbage
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction, Pair
from gateway.rules.model_shapes import Shape
from gateway.stages import gate
from gateway.threads import IN_THREAD, run


class Messages:
    """What every message goes through before something is looked for in it."""

    def __init__(self, garbage: Garbage, limit: int) -> None:
        """`limit`: bytes of a body, once decoded."""
        self._garbage, self._limit = garbage, limit

    async def decoded(self, message: Request | Response) -> bytes:
        """The body without its content coding; the same object where it has none.

        Raises `CodingNotSupported`, `BodyTooLarge`, `MessageMalformed`, `UpstreamInvalid`.
        """
        if isinstance(message, Response) and message.body and _is_part(message):
            raise UpstreamInvalid
        codings = message.headers.get_all("Content-Encoding")
        if not codings or not message.body:
            return message.body
        # Sixteen times is what XML shrinks by; a bomb grows more, and stops at the limit.
        grown = len(message.body) * 16
        return await run(grown, decode_body, message.body, codings, self._limit)

    def undisturbed(self, message: Request | Response) -> AbstractContextManager[None]:
        """Big messages are not interrupted by garbage collection."""
        return self._garbage.held_off() if len(message.body) > IN_THREAD else nullcontext()


def _is_part(answer: Response) -> bool:
    """Whether it is some of an answer's bytes (RFC 9110 section 14). Nobody asked for that: half a card is
    no card. What counts in other units (`items 0-24/319`, or none) is a page of a list."""
    if answer.status != 206:
        return False
    kind = (answer.headers.get("Content-Type") or "").split(";")[0].strip().lower()
    ranges = answer.headers.get_all("Content-Range")
    return kind == "multipart/byteranges" or any(
        one.strip().lower().startswith("bytes") for one in ranges
    )


async def open_in(exchange: Exchange, layout: Layout, body: bytes) -> Document:
    """The body, parsed; the exchange's end closes it. Raises what the codecs refuse."""
    known = Known(doctype=exchange.route is not None and exchange.route.doctype)
    document = await run(len(body), open_layout, layout, body, known)
    exchange.documents.append((len(body), document))
    return document


async def holds_nothing(route: Route, rule: Direction, body: bytes) -> bool:
    """Whether there is nothing for the rule to find in a message that is in order (see `gate`)."""
    # An eighth of what other work takes at worst for each byte: larger ones are looked at here, too.
    return await run(len(body) // 8, gate.holds_nothing, rule, body, Known(doctype=route.doctype))


def parses(format: Format, body: bytes) -> bool:
    """Whether the body is a document of that format. Raises `MessageForbidden` as the codec does."""
    try:
        open_document(format, body).close()
    except MessageMalformed:
        return False
    return True


async def close_all(exchange: Exchange) -> None:
    """Closes what was parsed for this exchange. What is small is freed when it is dropped."""
    for size, document in exchange.documents:
        if size > IN_THREAD:
            await run(size, document.close)


def layout_of(shapes: Sequence[Shape | Pair]) -> Layout:
    """How a rule's shapes are reached: the loader makes sure that all of one format are in the same way.

    Raises `MessageUnfit` for shapes of which nobody chose (`formats.py`).
    """
    first = shapes[0].layout
    if any(shape.layout != first for shape in shapes[1:]):
        raise MessageUnfit
    return first


def put_body(message: Request | Response, decoded: bytes, body: bytes) -> None:
    """Gives the message its new body. Where nothing changed it keeps its bytes and its coding."""
    if body != decoded:
        message.body = body
        message.headers.remove("Content-Encoding")
