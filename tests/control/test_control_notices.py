"""`/v1/notices`: a client sees what it was not told, and has it sent once more."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.access.clients import Access
from gateway.config import Config
from gateway.control.notices import NoticeCalls
from gateway.vault.notices import NewNotice, NoticeState
from tests.access.fakes import Table
from tests.control.serving import SETTINGS, refused, serving
from tests.vault.makers import NOON, Clock, opened

MINUTE = timedelta(minutes=1)


class Site:
    def __init__(self, vault, control, clock):
        self.vault, self.control, self.clock = vault, control, clock
        self.key = control.key("charges", products=())

    def put(self, subject, client="pms", product=""):
        said = {"note": "told to nobody here"}
        notice = NewNotice(client, "charge.failed", subject, said, product)
        asyncio.run(self.vault.notices.put([notice]))

    def claim(self, client="pms"):
        now = self.clock.now
        return asyncio.run(self.vault.notices.claim(client, now, now + MINUTE))

    def fail(self, due=None):
        for one in self.claim():
            asyncio.run(self.vault.notices.failed(one.row, "status_500", self.clock.now, due))

    def listed(self, query="", key=None):
        answer = self.control.get(f"/v1/notices{query}", key or self.key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def subjects(self, query="", key=None):
        return [one["subject"] for one in self.listed(query, key)["notices"]]

    def again(self, id, key=None, once=None):
        headers = {"Idempotency-Key": once} if once else {}
        return self.control.post(f"/v1/notices/{id}/redeliver", key or self.key, headers=headers)

    def audit(self):
        entries = [recorded.entry for recorded in self.vault.entries()]
        return [(e.action.value, e.outcome.value, e.exchange, e.detail) for e in entries]


@pytest.fixture
def site(tmp_path):
    clock = Clock()
    config = Config.model_validate_json(json.dumps(SETTINGS))
    with opened(tmp_path, clock=clock, told=("pms", "spa")) as vault:
        calls = NoticeCalls(vault.notices, Access(config, Table(), clock), clock)
        with serving([calls.router]) as control:
            yield Site(vault, control, clock)


def test_what_was_not_delivered_is_listed_without_what_it_says(site):
    for subject in ("charge-a", "charge-b", "charge-c"):
        site.put(subject)
    first, *others = sorted(site.claim(), key=lambda one: one.row.subject)
    asyncio.run(site.vault.notices.delivered(first.row, NOON))
    for one, due in zip(others, (NOON + MINUTE, None), strict=True):
        asyncio.run(site.vault.notices.failed(one.row, "status_500", NOON, due))
    given_up, waiting = site.listed()["notices"]
    assert waiting == {
        "id": waiting["id"],
        "client": "pms",
        "type": "charge.failed",
        "subject": "charge-b",
        "product": None,
        "state": "waiting",
        "created_at": "2026-03-01T12:00:00Z",
        "changed_at": "2026-03-01T12:00:00Z",
        "attempts": 1,
        "next_attempt_at": "2026-03-01T12:01:00Z",
        "failure": "status_500",
    }
    assert (given_up["state"], given_up["next_attempt_at"]) == ("given_up", None)
    assert site.subjects("?state=delivered") == ["charge-a"]
    assert site.subjects("?state=delivered&state=given_up") == ["charge-c", "charge-a"]


def test_a_list_goes_on_where_the_page_before_ended(site):
    for letter in "abcde":
        site.put(f"charge-{letter}")
    page = site.listed("?limit=2")
    found = [one["subject"] for one in page["notices"]]
    while page["next"]:
        page = site.listed(f"?limit=2&before={page['next']}")
        found += [one["subject"] for one in page["notices"]]
    assert found == [f"charge-{letter}" for letter in "edcba"]
    assert refused(site.control.get("/v1/notices?before=unknown", site.key), 404, "notice_unknown")


def test_p06_nobody_sees_or_sends_what_another_is_told(site):
    site.put("charge-a", client="spa")
    site.put("charge-b", product="seaside")
    site.put("charge-c", product="hilltop")
    site.put("charge-d")
    hilltop = site.control.key("cards", products=("hilltop",))
    spa = site.control.key("charges", client="spa", products=())
    admin = site.control.key("admin", client="ops", products=())
    ids = {one["subject"]: one["id"] for one in site.listed(key=admin)["notices"]}
    assert sorted(ids) == ["charge-a", "charge-b", "charge-c", "charge-d"]
    assert site.subjects() == ["charge-d", "charge-c", "charge-b"]
    assert site.subjects(key=hilltop) == ["charge-d", "charge-c"]
    assert site.subjects(key=spa) == ["charge-a"]
    for key, subject in ((site.key, "charge-a"), (spa, "charge-d"), (hilltop, "charge-b")):
        assert refused(site.again(ids[subject], key), 404, "notice_unknown")
        listed = site.control.get(f"/v1/notices?before={ids[subject]}", key)
        assert refused(listed, 404, "notice_unknown")
    assert site.again(ids["charge-a"], admin).status_code == 200


@pytest.mark.parametrize("scope", ["proxy", "detokenize", "reveal"])
def test_p28_another_scope_sees_nothing(site, scope):
    key = site.control.key(scope, products=())
    assert refused(site.control.get("/v1/notices", key), 403, "scope_missing")
    assert refused(site.again("any", key), 403, "scope_missing")
    assert refused(site.control.get("/v1/notices"), 401, "key_required")


def test_one_that_was_given_up_is_sent_once_more_under_its_id(site):
    site.put("charge-a")
    site.fail()
    (given_up,) = site.listed()["notices"]
    assert site.claim() == []
    answer = site.again(given_up["id"])
    said = answer.json()
    assert (answer.status_code, said["state"], said["attempts"]) == (200, "waiting", 0)
    assert said["id"] == given_up["id"]
    (claimed,) = site.claim()
    assert (claimed.row.id, claimed.row.tries) == (given_up["id"], 1)
    under_way = site.again(given_up["id"]).json()
    assert (under_way["state"], site.claim()) == ("sending", [])
    asyncio.run(site.vault.notices.delivered(claimed.row, NOON))
    assert site.again(given_up["id"]).json()["state"] == "waiting"
    assert len(site.claim()) == 1


def test_p36_a_redelivery_is_in_the_audit_and_one_that_is_refused_too(site):
    site.put("charge-a")
    site.fail()
    (one,) = site.listed()["notices"]
    site.again(one["id"])
    site.again("unknown")
    done, tried = site.audit()
    assert done == ("redeliver", "done", one["id"], "")
    assert (tried[:2], tried[3]) == (("redeliver", "refused"), "notice_unknown")
    assert "unknown" not in tried[2]


def test_the_same_request_sends_it_once(site):
    site.put("charge-a")
    site.fail()
    (one,) = site.listed()["notices"]
    first = site.again(one["id"], once="again-1")
    site.fail()
    assert site.again(one["id"], once="again-1").content == first.content
    assert site.claim() == []
    assert refused(site.again("another", once="again-1"), 422, "idempotency_key_reused")
    assert site.again(one["id"], once="again-2").json()["state"] == "waiting"


def test_without_a_webhook_nothing_is_sent_once_more(tmp_path, site):
    site.put("charge-a")
    site.fail()
    (one,) = site.listed()["notices"]
    site.vault.notices._told = frozenset({"spa"})
    assert refused(site.again(one["id"]), 409, "webhook_missing")


@pytest.mark.parametrize(
    "query", ["?state=lost", "?limit=0", "?limit=1001", "?limit=a", "?other=1", "?before="]
)
def test_p16_what_is_wrong_in_a_search_is_named_and_not_repeated(site, query):
    assert refused(site.control.get(f"/v1/notices{query}", site.key), 400, "request_invalid")


def test_every_state_can_be_asked_for(site):
    for state in NoticeState:
        assert site.listed(f"?state={state.value}") == {"notices": [], "next": None}


def test_the_commands_of_the_document_work(site):
    text = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    site.put("charge-a")
    site.fail()
    (one,) = site.listed()["notices"]
    environment = os.environ | {
        "CONTROL": "http://{}:{}".format(*site.control.address),
        "KEY": site.key,
        "ID": one["id"],
        "NO_PROXY": "*",
    }
    done = subprocess.run(
        ["bash", "-euc", commands.replace("curl ", "curl --max-time 20 -w '\\n' ")],
        env=environment, capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    listed, again = map(json.loads, done.stdout.splitlines())
    assert listed == {"notices": [one], "next": None}
    assert (again["id"], again["state"]) == (one["id"], "waiting")
