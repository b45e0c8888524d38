"""Recaptures: a card that goes out in a call of our own, and a link that lets it."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

COMPLETION = ("tests/recapture/test_completion.py",)
JOBS = ("tests/recapture/test_jobs.py",)
ONCE = "tests/e2e/test_recapture_once.py"
REPEATS = "tests/recapture/test_repeats.py"
SERVICE = ("tests/recapture/test_service.py",)

BREAKAGES = (
    Breakage(
        "send a recapture's card wherever the link says",
        "P04",
        "gateway/recapture/reading.py",
        "    if not _is_change(itinerary, href):",
        "    if not href:",
        (f"{SERVICE[0]}::test_p04_a_link_to_anything_else_is_none",),
    ),
    Breakage(
        "complete another client's recapture",
        "P06",
        "gateway/recapture/rounds.py",
        "    if one is None or one.row.client != client:",
        "    if one is None:",
        (f"{COMPLETION[0]}::test_p06_a_recapture_is_claimed_by_its_own_client_alone",),
    ),
    Breakage(
        "keep the code of a card that was typed in",
        "P21",
        "gateway/recapture/completion.py",
        "replace(typed, cvc=None), booking)",
        "typed, booking, typed.cvc, self._clock().replace(year=2999))",
        (f"{COMPLETION[0]}::test_p21_a_typed_card_is_kept_without_its_code",),
    ),
    Breakage(
        "lose what was being told when the process died",
        "P24",
        "gateway/recapture/jobs.py",
        "_LEASE: Final = timedelta(minutes=3)",
        "_LEASE: Final = timedelta(days=3)",
        (f"{JOBS[0]}::test_p24_who_dies_while_it_tells_has_lost_nothing",),
    ),
    Breakage(
        "open a recapture's card without an intent",
        "P36",
        "gateway/recapture/completion.py",
        "self._vault.find([wanted], [sending.intent])",
        "self._vault.find([wanted])",
        COMPLETION,
    ),
    Breakage(
        "let a repeated completion send the card again",
        "P24",
        "gateway/recapture/completion.py",
        "        await self._repeats.leaves(reply, product, token)\n",
        "",
        (f"{REPEATS}::test_p24_killed_at_each_step_no_card_leaves_twice_and_the_token_is_told",),
    ),
    Breakage(
        "forget the answer of a completed recapture",
        "P24",
        "gateway/recapture/completion.py",
        "self._came_out(sending, RecaptureState.COMPLETED, kept)",
        "self._came_out(sending, RecaptureState.COMPLETED, None)",
        (f"{REPEATS}::test_p24_a_request_that_is_repeated_is_answered_the_same_and_sends_no_card",),
    ),
    Breakage(
        "hash the security code with a recapture's Idempotency-Key",
        "P21",
        "gateway/recapture/form.py",
        'if name != "security_code"',
        "if name",
        (f"{ONCE}::test_p16_p24_a_typed_cards_token_is_told_again_under_its_idempotency_key",),
    ),
    Breakage(
        "let tokens be guessed as replacements of cards",
        "P28",
        "gateway/control/recaptures.py",
        "                await self._guessing.unknown(entry, written=True)\n",
        "",
        ("tests/e2e/test_recapture.py::test_p28_a_client_that_tries_too_many_tokens_is_blocked",),
    ),
)
