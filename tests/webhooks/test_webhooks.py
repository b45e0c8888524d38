"""A receiver that takes, fails, is slow, drops, answers garbage or points elsewhere."""

from __future__ import annotations

import asyncio
import re
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.pki import Authority as Ca
from tests.vault.makers import NOON
from tests.webhooks.world import SECRET, TAKEN, new, status
from tests.webhooks.world import site as make

DOCUMENT = Path(__file__).parents[2] / "docs/webhooks.md"


def documented(monkeypatch):
    """What the document's code defines."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(code, names)
    return names


def test_a_notice_arrives_once_and_says_what_it_is(site):
    site.put(new())
    site.turn(0)
    site.turn(100_000)
    ((headers, _),) = site.requests()
    (said,) = site.said()
    assert headers[""] == "POST /hook?a=b HTTP/1.1"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Gateway-Event"] == "charge.succeeded"
    assert headers["X-Gateway-Delivery"] == said["id"]
    assert said == {
        "id": said["id"],
        "type": "charge.succeeded",
        "subject": "charge-a",
        "created_at": NOON.isoformat(),
        "data": {"amount": 12500, "currency": "EUR"},
    }
    assert site.rows() == [("delivered", 1, "")]
    assert site.metrics.registry.get_sample_value(
        "card_gateway_notices_total", {"outcome": "delivered"}
    )


def test_the_documents_code_verifies_it(site, monkeypatch):
    names = documented(monkeypatch)
    verified = names["is_from_the_gateway"]
    site.replies = [status(500), TAKEN]
    site.put(new())
    site.turn(0)
    site.turn(10)
    for (headers, body), after in zip(site.requests(), (0, 10), strict=True):
        header, now, key = headers["X-Gateway-Signature"], NOON.timestamp() + after, SECRET.encode()
        for at, said, told, secret, expected in (
            (now, header, body, key, True),
            (now + 301, header, body, key, False),
            (now, header, body + b" ", key, False),
            (now, header, body, b"another", False),
            (now, header.replace("t=", "t=1"), body, key, False),
            (now, "", body, key, False),
        ):
            monkeypatch.setattr(names["time"], "time", lambda at=at: at)
            assert verified(said, told, secret) is expected


def test_the_documents_receiver_takes_it_and_only_once(site, monkeypatch, capsys):
    names = documented(monkeypatch)
    monkeypatch.setattr(names["Receiver"], "log_message", lambda *_: None)
    monkeypatch.setattr(names["time"], "time", NOON.timestamp)
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"])
    context = site.ca.server_context("pms.test")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        site.receiver.port = server.server_port
        site.url = f"https://pms.test:{server.server_port}/"
        site.jobs = site.job(site.vault)
        site.put(new())
        (notice,) = site.loop.call(site.vault.notices.claim("pms", NOON, NOON))
        for _ in range(2):  # its first answer was lost
            site.loop.call(site.jobs.lanes[0]._send(notice))
        assert site.rows() == [("delivered", 1, "")]
        monkeypatch.setitem(names, "SECRET", b"another")
        site.put(new("charge-b"))
        site.turn(0)
        assert site.rows()[1] == ("waiting", 1, "status_403")
        assert len(names["done"]) == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "charge.succeeded charge-a {'amount': 12500, 'currency': 'EUR'}"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (status(500), "status_500"),
        (status(404), "status_404"),
        (status(302, "Location: https://pms.test/elsewhere"), "status_302"),
        (b"\x00\x01 no HTTP at all\r\n\r\n", "upstream_invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort"[:-2], "upstream_invalid"),
        (None, "upstream_invalid"),
    ],
    ids=["fails", "knows it not", "redirects", "garbage", "cut", "drops"],
)
def test_what_is_not_taken_is_tried_again_and_given_up(site, caplog, reply, code):
    site.replies = [reply]
    site.put(new())
    arrived = {}
    for seconds in range(0, 200, 5):
        before = len(site.receiver.requests)
        site.turn(seconds)
        if len(site.receiver.requests) > before:
            arrived[seconds] = len(site.receiver.requests) - before
            assert site.rows() == [("given_up" if seconds == 70 else "waiting", len(arrived), code)]
    assert arrived == {0: 1, 10: 1, 70: 1}
    assert len({headers["X-Gateway-Delivery"] for headers, _ in site.requests()}) == 1
    names = [record.msg for record in caplog.records]
    assert names == ["notice_not_delivered", "notice_not_delivered", "notice_given_up"]
    (last,) = [record.fields for record in caplog.records][-1:]
    assert (last["code"], last["tries"], last["client"]) == (code, 3, "pms")


def test_one_that_is_slow_is_tried_again(tmp_path, monkeypatch):
    with make(tmp_path, monkeypatch, delay=30.0, seconds=0.5) as site:
        site.put(new())
        site.turn(0)
        assert site.rows() == [("waiting", 1, "upstream_timeout")]
        site.receiver.delay, site.seconds = 0.0, 20.0
        site.jobs = site.job(site.vault)
        site.turn(10)
        assert site.rows() == [("delivered", 2, "")]


def test_p05_a_receiver_that_is_not_verified_is_told_nothing(tmp_path, monkeypatch):
    for number, names in enumerate((("pms.test",), ("other.test",))):
        directory = tmp_path / str(number)
        directory.mkdir()
        ca = Ca(directory)
        tls = (Ca(directory) if names == ("pms.test",) else ca).server_context(*names)
        with make(directory, monkeypatch, ca=ca, tls=tls) as site:
            site.put(new())
            site.turn(0)
            assert site.rows() == [("waiting", 1, "upstream_untrusted")]
            assert not site.receiver.received


def test_p30_a_webhook_at_a_private_address_is_told_nothing(tmp_path, monkeypatch):
    with make(tmp_path, monkeypatch, url="https://127.0.0.1:443/hook") as site:
        site.put(new())
        site.turn(0)
        assert site.rows() == [("waiting", 1, "upstream_forbidden")]
        assert site.receiver.connections == 0


def test_of_one_subject_the_next_waits_for_the_one_before(site):
    site.replies = [status(500)]
    site.put(new(kind="charge.created"), new(kind="charge.succeeded"), new("charge-b"))
    site.turn(0)
    assert sorted(site.subjects()) == ["charge-a", "charge-b"]  # at the same time
    site.replies = [TAKEN]
    site.turn(9)
    assert len(site.said()) == 2
    site.turn(10)
    site.turn(10)
    kinds = [said["type"] for said in site.said() if said["subject"] == "charge-a"]
    assert kinds == ["charge.created", "charge.created", "charge.succeeded"]


def test_what_follows_one_that_was_given_up_is_sent(site):
    site.replies = [status(500)]
    site.put(new(kind="charge.created"), new(kind="charge.succeeded"))
    for seconds in (0, 10, 70):
        site.turn(seconds)
    site.replies = [TAKEN]
    site.turn(70)
    assert site.rows() == [("given_up", 3, "status_500"), ("delivered", 1, "")]


def test_two_processes_on_one_vault_do_not_send_twice(tmp_path, monkeypatch):
    from tests.vault.makers import opened

    with make(tmp_path, monkeypatch, delay=0.2) as site:
        site.put(*[new(f"charge-{letter}") for letter in "abcdefgh"])
        with opened(tmp_path, clock=site.clock, told=("pms",)) as second:
            other = site.job(second)

            async def both():
                lanes = (*site.jobs.lanes, *other.lanes) * 2
                await asyncio.gather(*[lane.turn() for lane in lanes])

            site.loop.call(both())
        assert sorted(site.subjects()) == [f"charge-{letter}" for letter in "abcdefgh"]
        assert site.rows() == [("delivered", 1, "")] * 8


def test_the_job_wakes_for_what_is_put(site):
    async def main():
        task = asyncio.create_task(site.jobs.run())
        await asyncio.sleep(0.1)
        await site.vault.notices.put([new()])
        async with asyncio.timeout(5):
            while not site.receiver.requests:  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    site.loop.call(main())


def test_a_slow_receiver_keeps_no_other_client_waiting(tmp_path, monkeypatch):
    with make(tmp_path, monkeypatch, delay=30.0, told=("pms", "spa")) as site:
        taken = []
        quick = site.jobs.lanes[1]
        monkeypatch.setattr(quick, "_post", type("Quick", (), {"send": _noting(taken)})())
        site.put(new(), new("charge-b", client="spa"))

        async def main():
            task = asyncio.create_task(site.jobs.run())
            async with asyncio.timeout(15):
                while not taken:  # noqa: ASYNC110  # it has no event
                    await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])

        site.loop.call(main())
        assert len(site.receiver.requests) <= 1


def _noting(taken):
    async def send(_, body, about):
        taken.append((body, about))
        return ""

    return send
