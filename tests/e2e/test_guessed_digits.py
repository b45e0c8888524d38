"""P26: who tries digits that could be tokens is stopped."""

from __future__ import annotations

import requests

from tests.e2e.styles import (
    LIMIT,
    PAN,
    bookings,
    card,
    charge,
    pull,
    shown_digits,
    started,
    with_text,
)


def guesses(count, start=0):
    """Of this form, and nobody's."""
    tried = (f"99111{n:07d}4444" for n in range(start, start + 2 * count))
    return [text for text in tried if not luhn(text)][:count]


def luhn(digits):
    doubled = [int(one) * (2 if n % 2 else 1) for n, one in enumerate(digits[::-1])]
    return sum(sum(map(int, str(one))) for one in doubled) % 10 == 0


def test_p26_who_tries_digits_is_stopped(tmp_path, sandbox):
    """In one message as in many; on the control API, too; and the card opens to nobody meanwhile."""
    with started(tmp_path, sandbox) as gateway:
        key = gateway.key(products=("seaside",))
        tried = guesses(3 * LIMIT)
        for text in tried[:LIMIT]:  # no card is shown so: they are another issuer's
            assert charge(gateway, key, "xml", with_text("xml", text))[1]
        digits = shown_digits(gateway, key)
        for text in tried[: LIMIT - 1]:
            assert charge(gateway, key, "xml", with_text("xml", text))[1]
        assert PAN in charge(gateway, key, "xml", with_text("xml", digits))[1]
        last, _ = charge(gateway, key, "json", with_text("json", tried[LIMIT]))
        assert (last.status_code, last.json()["code"]) == (429, "tokens_guessed")
        assert int(last.headers["Retry-After"]) > 0
        answer, arrived = charge(gateway, key, "form", with_text("form", digits))
        assert (answer.json()["code"], arrived) == ("tokens_guessed", "")
        api = "http://{}:{}/v1/cards".format(*gateway.addresses.control)
        own = {"X-Api-Key": gateway.key(scopes=("cards",), products=("seaside",))}
        shown = requests.get(f"{api}/{digits}", headers=own, timeout=30)
        assert shown.json()["code"] == "tokens_guessed"
        blocked = "select count(*) from audit where action = 'block'"
        assert gateway.rows(blocked) == [(1,)]
        # An alias can not be guessed, and goes on.
        alias = pull(gateway, key, "header", bookings(card())).headers["X-Card-Tokens"]
        _, arrived = charge(gateway, key, "xml", with_text("xml", alias.partition("=")[2]))
        assert PAN in arrived


def test_p26_of_a_message_full_of_tries_none_is_opened(tmp_path, sandbox):
    with started(tmp_path, sandbox) as gateway:
        key = gateway.key(products=("seaside",))
        digits = shown_digits(gateway, key)
        cards = "".join(f'<Card number="{one}"/>' for one in [digits, *guesses(LIMIT)])
        answer, arrived = charge(gateway, key, "xml", f"<Pay>{cards}</Pay>")
        assert (answer.json()["code"], arrived) == ("tokens_guessed", "")
        intents = "select count(*) from audit where outcome = 'intent'"
        assert gateway.rows(intents) == [(0,)]
