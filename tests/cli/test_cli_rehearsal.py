"""One recorded exchange through the real pipeline, as `rules rehearse` plays each of a day."""

from __future__ import annotations

import gzip

import pytest

from gateway.cli.recorded import Recorded
from gateway.cli.rehearsal import Rehearsal, run_here
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.rules.load import load_every_pack
from gateway.rules.watch import Rules
from tests.cli.rules_command import NUMBER, PACK, TOKEN

ANSWER = f'{{"cards": [{{"pan": "{NUMBER}", "exp": "12/30", "cvc": "737"}}]}}'


def test_a_stage_that_would_wait_is_a_mistake_and_not_a_hang():
    import asyncio

    async def waits():
        await asyncio.sleep(1)

    async def answers():
        return 7

    assert run_here(answers()) == 7
    with pytest.raises((RuntimeError, NotImplementedError, AttributeError)):
        run_here(waits())


@pytest.fixture
def played(tmp_path):
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "rules" / "acme.yaml").write_text(PACK)
    rules = Rules(tmp_path / "rules", load_every_pack)
    routes = {route.name: route for route in rules.current.routes}

    def run(name, request=None, answer=None, limit=None, **headers):
        where = Authority("https", "api.acme.example", 8443)
        fields = Headers(
            (key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()
        )
        made = [
            None if body is None else Recorded(
                way, 1, tmp_path / "x", 1, "POST", where, "/x", 200, Headers(fields.fields), body
            )
            for way, body in (("request", request), ("response", answer))
        ]  # fmt: skip
        return Rehearsal(rules, limit).play(routes[name], *made)

    return run


def test_a_gzipped_answer_is_looked_into(played):
    outcome = played("both", answer=gzip.compress(ANSWER.encode()), Content_Encoding="gzip")
    assert (outcome.refused, outcome.counts.tokenized) == (None, 1)
    assert b"444433******1111" in outcome.bodies[1]
    assert b"tok_1_Example000001" in outcome.bodies[1]


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "hex"])
def test_other_codings_are_refused(played, coding):
    outcome = played("both", answer=b"\x00\x01", Content_Encoding=coding)
    assert (outcome.refused.code, outcome.phase) == ("coding_not_supported", "response")


def test_a_body_above_the_limit_is_refused(played):
    assert played("both", answer=b"{}" + b" " * 99, limit=100).refused.code == "body_too_large"
    bomb = gzip.compress(b" " * 5000)
    outcome = played("both", answer=bomb, limit=1000, Content_Encoding="gzip")
    assert outcome.refused.code == "body_too_large"


def test_p03_an_echo_of_the_card_that_was_put_in_becomes_its_alias(played):
    outcome = played(
        "both", TOKEN.encode(), b'{"echo": "4111111111111111"}', Content_Type="application/json"
    )
    assert b"4111111111111111" in outcome.bodies[0]
    assert b"tok_1_Abcdefghijklm" in outcome.bodies[1]
    assert outcome.changed == ("request", "response")


def test_what_could_hide_a_card_is_refused(played):
    outcome = played("push", b'{"cards": [{"pan": "1", "pan": "2"}]}')
    assert (outcome.refused.code, outcome.phase) == ("message_forbidden", "request")


def test_the_recording_itself_is_not_changed(played):
    body = ANSWER.encode()
    outcome = played("push", body)
    assert outcome.counts.tokenized == 1
    assert body == ANSWER.encode()


def test_packs_with_pairs_and_an_inbox():
    """Those that the fixture's pack has not: exchange, inbox, one_at_a_time."""
    from pathlib import Path

    rules = Rules(Path(__file__).parent.parent.parent / "rules", load_every_pack)
    routes = {route.id: route for route in rules.current.routes}
    rehearsal = Rehearsal(rules)
    where = Authority("https", "x.example", 443)
    kind = Headers([(b"Content-Type", b"application/json")])

    def message(way, body, headers=None):
        head = headers or Headers()
        return Recorded(way, 1, Path("x"), 1, "POST", where, "/x", 200, Headers(head.fields), body)

    pair = b'{"payment": {"terminal": 1, "idUser": 1, "tokenUser": "Example000001"}}'
    route = next(one for one in routes.values() if one.request.exchange and "payment" in one.name)
    outcome = rehearsal.play(
        route, message("request", pair, kind),
        message("response", b'{"errorCode": 0, "idUser": 40000001, "tokenUser": "Foreign000001"}', kind),
    )  # fmt: skip
    assert (outcome.refused, outcome.counts.exchanged) == (None, 1)
    assert b"Foreign000001" in outcome.bodies[0]
    kept = next(
        one for one in routes.values() if one.inbox is not None and one.system == "siteminder"
    )
    body = b'<R><HotelReservation><PaymentCard CardNumber="4111111111111111" ExpireDate="1230"/></HotelReservation></R>'
    for _ in range(2):  # a turn that was not given back would refuse the second
        outcome = rehearsal.play(kept, message("request", b"<a/>"), message("response", body))
        assert (outcome.refused, outcome.counts.tokenized) == (None, 1)
        assert b"411111******1111" in outcome.bodies[1]
    refused = rehearsal.play(kept, None, message("response", b"<" + b"1" * 13))
    assert refused.refused.code == "message_malformed"
