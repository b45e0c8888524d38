"""P24: a whole gateway is killed at each named step of a pull. What was committed can be had again.

A real process, real sockets, the sandbox's SiteMinder behind it; `stopped.py` says what the steps
are. Afterwards the gateway's own command runs on the same vault, and is asked for what was lost.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3

import pytest
import requests

from gateway.cards.token import Token
from gateway.sandbox import dress
from gateway.sandbox.cards import TestCard, generated
from gateway.sandbox.ota import Booking
from gateway.sandbox.scenarios import SCENARIOS, Scenario
from gateway.sandbox.tls import server_context
from gateway.vault.configured import open_vault
from gateway.vault.model import Wanted
from tests.e2e.inbox import Once, at_booking_com
from tests.e2e.ota import bookings, cards, tokens
from tests.e2e.process import Site, until
from tests.e2e.stopped import STEPS
from tests.e2e.wired import WAYS, Pms, post

HOTEL = "KILLED"
COUNT = 40  # bookings: more than one slice of an answer
CVC = "9471"
NAME = "the-pull-that-is-killed"
BEFORE = STEPS[: STEPS.index("keep:committed")]
AFTER = STEPS[STEPS.index("keep:committed") :]
# Where nothing of it has left the client has nothing; from `whole` on it has all.
NOTHING, HEAD, PART, ALL = range(4)
LEFT = {"keep:committed": NOTHING, "cleared": NOTHING, "head": HEAD, "slice": PART}


def reservations(hotel):
    return [
        Booking(hotel, n + 1).with_cards(TestCard(generated(7_000_000 + n), series=CVC))
        for n in range(COUNT)
    ]


@pytest.fixture
def site(sandbox, tmp_path, monkeypatch):
    monkeypatch.setitem(SCENARIOS, HOTEL, Scenario("large, with codes", reservations, dress.plain))
    made = Site(tmp_path / "site", sandbox, hotels={"siteminder": {HOTEL: "seaside"}})
    yield made
    made.close()


@pytest.fixture
def pms(site):
    return pms_of(site)


def pms_of(site):
    ca = site.config.authority / "mitmproxy-ca-cert.pem"
    ports = site.ports["proxy"], site.ports["endpoints"]
    return Pms(site.sandbox, ca, site.key(), proxy=ports[0], endpoints=ports[1])


def killed_at(site, step, ask):
    """What `ask` gives while a gateway runs that dies at `step`."""
    reached = site.directory / "reached"
    # One write at a time is what asyncio does; uvloop gathers those of one turn.
    loop = {"CARD_GATEWAY_LOOP": "asyncio"} if step == "head" else {}
    process = site.start("tests.e2e.stopped", step, reached, **loop)
    got = ask()
    assert process.wait() == -signal.SIGKILL, process.log()
    assert reached.read_text(encoding="utf-8") == step
    return got


def broken_off(pms, way):
    """All that a client gets of its pull."""
    with pms.connect(way) as wire:
        wire.send(pms.ask(way, HOTEL, NAME))
        return wire.rest()


def control(site, pms, path, method="GET"):
    url = f"http://127.0.0.1:{site.ports['control']}/v1/exchanges{path}"
    return requests.request(method, url, headers={"X-Api-Key": pms.key}, timeout=20)


def is_sound(site):
    database = sqlite3.connect(site.config.database)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def pans():
    return [card.number for booking in reservations(HOTEL) for card in booking.guarantees]


def check_nothing_is_clear(site, *answers):
    written = [path.read_bytes() for path in site.directory.rglob("*") if path.is_file()]
    assert len(written) > 5
    clear = re.compile("|".join([*pans(), "SeriesCode", f'"{CVC}"', f">{CVC}<"]).encode())
    for content in [*written, *answers]:
        assert not clear.search(content)


def same(body):
    """An answer without what differs between two pulls of the same."""
    return re.sub(rb'(TimeStamp|EchoToken)="[^"]*"', b"", body)


def tokens_in(body):
    return [tokens(booking)[0][:2] for booking in bookings(body)]


def opened(site, pairs):
    """What the vault has for these tokens, read beside the gateway."""
    of = frozenset({"seaside"})
    wanted = [Wanted(Token(int(iduser), tokenuser, test=True), of) for iduser, tokenuser in pairs]
    vault = open_vault(site.config)
    try:
        return asyncio.run(vault.find(wanted))
    finally:
        vault.close()


def check_cards(site, pms, body):
    """Each token of an answer opens the card of its booking, and a charge takes it there."""
    found = tokens_in(body)
    assert len(set(found)) == COUNT
    masked = [card.get("CardNumber") for one in bookings(body) for card in cards(one)]
    assert masked == [f"{pan[:6]}******{pan[-4:]}" for pan in pans()]
    assert [one.card.pan.reveal() for one in opened(site, found)] == pans()
    with site.running[-1].session(pms.key) as session:
        charge = session.post(
            f"{site.sandbox.named_url('stripe')}/v1/tokens",
            data={"card[number]": "tok_test_{}_{}".format(*found[-1]), "card[cvc]": "123"},
            headers={"Authorization": "Bearer sk_test_sandbox"},
            timeout=30,
        )
    assert charge.status_code == 200, charge.text
    assert site.sandbox.received.cards("stripe")[-1].number == pans()[-1]


def check_listed(site, pms, step):
    """It is on every list that a PMS may look at, as far as it came. Its row."""
    state = "delivered" if step == "flushed" else "undelivered"
    (row,) = control(site, pms, "?state=unacknowledged").json()
    assert (row["exchange"], row["state"], row["hotels"]) == (NAME, state, [HOTEL])
    assert control(site, pms, f"/{NAME}").json() == row
    for by in (f"state={state}", f"hotel={HOTEL}", f"echo={row['echo']}"):
        assert control(site, pms, f"?{by}").json() == [row], by
    other = {"undelivered": "delivered", "delivered": "undelivered"}[state]
    assert control(site, pms, f"?state={other}").json() == []
    return row


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", AFTER)
def test_p24_p25_killed_after_the_commit_its_answer_can_be_had_again(site, pms, step, way):
    got = killed_at(site, step, lambda: broken_off(pms, way))
    site.start()
    row = check_listed(site, pms, step)
    again = control(site, pms, f"/{NAME}/answer")
    assert again.status_code == 200
    assert f'EchoToken="{row["echo"]}"'.encode() in again.content
    check_got(got, again.content, LEFT.get(step, ALL))
    check_cards(site, pms, again.content)
    assert until(10, lambda: control(site, pms, f"/{NAME}").json()["state"] == "replayed")
    # SiteMinder was not told that it arrived, and gives it again: no card gets a second token.
    anew = pms.pull(way, HOTEL, "the-pull-that-comes-next")
    assert same(anew.body) == same(again.content)
    assert site.rows("select count(*) from card") == [(COUNT,)]
    assert control(site, pms, f"/{NAME}/acknowledge", "POST").json()["state"] == "acknowledged"
    is_sound(site)
    check_nothing_is_clear(site, got, again.content, anew.body)


def check_got(got, kept, left):
    """What the client had is the beginning of what was kept, byte for byte."""
    head, _, body = got.partition(b"\r\n\r\n")
    assert (head != b"") == (left != NOTHING)
    assert kept.startswith(body)
    if left == HEAD:
        assert got.endswith(b"\r\n\r\n")
        assert f"Content-Length: {len(kept)}\r\n".lower().encode() in head.lower() + b"\r\n"
    if left == PART:
        assert 0 < len(body) < len(kept)
    if left == ALL:
        assert body == kept


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", BEFORE)
def test_p24_killed_before_the_commit_nothing_is_half_written(site, pms, step, way):
    got = killed_at(site, step, lambda: broken_off(pms, way))
    assert got == b""
    site.start()
    for table in ("card", "link", "answer", "cvc"):
        assert site.rows(f"select count(*) from {table}") == [(0,)], table
    assert site.rows("select count(*) from audit where action = 'tokenize'") == [(0,)]
    assert control(site, pms, "").json() == []
    first = pms.pull(way, HOTEL, "the-pull-that-comes-next")
    second = pms.pull(way, HOTEL, "and-one-more-of-the-same")
    assert same(first.body) == same(second.body)
    assert site.rows("select count(*) from card") == [(COUNT,)]
    check_cards(site, pms, first.body)
    is_sound(site)
    check_nothing_is_clear(site, first.body, second.body)


# --- a partner that gives it once ---------------------------------------------------------------


@pytest.fixture
def once(sandbox, tmp_path):
    """A Booking.com that delivers its card once, and the site of a gateway that polls it."""
    with Once(server_context(sandbox.directory)) as partner:
        made = Site(
            tmp_path / "site", sandbox, test_hosts=at_booking_com(sandbox, partner),
            hotels={"booking-com": {"1": "seaside"}},
        )  # fmt: skip
        yield partner, made, pms_of(made)
        made.close()


def poll(partner, pms, name):
    """All that a client gets of a poll; each is the same but for its name."""
    url = f"https://booking.sandbox.test:{partner.port}"
    host = url.removeprefix("https://")
    body = b"<request><username>u</username></request>"
    extra = f"X-Api-Key: {pms.key}\r\nConnection: close\r\n"
    with pms.connect("proxy", url=url) as wire:
        wire.send(post(host, "/hotels/xml/reservations", body, name, "text/xml", extra))
        return wire.rest()


@pytest.mark.parametrize("step", ["keep:committed", "cleared", "whole", "noted"])
def test_p24_killed_after_the_commit_the_next_poll_gets_what_the_partner_gives_once(once, step):
    partner, site, pms = once
    got = killed_at(site, step, lambda: poll(partner, pms, NAME)).partition(b"\r\n\r\n")[2]
    asked = len(partner.received)
    site.start()
    again = poll(partner, pms, "the-poll-that-comes-next").partition(b"\r\n\r\n")[2]
    assert len(partner.received) == asked == 1
    assert again.startswith(got)
    assert got == (again if step in {"whole", "noted"} else b"")
    (alias,) = re.findall(b"<cc_token>(tok_test_[^<]+)</cc_token>", again)
    _, _, *pair = alias.decode().split("_")
    assert [one.card.pan.reveal() for one in opened(site, [pair])] == ["4111111111111111"]
    assert site.rows("select count(*) from card") == [(1,)]
    assert until(10, lambda: control(site, pms, f"/{NAME}").json()["state"] == "replayed")
    assert b"<cc_token>" not in poll(partner, pms, "one-poll-more-after-it")
    assert control(site, pms, f"/{NAME}/answer").content == again
    is_sound(site)


def test_p24_killed_once_that_is_durable_it_is_given_to_whoever_asks_for_it(once):
    """It was handed over: the next poll is the partner's again, and the list still has it."""
    partner, site, pms = once
    got = killed_at(site, "flushed", lambda: poll(partner, pms, NAME)).partition(b"\r\n\r\n")[2]
    site.start()
    assert b"<cc_token>" not in poll(partner, pms, "the-poll-that-comes-next")
    (row,) = control(site, pms, "?state=unacknowledged").json()
    assert (row["exchange"], row["state"]) == (NAME, "delivered")
    assert control(site, pms, f"/{NAME}/answer").content == got
