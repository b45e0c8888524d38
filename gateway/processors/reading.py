"""What a processor's answer says became of an operation. Pure.

1. What no rule names is `unknown`, never a success; so is an answer that can not be read.
2. A challenge that nobody could pass is no challenge: `unknown`.
3. What is taken from an answer has a form and a length; all else of it is dropped.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from gateway.codecs import open_document
from gateway.codecs.document import Document, Node
from gateway.codecs.encoding import decode_body
from gateway.codecs.paths import Path
from gateway.errors import (
    BodyTooLarge,
    CodingNotSupported,
    MessageForbidden,
    MessageMalformed,
    ProcessorHasNone,
    ProcessorRefused,
    ProcessorUnclear,
)
from gateway.exchange import Response
from gateway.processors.model import STATING, Challenge, Ended, Result
from gateway.processors.rules import ANY, Answer, ChallengeShape, End, Where

_LARGEST: Final = 1 << 20  # bytes of an answer, once decoded
_ID: Final = re.compile(r"[!-~]{1,255}")
_AMOUNT: Final = re.compile(r"[0-9]{1,12}(?:\.0+)?")  # JSON may write 1050 as 1050.0
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_REASON: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_URL: Final = re.compile(r"[!-~]{1,4096}")
_LONGEST_FIELD: Final = 64 * 1024  # signs: a paReq, a page
# What an answer that can not be read may still say, by its status alone.
_WITHOUT_A_BODY: Final = frozenset({Ended.FAILED, Ended.DECLINED})

UNCLEAR: Final = Result(Ended.UNKNOWN, code=ProcessorUnclear.code)


class Reader:
    """One answer, read once. Raises nothing."""

    def __init__(self, answer: Answer, response: Response) -> None:
        self._answer, self._status = answer, response.status
        self._document: Document | None = None
        self.readable = True
        try:
            codings = response.headers.get_all("Content-Encoding")
            body = decode_body(response.body, codings, _LARGEST)
            if body.strip():
                self._document = open_document(answer.format, body)
        except (MessageMalformed, MessageForbidden, CodingNotSupported, BodyTooLarge):
            self.readable = False

    def result(self) -> Result:
        """What became of it."""
        try:
            return self._result()
        except MessageForbidden:  # a name that stands there twice
            return UNCLEAR

    def says(self, where: Where) -> bool:
        """Whether all of these texts stand in these places."""
        try:
            return self.readable and self._document is not None and self._fits(where)
        except MessageForbidden:
            return False

    def kept(self, places: Sequence[tuple[str, Path]]) -> dict[str, str] | None:
        """Name → what stands in its place; None where one is missing, or is no such thing."""
        try:
            texts = {name: self._matching(path, _ID) for name, path in places}
        except MessageForbidden:
            return None
        found = {name: text for name, text in texts.items() if text is not None}
        return found if len(found) == len(texts) else None

    # --- inside -----------------------------------------------------------------------------------

    def _result(self) -> Result:
        end = next((one for one in self._answer.ends if self._is(one)), None)
        if end is None:
            return UNCLEAR
        challenge = None
        if end.ended is Ended.CHALLENGED:
            challenge = self._challenge()
            if challenge is None:
                return UNCLEAR
        answer = self._answer
        reason = next(
            (text for path in answer.declines if (text := self._matching(path, _REASON))), None
        )
        amount = self._said(answer.amounts.get(end.ended), _AMOUNT)
        currency = self._said(answer.currency if end.ended in STATING else None, _CURRENCY)
        refused = ProcessorHasNone.code if end.absent else ProcessorRefused.code
        code = {Ended.FAILED: refused, Ended.UNKNOWN: ProcessorUnclear.code}
        return Result(
            ended=end.ended,
            processor_id=self._matching(answer.id, _ID),
            decline=reason if end.ended in {Ended.DECLINED, Ended.FAILED} else None,
            challenge=challenge,
            network_transaction_id=self._matching(answer.network_transaction_id, _ID),
            consumed=end.consumed,
            code=code.get(end.ended),
            amount=int(Decimal(amount)) if amount else None,
            currency=currency.upper() if currency else None,
            sum_unreadable="" in (amount, currency),
        )

    def _is(self, end: End) -> bool:
        if end.statuses and self._status not in end.statuses:
            return False
        if not self.readable:
            return not end.where and not end.absent and end.ended in _WITHOUT_A_BODY
        return self._fits(end.where)

    def _fits(self, where: Where) -> bool:
        return all(self._holds(path, texts) for path, texts in where)

    def _holds(self, path: Path, texts: frozenset[str]) -> bool:
        found = [text for text in self._texts(path) if text != ""]
        if not found:
            return "" in texts
        return ANY in texts or any(text in texts for text in found)

    def _texts(self, path: Path | None) -> list[str | None]:
        """What stands in a place; None for more than a text."""
        if path is None or self._document is None:
            return []
        document = self._document
        return [_text(document, node) for node in document.select(path)]

    def _matching(self, path: Path | None, form: re.Pattern[str]) -> str | None:
        """The first text of that form."""
        texts = (text.strip() for text in self._texts(path) if text)
        return next((text for text in texts if form.fullmatch(text)), None)

    def _said(self, path: Path | None, form: re.Pattern[str]) -> str | None:
        """As `_matching`; empty where something else stands there."""
        found = [text for text in self._texts(path) if text != ""]
        return (self._matching(path, form) or "") if found else None

    def _challenge(self) -> Challenge | None:
        for shape in self._answer.challenges:
            made = self._shaped(shape)
            if made is not None:
                return made
        return None

    def _shaped(self, shape: ChallengeShape) -> Challenge | None:
        if shape.kind == "html":
            page = self._page(shape)
            return None if page is None else Challenge("html", None, {}, page)
        url = self._matching(shape.url, _URL)
        if url is None or not _is_https(url):
            return None
        fields: dict[str, str] = {}
        for name, path in shape.fields:
            text = next((text for text in self._texts(path) if text), None)
            if text is None or len(text) > _LONGEST_FIELD:
                return None
            fields[name] = text
        return Challenge(shape.kind, url, fields, None, shape.back)

    def _page(self, shape: ChallengeShape) -> str | None:
        text = next((text for text in self._texts(shape.html) if text), None)
        if text is None or len(text) > _LONGEST_FIELD:
            return None
        if not shape.base64:
            return text
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return None


def _text(document: Document, node: Node) -> str | None:
    try:
        return document.text(node)
    except MessageForbidden:
        return None


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
