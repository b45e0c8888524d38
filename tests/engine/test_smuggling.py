"""P34: shapes that two readers may read two ways are refused; what is accepted, others read alike.

The corpus is in tests/corpus/http: one request a file, Python escapes, its outcome on top. The
other readers are h11 and the standard library's http.server.
"""

from __future__ import annotations

import http.server
import io
import pathlib
from dataclasses import dataclass

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.engine import http1
from gateway.engine.settings import Limits
from gateway.headers import Headers
from tests.engine.lab import Lab, lab

CORPUS = pathlib.Path(__file__).parent.parent / "corpus" / "http"
NEXT = b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n"


@dataclass(frozen=True)
class Case:
    name: str
    outcome: str
    body: bytes
    raw: bytes


def _load(file: pathlib.Path) -> Case:
    facts, parts = {}, []
    for line in file.read_text("ascii").splitlines():
        if line.startswith("# "):
            key, _, value = line[2:].partition(": ")
            facts[key] = value
        else:
            parts.append(line)
    raw = "".join(parts).encode("ascii").decode("unicode_escape").encode("latin-1")
    return Case(file.stem, facts["outcome"], facts.get("body", "").encode(), raw)


CASES = [_load(file) for file in sorted(CORPUS.glob("*.txt"))]


@dataclass(frozen=True)
class Read:
    """What a reader made of some bytes: a message, and what follows it."""

    method: str
    target: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    rest: bytes


def _names(fields) -> tuple[tuple[str, bytes], ...]:
    pairs = [(bytes(name).decode("latin-1").lower(), bytes(value)) for name, value in fields]
    # h11 answers this one value in lower case.
    return tuple(
        (name, value.lower() if name == "transfer-encoding" else value) for name, value in pairs
    )


def ours(raw: bytes) -> Read | None:
    """Our reading; None where it is refused. Raises EOFError where more is needed."""
    buffer = bytearray(raw)
    try:
        end = http1.find_end(buffer)
        if end < 0:
            raise EOFError
        head = http1.parse_request(bytes(buffer[:end]))
        del buffer[:end]
        if head.length == http1.CHUNKED:
            chunks = http1.ChunkedBody()
            chunks.feed(buffer)
            if not chunks.done:
                raise EOFError
            body = b"".join(chunks.parts)
        else:
            if len(buffer) < head.length:
                raise EOFError
            body = bytes(buffer[: head.length])
            del buffer[: head.length]
    except http1.Malformed:
        return None
    return Read(head.method, head.target, _names(head.headers), body, bytes(buffer))


def of_h11(raw: bytes) -> Read | None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(raw)
    body, request = bytearray(), None
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                if list(event.headers):
                    return None
                break
            else:
                raise EOFError
    except h11.RemoteProtocolError:
        return None
    return Read(
        request.method.decode(), request.target.decode("latin-1"), _names(request.headers),
        bytes(body), connection.trailing_data[0],
    )  # fmt: skip


def of_http_server(raw: bytes) -> Read | None:
    """It knows no chunks: for what we write, which has none."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def __init__(self) -> None:
            self.rfile, self.wfile = io.BytesIO(raw), io.BytesIO()
            self.client_address, self.close_connection = ("", 0), True

        def send_error(self, *_args, **_kwargs) -> None:
            self.failed = True

    handler = Handler()
    handler.raw_requestline = handler.rfile.readline(65537)
    if not handler.parse_request():
        return None
    length = int(handler.headers.get("Content-Length", 0))
    body = handler.rfile.read(length)
    fields = [
        (n.encode("latin-1"), v.strip(" \t").encode("latin-1")) for n, v in handler.headers.items()
    ]
    # As it stood on the wire: `path` has a leading // made one, against open redirects.
    _, target, _ = handler.requestline.split()
    return Read(handler.command, target, _names(fields), body, handler.rfile.read())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_p34_corpus(case):
    read = ours(case.raw + (NEXT if case.outcome == "accepted" else b""))
    if case.outcome == "refused":
        assert read is None
        return
    assert read.body == case.body
    assert read.rest == NEXT


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome == "accepted"], ids=lambda c: c.name
)
def test_p34_what_we_accept_others_read_alike(case):
    read = ours(case.raw + NEXT)
    other = of_h11(case.raw + NEXT)
    if read.headers and "HTTP/1.0" not in case.raw.decode("latin-1"):
        assert other == read


def _forwarded(read: Read) -> bytes:
    """As the gateway writes it for upstream."""
    headers = Headers([(name.encode(), value) for name, value in read.headers])
    headers.remove(*http1.HOP_BY_HOP)
    headers.set("Content-Length", str(len(read.body)))
    return http1.write_request(read.method, read.target, headers, read.body)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome == "accepted"], ids=lambda c: c.name
)
def test_p34_what_we_send_others_read_alike(case):
    read = ours(case.raw)
    sent = _forwarded(read)
    again = ours(sent + NEXT)
    if again is None:  # HTTP/1.0 without Host: the boundary adds one
        assert not read.headers
        return
    assert of_h11(sent + NEXT) == again == of_http_server(sent + NEXT)
    assert (again.method, again.target, again.body) == (read.method, read.target, read.body)


_PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"a", b"0", b"1", b"3", b"f", b";", b",", b"\x00", b"\xff", b"GET ", b"POST ", b"/", b"http://a.test/", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: a.test\r\n", b"Content-Length: 3\r\n", b"Content-Length:", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding:", b"chunked", b"identity", b"abc", b"1\r\na\r\n", b"0\r\n\r\n", b"X: y\r\n", b"\x0b", b"Expect: 100-continue\r\n"]
)  # fmt: skip
_BASE = (
    b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
)


@st.composite
def mutated(draw) -> bytes:
    """A good request with some pieces put in or taken out."""
    bases = [_BASE, *(case.raw for case in CASES)]
    raw = bytearray(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        cut = draw(st.integers(0, 3))
        raw[at : at + cut] = draw(_PIECES)
    return bytes(raw)


@settings(max_examples=400, deadline=None)
@example(_BASE.replace(b"/", b"//", 1))
@given(mutated())
def test_p34_differential(raw):
    """Whatever we accept: h11 refuses it or reads the same, and what we write is read alike."""
    try:
        read = ours(raw)
    except EOFError:
        return
    if read is None:
        return
    try:
        other = of_h11(raw)
    except EOFError:
        other = None
    if other is not None:
        assert other == read
    names = [name for name, _ in read.headers]
    if names.count("host") == 1:
        sent = _forwarded(read)
        assert of_http_server(sent) == of_h11(sent) == ours(sent)


@settings(max_examples=200, deadline=None)
@given(mutated(), st.lists(st.integers(1, 40), max_size=8))
def test_p34_how_it_arrives_changes_nothing(raw, cuts):
    """A request is read the same whether it comes at once or in pieces."""

    def in_pieces() -> Read | None:
        buffer, seen, at = bytearray(), 0, 0
        ends = sorted({min(sum(cuts[: i + 1]), len(raw)) for i in range(len(cuts))} | {len(raw)})
        try:
            for end in ends:
                buffer += raw[at:end]
                at = end
                found = http1.find_end(buffer, seen)
                if found >= 0:
                    return ours(raw)
                seen = len(buffer)
        except http1.Malformed:
            return None
        raise EOFError

    def outcome(read):
        try:
            return read()
        except EOFError:
            return "more"

    assert outcome(in_pieces) == outcome(lambda: ours(raw))


@pytest.fixture(scope="module")
def shared(ca, confdir) -> Lab:
    with lab(ca, confdir) as made:
        made.upstream("a.test")
        made.start(limits=Limits(request_seconds=3))
        yield made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_p34_corpus_on_the_wire(shared, case):
    upstream = shared.upstreams["a.test"]
    port = f"a.test:{upstream.port}".encode()
    upstream.requests.clear()
    with shared.tunnel("a.test") as wire:
        wire.send(case.raw.replace(b"Host: a.test", b"Host: " + port))
        if case.outcome == "refused":
            answer = wire.response()
            assert (answer.status, answer.code) == (400, "http_invalid")
            assert wire.rest() == b""
            assert not upstream.requests
            return
        assert wire.response().status == 200
    _, _, body = upstream.requests[0].partition(b"\r\n\r\n")
    assert body == case.body
