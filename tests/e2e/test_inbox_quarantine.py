"""An answer that is refused is kept for the operator, sealed and without its security codes."""

from __future__ import annotations

import pytest

from gateway.vault.answer import AnswerState
from tests.e2e.inbox import (
    BODY,
    kept,
    listed,
    poll,
    table,
)


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"<reservations>", b'<reservations a="&unknown;">'),
        BODY.replace(b"</reservations>", b""),
        BODY.replace(b"<id>7", b"<note>NDExMTExMTExMTExMTExMQ==</note><id>7"),
    ],
    ids=["entity", "cut", "base64"],
)
def test_an_answer_that_is_refused_goes_to_quarantine(booking_com, body):
    gateway, partner = booking_com
    partner.bodies = [body]
    answer = poll(gateway, partner)
    assert answer.status_code == 502
    (row,) = listed(gateway)
    assert row.state is AnswerState.REFUSED
    assert row.code == answer.json()["code"]
    assert row.exchange == answer.headers["X-Gateway-Exchange"]
    assert gateway.rows("select count(*) from card") == [(0,)]
    assert kept(gateway, row) is None
    refused = gateway.loop.call(table(gateway).open_refused(row.exchange, client=row.client))
    assert refused.body == body


def test_p21_what_is_in_quarantine_has_no_security_code(booking_com):
    gateway, partner = booking_com
    for cut in (b"</reservations>", b""):
        body = BODY.replace(b"</customer>", b"<cc_cvc>987</cc_cvc></customer>")
        body = body.replace(b"<id>7", b"<note>NDExMTExMTExMTExMTExMQ==</note><id>7")
        partner.bodies = [body.replace(cut, b"") if cut else body]
        assert poll(gateway, partner).status_code == 502
    for row in listed(gateway):
        refused = gateway.loop.call(table(gateway).open_refused(row.exchange, client=row.client))
        assert b"4111111111111111" in refused.body
        assert b"987" not in refused.body
    assert len(listed(gateway)) == 2


def test_an_answer_that_can_not_be_decoded_is_told(booking_com):
    gateway, partner = booking_com
    partner.more = b"Content-Encoding: gzip\r\n"
    assert poll(gateway, partner).status_code == 502
    assert listed(gateway) == []
    assert "answer_not_kept" in gateway.logs.getvalue()
