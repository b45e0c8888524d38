"""Each answer that the control API hands out, and each that is acknowledged, is in the audit."""

from __future__ import annotations

import socket
import time

from tests.control.kept import BODY, spool, states
from tests.control.serving import refused
from tests.e2e.process import until


def audit(vault):
    return [row.entry for row in vault.entries() if row.entry.action in {"fetch", "acknowledge"}]


def outcomes(vault):
    return [(entry.action.value, entry.outcome.value) for entry in audit(vault)]


def test_p36_a_fetch_is_in_the_audit_before_the_answer_is_opened(control, vault):
    spool(vault, "exchange-1")
    key, seen, original = control.key("proxy"), [], vault.answers.open

    async def watched(exchange, *, client):
        seen.extend(outcomes(vault))
        return await original(exchange, client=client)

    vault.answers.open = watched
    assert control.get("/v1/exchanges/exchange-1/answer", key).content == BODY
    assert seen == [("fetch", "intent")]
    assert until(30, lambda: outcomes(vault) == [("fetch", "intent"), ("fetch", "done")])
    for entry in audit(vault):
        assert (entry.exchange, entry.client, entry.origin) == ("exchange-1", "pms", "127.0.0.1")
        assert (entry.route, entry.product) == ("siteminder/pull", "seaside")
        assert key.startswith(f"cgk_{entry.key}")
    assert states(vault) == {"exchange-1": "replayed"}


def test_p36_where_nobody_can_write_it_down_no_answer_is_handed_out(control, vault):
    spool(vault, "exchange-1")
    key, original = control.key("proxy"), vault._database._transact

    def full(jobs):
        if any(job.name in {"fetch", "reached"} for job in jobs):
            raise OSError
        return original(jobs)

    vault._database._transact = full
    for answered in (
        control.get("/v1/exchanges/exchange-1/answer", key),
        control.post("/v1/exchanges/exchange-1/acknowledge", key),
    ):
        assert refused(answered, 503, "vault_unavailable")
        assert BODY not in answered.content
    assert audit(vault) == []
    assert states(vault) == {"exchange-1": "undelivered"}


def test_p36_what_was_cut_off_has_an_intent_alone(control, vault):
    spool(vault, "exchange-1", body=bytes(40_000_000))
    with socket.create_connection(control.address, 5) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = f"X-Api-Key: {control.key('proxy')}\r\n\r\n"
        plain.sendall(f"GET /v1/exchanges/exchange-1/answer HTTP/1.1\r\nHost: a\r\n{head}".encode())
        assert plain.recv(1000).startswith(b"HTTP/1.1 200 ")
    time.sleep(0.3)
    assert outcomes(vault) == [("fetch", "intent")]


def test_p36_an_acknowledgement_is_in_the_audit(control, vault):
    spool(vault, "exchange-1")
    key = control.key("proxy")
    assert control.post("/v1/exchanges/exchange-1/acknowledge", key).status_code == 200
    (entry,) = audit(vault)
    assert (entry.action, entry.outcome, entry.exchange) == ("acknowledge", "done", "exchange-1")
    assert (entry.client, entry.origin, entry.product) == ("pms", "127.0.0.1", "seaside")
    assert key.startswith(f"cgk_{entry.key}")
