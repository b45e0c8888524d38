"""A message put through an `exchange:` without vault, network or processor, as in `trial.py`.

Every pair that may be ours is: it is exchanged for an invented one (`40000001`, `Foreign000001`, and
so on), which an answer turns into `1` and `Example000001` again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.cli.trial import Trial, TriedCard, example_card, example_token, offset_of, trial_of
from gateway.codecs import open_document
from gateway.codecs.document import Change
from gateway.exchange import Exchanged
from gateway.rules.model_directions import PairExchange
from gateway.stages.issue_call import issue_body
from gateway.stages.pairs import ForeignPair, put_ours, put_theirs, read_pairs

_FIRST: Final = 40_000_000
_MOST: Final = 100  # pairs that an example's answer may hold


def try_exchange(body: bytes, rule: PairExchange) -> Trial:
    """A request where the rule has an issuer, else an answer. Raises the codecs' refusals."""
    return _ours_out(body, rule) if rule.issuer is not None else _theirs_back(body, rule)


def _ours_out(body: bytes, rule: PairExchange) -> Trial:
    document = open_document(rule.pairs[0].format, body)
    tokens = [
        (spot, spot.presented.ours)
        for spot in read_pairs(document, rule)
        if spot.presented.ours is not None
    ]
    cards, changes, issues = [], list[Change](), list[str]()
    for n, (spot, token) in enumerate(tokens, 1):
        changes += put_theirs(spot, foreign_pair(n))
        cards.append(TriedCard(spot.pair, 1, n, offset_of(document, spot.iduser), ""))
        if rule.issuer is not None and rule.issue:
            card = example_card(token).card
            issues.append(issue_body(rule.issuer, spot.beside, card).decode())
    trial = trial_of(document, body, changes, tuple(cards), len(tokens))
    return replace(trial, issues=tuple(issues))


def _theirs_back(body: bytes, rule: PairExchange) -> Trial:
    document = open_document(rule.pairs[0].format, body)
    known = []
    for n in range(1, _MOST + 1):
        theirs = foreign_pair(n)
        known.append(Exchanged(example_token(n), "", "", theirs.iduser, theirs.tokenuser))
    changes = list(put_ours(document, rule, known))
    cards = tuple(
        TriedCard(rule.pairs[0], 1, n, offset_of(document, change.node), "")
        for n, change in enumerate(changes[::2], 1)
    )
    return trial_of(document, body, changes, cards, len(cards))


def foreign_pair(n: int) -> ForeignPair:
    """The invented pair that takes the place of the message's n-th."""
    return ForeignPair(str(_FIRST + n), f"Foreign{n:06d}")
