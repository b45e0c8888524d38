"""Many callers at once, and one that does not wait for its answer."""

from __future__ import annotations

import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gateway.sandbox.pull import read_request
from tests.e2e.process import until
from tests.running import ROOT


def test_p25_many_clients_that_pull_one_card_get_one_token(own_gateway, tmp_path):
    rules = shutil.copytree(ROOT / "rules", tmp_path / "rules")
    pack = (rules / "siteminder.yaml").read_text(encoding="utf-8")
    pack = re.sub(r"\n +one_at_a_time: .*", "", pack)
    (rules / "siteminder.yaml").write_text(pack, encoding="utf-8")
    gateway = own_gateway(rules=str(rules))
    settings = gateway.sandbox.siteminder.settings
    settings.one_at_a_time = False
    key, together = gateway.key(), threading.Barrier(32)

    def pull(_):
        with gateway.session(key) as session:
            together.wait(30)
            answer = gateway.pull("10107", session=session)
        assert answer.status_code == 200, answer.text
        return between(answer.text, "<iduser>"), between(answer.text, "<tokenuser>")

    try:
        with ThreadPoolExecutor(32) as pool:
            tokens = set(pool.map(pull, range(32)))
    finally:
        settings.one_at_a_time = True
    assert len(tokens) == 1
    assert gateway.rows("select count(*) from card") == [(1,)]
    assert gateway.rows("select count(*) from audit where action = 'tokenize'") == [(32,)]


def between(text, start):
    return text.partition(start)[2].partition("<")[0]


def test_a_client_that_leaves_costs_the_partner_no_second_request(own_gateway, log_of):
    gateway = own_gateway()
    log, who = log_of(gateway), gateway.sandbox.siteminder.settings
    with gateway.session(gateway.key()) as session, pytest.raises(requests.ReadTimeout):
        session.post(
            f"{gateway.sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX",
            data=read_request("SLOW-1", who.username, who.password),
            headers={"Content-Type": "text/xml"},
            timeout=(30, 0.4),
        )
    assert until(30, lambda: "client_gone" in log(gateway))
    assert len(gateway.sandbox.received.requests("siteminder")) == 1
    # SiteMinder may not give it again: it was read to its end, and is kept.
    assert gateway.rows("select state from answer") == [("undelivered",)]
