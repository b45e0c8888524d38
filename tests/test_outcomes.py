"""The outcome table over real messages, which lie beside the repository and are not part of it."""

from __future__ import annotations

import os
import pathlib
import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest

from gateway.cards import expiry, pan
from gateway.cards.expiry import Expiry
from gateway.cards.token import parse_alias
from gateway.codecs import open_document
from gateway.codecs.document import Document, Node, Set
from gateway.errors import GatewayError
from gateway.rules.model_shapes import Field, Shape
from tests.outcome_shapes import SHAPES
from tests.second_readers import number_texts

ROOT = pathlib.Path(__file__).parent.parent
SAMPLES = pathlib.Path(os.environ.get("GATEWAY_SAMPLES", ROOT.parent / "shared" / "samples"))
TABLE = pathlib.Path(__file__).with_name("outcomes.tsv")

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the shared samples are not beside this checkout"
)


@dataclass(frozen=True)
class Row:
    file: str
    shape: str
    outcome: str

    @property
    def is_message(self) -> bool:
        return self.outcome != "not a message"

    @property
    def is_refused(self) -> bool:
        return bool(re.fullmatch(r"message_[a-z]+", self.outcome))

    def body(self) -> bytes:
        content = (SAMPLES / self.file).read_bytes()
        if not self.file.endswith(".http"):
            return content
        head, _, body = content.replace(b"\r\n\r\n", b"\n\n", 1).partition(b"\n\n")
        label = {"form": b"form-urlencoded", "json": b"/json", "xml": b"xml"}
        assert label[SHAPES[self.shape].format] in head.lower()
        return body


def read_table() -> list[Row]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [Row(*line.split("\t")) for line in lines if not line.startswith("#")]


ROWS = read_table()
MESSAGES = [pytest.param(row, id=row.file) for row in ROWS if row.is_message]
READ = [pytest.param(row, id=row.file) for row in ROWS if row.is_message and not row.is_refused]


@dataclass(frozen=True)
class FoundCard:
    """One number field, and the card that it belongs to."""

    number: Node
    within: Node


def find_cards(document: Document, shape: Shape) -> list[FoundCard]:
    bookings = [document.root] if shape.booking is None else document.select(shape.booking)
    return [
        FoundCard(number, card)
        for booking in bookings
        for card in document.select(shape.card, booking)
        for number in document.select(shape.number.at, card)
    ]


def field_text(document: Document, within: Node, field: Field | None) -> str:
    nodes = [] if field is None else document.select(field.at, within)
    return document.text(nodes[0]) if nodes else ""


def expiry_of(document: Document, shape: Shape, card: Node) -> Expiry | None:
    if shape.expiry is not None:
        return expiry.parse(field_text(document, card, shape.expiry), shape.expiry.spelling)
    month = field_text(document, card, shape.expiry_month)
    return expiry.from_fields(month, field_text(document, card, shape.expiry_year))


def classify(document: Document, shape: Shape, found: FoundCard) -> str:
    text = document.text(found.number)
    cvc = field_text(document, found.within, shape.cvc)
    suffix = " cvc" if re.fullmatch("[0-9]+", cvc) else ""
    if parse_alias(text) is not None:
        return "ours"
    if pan.is_no_card(text):
        if not text.strip("0 "):
            return "sentinel"
        return "foreign" if re.search("[A-WYZa-wyz]", text) else f"mask {text}{suffix}"
    digits = pan.digits_of(text)
    if digits is None:
        return f"failed number_invalid {pan.mask_unreadable(text)}{suffix}"
    good_until = expiry_of(document, shape, found.within)
    if good_until is None:
        return f"failed expiry_invalid {pan.mask(digits)}{suffix}"
    return f"card {pan.mask(digits)} {good_until}{suffix}"


def outcome(shape: Shape, body: bytes) -> str:
    try:
        document = open_document(shape.format, body)
        cards = [classify(document, shape, found) for found in find_cards(document, shape)]
    except GatewayError as error:
        return error.code
    return " | ".join(cards) or "none"


def test_every_sample_has_a_line() -> None:
    files = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()}
    assert sorted(row.file for row in ROWS) == sorted(files)


@pytest.mark.parametrize("row", MESSAGES)
def test_outcome(row: Row) -> None:
    assert outcome(SHAPES[row.shape], row.body()) == row.outcome


@pytest.mark.parametrize("row", READ)
def test_second_parser_agrees(row: Row) -> None:
    shape = SHAPES[row.shape]
    document = open_document(shape.format, row.body())
    ours = [document.text(found.number) for found in find_cards(document, shape)]
    assert ours == number_texts(shape, row.body())


@pytest.mark.parametrize("row", [row for row in MESSAGES if row.values[0].is_refused])
def test_second_parser_refuses_too(row: Row) -> None:
    with pytest.raises((ValueError, ET.ParseError)):
        number_texts(SHAPES[row.shape], row.body())


@pytest.mark.parametrize("row", READ)
def test_p15_masking_changes_the_number_fields_only(row: Row) -> None:
    shape, body = SHAPES[row.shape], row.body()
    document = open_document(shape.format, body)
    assert document.splice(()).body == body
    found = find_cards(document, shape)
    texts = [document.text(card.number) for card in found]
    spliced = document.splice([Set(card.number, "tok_1_abcdefghijklm") for card in found])
    again = open_document(shape.format, spliced.body)
    changed = [again.text(card.number) for card in find_cards(again, shape)]
    assert changed == ["tok_1_abcdefghijklm"] * len(found)
    # Each edit takes out the value's own bytes: no sample escapes anything in a number.
    replaced = [body[edit.start : edit.end].decode().strip('"') for edit in spliced.edits]
    assert replaced == texts
