"""A chapter about an answer that never arrived: it is kept."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.cli.demo_gateway import wait_for
from gateway.cli.demo_pms import clear_in, timeless, tokens
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.vault.answer import Answer, AnswerRow

CARDS: Final = 300  # more than fits between the gateway and a PMS that does not read on
HOTEL: Final = f"BULK-{CARDS}"
_NAME: Final = "pms-pull-that-broke-off"


def hang_up(scene: Scene) -> None:
    """The PMS leaves in the middle of an answer."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "The PMS breaks down in the middle of an answer",
        f"SiteMinder's answer holds {CARDS} reservations, each with a card. The PMS reads where it "
        "begins, and is gone.",
        "The gateway had committed the tokens and the answer with them, before its first byte went "
        "out: the answer waits in the vault, sealed, under the name that the PMS gave its pull.",
    )
    answer = scene.counted(pms.hang_up(HOTEL, _NAME))
    story.check("the answer's head had arrived, with its status", answer.status, 200)
    rows = _kept(scene)
    story.check("the vault has it, under that name", [row.exchange for row in rows], [_NAME])
    if len(rows) != 1:
        raise NoSequel("there is not one kept answer of the hotel")
    row = rows[0]
    story.show(f"{row.exchange}  {row.route}  {HOTEL}  {row.size:,} bytes, sealed")
    whose = f"{row.client}, {', '.join(row.products)}, {', '.join(row.hotels)}"
    story.check("it is found by client, product and hotel", whose, f"pms, seaside, {HOTEL}")
    kept = _opened(scene, row)
    body = kept.body.decode()
    story.check("reservations that it holds", body.count("<HotelReservation "), CARDS)
    story.check("tokens in it", len(tokens(body)), CARDS)
    story.check("clear numbers in it", clear_in(body), 0)
    story.check("files of the vault in which a reservation can be read", _readable(scene), [])
    again = scene.counted(pms.pull(HOTEL))
    story.check("another pull brings the same tokens", tokens(again.text) == tokens(body))
    story.check("and the same answer", timeless(again.text) == timeless(body))
    arrived = again.headers.get("X-Gateway-Exchange", "")
    wait_for(lambda: _states(scene).get(arrived) == "delivered")  # noted every two seconds
    story.check("that one is noted as", _states(scene).get(arrived, "lost"), "delivered")
    story.check("the one that broke off is", _states(scene).get(_NAME, "lost"), "undelivered")
    told = scene.gateway.output("exchanges", "list", "--hotel", HOTEL)
    story.show(told)
    listed = (_NAME in told, arrived in told)
    story.check("the operator's list has what did not arrive, and no more", listed == (True, False))


def _kept(scene: Scene) -> list[AnswerRow]:
    """The kept answers of the hotel, the newest first."""
    with scene.gateway.vault() as vault:
        return asyncio.run(vault.answers.listed(client="pms", hotel=HOTEL))


def _states(scene: Scene) -> dict[str, str]:
    """How far the hotel's answers came, by their names."""
    return {row.exchange: row.state.value for row in _kept(scene)}


def _opened(scene: Scene, row: AnswerRow) -> Answer:
    """A kept answer, whole. Raises NoSequel."""
    with scene.gateway.vault() as vault:
        kept = asyncio.run(vault.answers.open(row.exchange, client=row.client))
    if kept is None:
        raise NoSequel("the kept answer can not be opened")
    return kept


def _readable(scene: Scene) -> list[str]:
    """The vault's files in which the text of a reservation stands."""
    files = scene.gateway.config.database.parent.glob(f"{scene.gateway.config.database.name}*")
    return sorted(path.name for path in files if b"HotelReservation" in path.read_bytes())
