"""Why a file is not imported at all. Texts are fixed: nothing of a file is ever in one."""

from __future__ import annotations

from enum import Enum


class Why(Enum):
    """What is wrong, and what to do."""

    NOT_CMS = (
        "this is no CMS file in DER",
        "Have it encrypted with the command that `card-gateway cards import-key` prints.",
    )
    NOT_AUTHENTICATED = (
        "it is encrypted in a way that does not show whether it was changed",
        "Have it encrypted again with -aes-256-gcm, which `openssl cms` has since version 3.0.",
    )
    NOT_OAEP = (
        "its key is not wrapped with RSA-OAEP",
        "Have it encrypted again with both -keyopt of the command that `cards import-key` prints.",
    )
    NO_KEY = (
        "no import key of this vault opens it",
        "Compare: card-gateway cards import-keys. Has the key been erased?",
    )
    DAMAGED = (
        "it was changed or cut off on its way",
        "Have it sent again, and compare its SHA-256 with the sender's.",
    )
    CHANGED = (
        "it was changed while it was read",
        "Leave the file alone, and run the same command again.",
    )
    EMPTY = ("it has no header row", "See docs/leaving.md for the columns.")
    NOT_TEXT = ("it is no text in UTF-8", "Have it written again in UTF-8.")
    LINE_TOO_LONG = ("a line or a field is too long", "A quotation mark may lack its end.")
    NOT_CSV = ("its quotation marks are wrong", "RFC 4180 says how they are written.")
    COLUMN_MISSING = (
        "a column is missing: it needs pan, token, and expiry or expiry_month and expiry_year",
        "See docs/leaving.md for the columns.",
    )
    COLUMN_TWICE = ("a column is there twice", "Have one of them removed.")
    COLUMN_UNKNOWN = (
        "a column is none of those that are known",
        "Have it renamed or left out; see docs/leaving.md for the columns.",
    )
    SECURITY_CODE = (
        "a column is named like security codes, PINs or track data",
        "Nobody may keep those after a payment (PCI DSS 3.3.1): have a file made without it.",
    )


class FileRefused(Exception):
    """The file as a whole. `line` counts from 1 in what was encrypted; `column` in its header."""

    def __init__(self, why: Why, line: int | None = None, column: int | None = None) -> None:
        super().__init__(why.name.lower())
        self.why, self.line, self.column = why, line, column

    @property
    def text(self) -> str:
        """What is wrong, and where."""
        at = "".join(
            f", {name} {number}"
            for name, number in (("line", self.line), ("column", self.column))
            if number is not None
        )
        return f"The file is refused: {self.why.value[0]}{at}."

    @property
    def action(self) -> str:
        """What to do."""
        return self.why.value[1]
