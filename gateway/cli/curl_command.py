"""Commands for curl, as documentation has them and browsers copy them, brought into the form of a transcript.

What they would send is read of them; nothing is run, and no file is opened that they name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote_plus

from gateway.cli.multipart_written import write_form

_COMMAND: Final = re.compile(rb"^[ \t]*(?:\$ )?curl(?:\.exe)?[ \t]", re.MULTILINE)
_CONTINUED: Final = re.compile(rb"[\\^][ \t]*\r?\n[ \t]*")
_DATA: Final = frozenset({"-d", "--data", "--data-raw", "--data-ascii", "--data-binary"})
# Options of ours and others' that take a value; all others are flags.
_VALUED: Final = _DATA | {
    "-X", "--request", "-H", "--header", "--json", "--data-urlencode", "--url", "-u", "--user", "-A", "--user-agent",
    "-b", "--cookie", "-e", "--referer", "-o", "--output", "-F", "--form", "--form-string", "-m", "--max-time", "--connect-timeout", "-x",
    "--proxy", "--cacert", "--cert", "-E", "--key", "-T", "--upload-file", "-w", "--write-out",
}  # fmt: skip
_FIELDS: Final = frozenset({"-F", "--form", "--form-string"})
_TYPED: Final = re.compile(r";[ ]*(?:type|filename|headers|encoder)=.*\Z", re.DOTALL)
_FORM: Final = "application/x-www-form-urlencoded"
_LARGEST: Final = 1 << 20


def looks_like_curl_command(raw: bytes) -> bool:
    """Whether a file begins with a command for curl, after comments and blank lines."""
    first = next(
        (line for line in raw.splitlines()[:50] if line.strip() and line.strip()[:1] != b"#"), b""
    )
    return len(raw) <= _LARGEST and _COMMAND.match(first) is not None


def requests_of(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Each command's request as it would be on the line, and the line that it begins in; what is no
    command that can be read is left out."""
    starts = [found.start() for found in _COMMAND.finditer(raw)]
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=True):
        request = _request(_CONTINUED.sub(b" ", raw[start:end]))
        if request is not None:
            yield raw.count(b"\n", 0, start) + 1, request


def _request(command: bytes) -> bytes | None:
    try:
        words = shlex.split(command.decode("utf-8", "surrogateescape"), comments=True)
    except ValueError:  # a quote that is not closed
        return None
    said = list(_options(words[words.index("curl") + 1 :] if "curl" in words else words[1:]))
    url = next((value for name, value in said if name in {"", "--url"}), "")
    parts = [value for name, value in said if name in _DATA and not value.startswith("@")]
    parts += [_encoded(value) for name, value in said if name == "--data-urlencode"]
    whole = [value for name, value in said if name == "--json"]
    headers = [value for name, value in said if name in {"-H", "--header"} and ":" in value]
    body = "".join(whole) or "&".join(parts)
    if not url:
        return None
    if body and not any(one.lower().startswith("content-type:") for one in headers):
        headers.append(f"Content-Type: {'application/json' if whole else _FORM}")
    content = body.encode("utf-8", "surrogateescape")
    fields = [_field(name, value) for name, value in said if name in _FIELDS and "=" in value]
    if fields:
        kind, content = write_form(fields)
        headers = [one for one in headers if not one.lower().startswith("content-type:")]
        headers.append(f"Content-Type: {kind}")
    default = "POST" if content else "GET"
    method = next((value for name, value in said if name in {"-X", "--request"}), default)
    headers = [one for one in headers if not one.lower().startswith("content-length:")]
    target = url if "://" in url else f"https://{url}"
    head = [f"{method.upper()} {target} HTTP/1.1", *headers, f"Content-Length: {len(content)}"]
    lines = (line.replace("\r", " ").replace("\n", " ") for line in head)
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + content


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Options with their values; what is none (the URL) has the empty name."""
    left = iter(words)
    for word in left:
        name, between, value = word.partition("=")
        if word in _VALUED:
            yield word, next(left, "")
        elif between and name in _VALUED and name.startswith("--"):
            yield name, value
        elif word[:2] in _VALUED and not word.startswith("--") and len(word) > 2:
            yield word[:2], word[2:]
        elif not word.startswith("-"):
            yield "", word


def _field(option: str, value: str) -> tuple[str, str | None]:
    """A form's field; a file, of which nothing is read, where its value begins with `@` or `<`."""
    name, _, text = value.partition("=")
    if option == "--form-string":
        return name, text
    if text.startswith(("@", "<")):
        return name, None
    text = _TYPED.sub("", text)
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return name, text[1:-1] if quoted else text


def _encoded(value: str) -> str:
    name, between, text = value.partition("=")
    return f"{name}={quote_plus(text)}" if between else quote_plus(value)
