"""A multipart form written anew (RFC 7578), of what commands and collections say that they would send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_BOUNDARY: Final = "----form-of-the-recording"
# As browsers write a name (HTML, "multipart/form-data encoding algorithm").
_IN_NAMES: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def write_form(fields: Sequence[tuple[str, str | None]]) -> tuple[str, bytes]:
    """A form's Content-Type and body, of names with their texts; None is a file, whose content nobody has."""
    parts = []
    for name, text in fields:
        file = '; filename="file"\r\nContent-Type: application/octet-stream' if text is None else ""
        head = f'Content-Disposition: form-data; name="{name.translate(_IN_NAMES)}"{file}'
        parts.append(f"{head}\r\n\r\n{text or ''}\r\n".encode("utf-8", "surrogateescape"))
    boundary, number = _BOUNDARY, 1
    while any(boundary.encode() in part for part in parts):
        number += 1
        boundary = f"{_BOUNDARY}-{number}"
    line = b"--" + boundary.encode()
    body = b"".join(line + b"\r\n" + part for part in parts) + line + b"--\r\n"
    return f"multipart/form-data; boundary={boundary}", body
