"""A processor's answer in which a card stands that nobody sees who looks at its bytes."""

from __future__ import annotations

import base64
import gzip

import pytest

from gateway.sandbox.tls import server_context
from tests.e2e.problem import check_problem
from tests.e2e.test_charge import PAN, keep
from tests.e2e.test_opaque import Processor

ERROR = f'{{"error": {{"message": "card {PAN} was declined"}}}}'.encode()
UTF_7 = b"+" + base64.b64encode(PAN.encode("utf-16-be")).rstrip(b"=") + b"-"


class Echo(Processor):
    """Answers with `answer` under the lines of a head that a test sets."""

    head = b""
    status = b"402 Payment Required"

    def _write(self, card):
        del card
        length = b"Content-Length: %d\r\n\r\n" % len(self.answer)
        return [b"HTTP/1.1 " + self.status + b"\r\n" + self.head + length + self.answer]


@pytest.fixture
def charge(own_gateway, sandbox):
    with Echo(server_context(sandbox.directory)) as processor:
        here = f"processor.sandbox.test:{processor.port}"
        ca = str(sandbox.ca_file)
        stands = {"stands_for": "api.stripe.com", "address": "127.0.0.1", "ca": ca}
        gateway = own_gateway(test_hosts={here: stands})
        data = {"type": "card", "card[number]": keep(gateway).alias}

        def send(answer, head, status=Echo.status):
            processor.answer, processor.head, processor.status = answer, head, status
            with gateway.session(gateway.key()) as session:
                got = session.post(f"https://{here}/v1/payment_methods", data, timeout=20)
            assert PAN.encode() in processor.bodies[-1]
            return got

        yield send
        assert PAN not in gateway.logs.getvalue()


def test_p03_p08_p11_a_card_that_only_the_client_would_have_seen(charge):
    json, gz = b"Content-Type: application/json\r\n", b"Content-Encoding: gzip\r\n"
    packed = gzip.compress(ERROR)
    for answer, head in (
        (packed, json),
        (gzip.compress(packed), json + gz),
        (packed, json + b"Content-Encoding: identity\r\n"),
        (packed, b"Content-Type: text/xml\r\n"),
        (packed, b"Content-Type: application/x-www-form-urlencoded\r\n"),
    ):
        check_problem(charge(answer, head), 502, "message_forbidden")
    for answer, head in (
        (b'{"a": "' + UTF_7 + b'"}', b"Content-Type: application/json; charset=utf-7\r\n"),
        (ERROR.decode().encode("cp037"), b"Content-Type: text/plain; charset=IBM037\r\n"),
    ):
        check_problem(charge(answer, head), 502, "card_disguised")
    got = charge(packed, json + gz)
    assert got.status_code == 402
    assert "tok_test_" in got.json()["error"]["message"]


def test_p10_a_card_beside_what_gzip_holds(charge):
    """In the name of the packed file: nothing of it is in what is unpacked."""
    head = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
    plain = gzip.compress(b"{}")
    named = plain[:3] + b"\x08" + plain[4:10] + PAN.encode() + b"\0" + plain[10:]
    assert gzip.decompress(named) == b"{}"
    check_problem(charge(named, head), 502, "coding_not_supported")
    assert charge(plain, head).json() == {}


@pytest.mark.parametrize("left", [PAN[:-1], PAN[:-3], PAN[1:]])
def test_p11_a_card_in_an_answer_that_cuts_it(charge, left):
    got = charge(f'{{"error": "no. {left}'.encode(), b"Content-Type: application/json\r\n")
    assert got.text.startswith('{"error": "no. tok_test_')
    assert left not in got.text


def test_p10_a_part_of_an_answer_is_none(charge):
    """Two of them would be the whole, and each alone holds no card."""
    parts = b"--b\r\n\r\n%s\r\n--b\r\n\r\n%s\r\n--b--" % (PAN[:8].encode(), PAN[8:].encode())
    half, status = PAN[:8].encode(), b"206 Partial Content"
    for answer, head in (
        (half, b"Content-Range: bytes 0-7/16\r\n"),
        (half, b"Content-Range: Bytes 0-7/*\r\n"),
        (parts, b"Content-Type: multipart/byteranges; boundary=b\r\n"),
        (parts, b"Content-Type: Multipart/ByteRanges;boundary=b\r\n"),
    ):
        check_problem(charge(answer, head, status), 502, "upstream_invalid")
    for head in (b"", b"Content-Range: items 0-24/319\r\n", b"Content-Range: 0-24/*\r\n"):
        got = charge(b"[]", b"Content-Type: application/json\r\n" + head, status)
        assert (got.status_code, got.json()) == (206, [])  # a page of a list
