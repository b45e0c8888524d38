"""What the recordings of these tests hold, and how their messages are compared."""

from __future__ import annotations

CARDS = b'{"cards": [{"pan": "4444333322221111", "exp": "12/30", "cvc": "737"}]}'
CHARGE = b'{"payment": {"pan": "tok_1_Abcdefghijklm", "name": "Ada"}}'


def heads(messages):
    return [
        (one.exchange, one.way, one.method, str(one.authority), one.path, one.status)
        for one in messages
    ]
