"""New keys for a vault while a gateway, a process of its own, serves from it."""

from __future__ import annotations

import threading

from gateway.vault.sealed_tables import ROTATED
from tests.e2e.process import IDUSER


def test_p23_p25_a_gateway_serves_the_same_tokens_while_its_keys_are_renewed(site):
    key = site.key()
    process = site.start()
    found, failed, stop = [], [], threading.Event()

    def poll():
        with process.session(key) as session:
            while not stop.wait(0.02):  # two cores are not for the load alone
                answer = process.pull(session, "10107")
                (found if answer.status_code == 200 else failed).append(answer.text)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        rotated = site.cli("vault", "rotate")
        rewrapped = site.cli("vault", "rewrap")
        retired = site.cli("vault", "rotate", "--retire")
    finally:
        stop.set()
        thread.join()
    # The gateway was waited for, and had them after a few seconds.
    assert "Waiting until every gateway has loaded them" in rotated
    assert "Used from now on" in rotated
    assert "Sealed anew" in rewrapped
    assert "Erased: 1 (data), 2 (look_up), 3 (tokenuser)" in retired
    assert failed == []
    tokens = [IDUSER.findall(text) for text in found]
    assert tokens[0]
    assert all(one == tokens[0] for one in tokens)
    with process.session(key) as session:
        assert IDUSER.findall(process.pull(session, "10107").text) == tokens[0]
    metrics = process.get("metrics", "/metrics").text
    assert metrics.count("card_gateway_vault_key_activated_timestamp_seconds{") == len(ROTATED)
    assert "As they were written" in site.cli("audit", "verify")
