"""`rules new`: bodies in the logs of servers and loggers, read as what was sent."""

from __future__ import annotations

import json

import pytest

from gateway.cli.proposal.logs import bodies_in
from tests.cli.wraps import ANSWER, BODY, FORM, NUMBER, XML

_AT = {"@timestamp": "2027-06-18T08:06:40Z", "level": "DEBUG", "logger": "http"}
_MONOLOG = {"level": 100, "level_name": "DEBUG", "channel": "pay", "datetime": "2027-06-18"}


def entry(text, **more):
    return json.dumps({**_AT, **more, "message": text})


def hexed(text):
    return text.replace("\\", "\\x5C").replace('"', "\\x22")


LOGS = {
    "ELK": (f"{entry('POST https://a.example/v1 body=' + BODY)}\n" * 2, [BODY, BODY]),
    "ELK, the body alone": (entry(BODY), [BODY]),
    "ELK, XML": (entry(f"sent: {XML} in 3 ms"), [XML]),
    "ELK, a form": (entry(f"sent: {FORM} in 3 ms"), [FORM]),
    "ELK, other lines": (f"{entry('started')}\n{entry(f'sent {BODY}')}\n{entry('done')}", [BODY]),
    "pino": (json.dumps({"level": 30, "time": 1812345678901, "msg": f"req {BODY}"}), [BODY]),
    "Monolog, JSON": (json.dumps({"message": f"sent {BODY}", "context": [], **_MONOLOG}), [BODY]),
    "Monolog, one line": (f"[2027-06-18T08:06:40+00:00] guzzle.DEBUG: >>>>>>>> POST /v1 HTTP/1.1 Host: a {BODY} <<<<<<<< HTTP/1.1 200 OK {json.dumps(ANSWER)} -------- NULL [] []\n", [BODY]),
    "an answer behind XML": (f"> {XML} < <Paid><Id>7</Id></Paid> 12 ms", [XML]),
    "nginx": (f'10.0.0.2 - - [18/Jun/2027:08:06:40 +0000] "POST /v1 HTTP/1.1" 200 11 "-" "a/8" body="{hexed(BODY)}"\n', [BODY]),
    "nginx, a name of other letters": ('10.0.0.2 - "POST / HTTP/1.1" "' + hexed(BODY.replace("ADA", "\\xC3\\x89VA")).replace("\\x5CxC3\\x5Cx89", "\\xC3\\x89") + '"', [BODY.replace("ADA", "ÉVA")]),
}  # fmt: skip


@pytest.mark.parametrize("what", LOGS)
def test_p15_the_body_is_what_was_sent(what):
    log, bodies = LOGS[what]
    assert [one.decode() for one in bodies_in(log.encode())] == bodies


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"message": f"pan {NUMBER}", "timestamp": "1", "card": {"number": NUMBER}}),
        json.dumps({"Message": BODY, "Timestamp": "1", "Type": "Notification"}),
        json.dumps({"level": "gold", "message": BODY}),
        json.dumps({"level": "gold", "time": "1", "message": "late arrival", "pan": NUMBER}),
        BODY.replace("ADA", "\\u0041DA"),
        f"{XML}<br>",
        f"{BODY}, {BODY[1:]}",
    ],
)
def test_a_message_with_names_as_a_loggers_is_the_message(body):
    assert bodies_in(body.encode()) in ([], [body.encode()])
