"""Telling the PMS: signed, tried again, given up; nothing is lost with the process."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import UpstreamForbidden, UpstreamTimeout
from tests.recapture.world import NOON, Partner, event
from tests.recapture.world import world as make


def verify(call, at):
    headers = {name.decode(): value.decode() for name, value in call.headers}
    parts = dict(part.split("=") for part in headers["X-Gateway-Signature"].split(","))
    assert int(parts["t"]) == int(at.timestamp())
    signed = hmac.new(
        b"hook_secret-of-the-tests", parts["t"].encode() + b"." + call.body.reveal(), hashlib.sha256
    )
    assert parts["v1"] == signed.hexdigest()
    return headers


def test_the_pms_is_told_once_and_can_verify_it(world):
    row = world.heard()
    world.turn()
    world.hours(1)
    world.turn()
    (call,) = world.partner.made("POST")
    assert (str(call.authority), call.path) == ("https://pms.example", "/hook?a=b")
    assert verify(call, NOON)["X-Gateway-Recapture"] == row.id
    assert json.loads(call.body.reveal()) == json.loads(event())
    assert (world.one().told, world.one().tell_due, world.one().tell_tries) == (NOON, None, 1)


def test_what_is_not_taken_is_tried_again_and_given_up(world):
    world.partner.hook = [500, (False, UpstreamForbidden()), (True, UpstreamTimeout()), 200]
    world.heard()
    times = []
    for seconds in range(0, 200, 5):
        before = len(world.partner.made("POST"))
        world.now = NOON + timedelta(seconds=seconds)
        world.turn()
        if len(world.partner.made("POST")) > before:
            times.append(seconds)
    assert times == [0, 10, 70]
    for call, seconds in zip(world.partner.made("POST"), times, strict=True):
        verify(call, NOON + timedelta(seconds=seconds))
    assert (world.one().told, world.one().tell_due, world.one().tell_tries) == (None, None, 3)


def test_p24_a_restart_goes_on_where_it_was(tmp_path, monkeypatch):
    partner = Partner()
    partner.hook = [500]
    with make(tmp_path, monkeypatch, partner) as first:
        first.heard()
        first.turn()
        assert first.one().tell_tries == 1
    partner.hook = [200]
    with make(tmp_path, monkeypatch, partner) as second:
        second.turn()
        assert len(partner.made("POST")) == 1  # not due yet
        second.now += timedelta(seconds=10)
        second.turn()
        assert (second.one().told, second.one().tell_tries) == (second.now, 2)
        assert second.one().has_link


def test_p24_who_dies_while_it_tells_has_lost_nothing(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    partner = Partner()
    partner.hook = [(True, Killed())]
    with make(tmp_path, monkeypatch, partner) as first:
        first.heard()
        with pytest.raises(Killed):
            first.turn()
    partner.hook = [200]
    with make(tmp_path, monkeypatch, partner) as second:
        second.turn()
        assert len(partner.made("POST")) == 1
        second.hours(0.1)
        second.turn()
        assert len(partner.made("POST")) == 2
        assert second.one().told == second.now


def test_without_a_webhook_nobody_is_told(tmp_path, monkeypatch):
    with make(tmp_path, monkeypatch, webhook=None) as world:
        world.heard()
        world.turn()
        assert world.partner.made("POST") == []
        assert world.one().has_link


def test_the_loop_wakes_for_what_is_heard(world):
    async def main():
        task = asyncio.create_task(world.parts.jobs.run())
        await asyncio.sleep(0.05)
        await world.recaptures.notified(event())
        async with asyncio.timeout(5):
            while not world.partner.made("POST"):  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.01)
        task.cancel()

    world.run(main())


def test_what_is_old_is_forgotten(world):
    world.heard()
    world.turn()
    world.hours(24 * 29)
    assert world.vault.recaptures.purge(world.now) == 0
    assert world.listed()
    world.hours(24 * 1.1)
    assert world.vault.recaptures.purge(world.now) == 1
    assert world.listed() == []


def test_the_documents_code_verifies_a_notification(world, monkeypatch):
    text = (Path(__file__).parents[2] / "docs/expedia-rapid.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(code, names)
    verified = names["is_from_the_gateway"]
    world.heard()
    world.turn()
    (call,) = world.partner.made("POST")
    header, body = call.headers.get("X-Gateway-Signature"), call.body.reveal()
    secret, now = b"hook_secret-of-the-tests", NOON.timestamp()
    for at, said, told, expected in (
        (now, header, body, True),
        (now + 400, header, body, False),
        (now, header, body + b" ", False),
        (now, header.replace("t=", "t=1"), body, False),
        (now, "", body, False),
    ):
        monkeypatch.setattr(names["time"], "time", lambda at=at: at)
        assert verified(said, told, secret) is expected
