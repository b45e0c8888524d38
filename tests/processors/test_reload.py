"""P37: packs and processors come into force together, or stay as they were."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from gateway.config import Config
from gateway.errors import ConfigurationError, VaultUnavailable
from gateway.processors import reload
from gateway.processors.load import ProcessorFiles
from gateway.processors.reload import Reload
from gateway.rules.watch import Rules
from tests.running import ROOT

HOST = "processor.card-gateway.invalid"
ELSEWHERE = "elsewhere.card-gateway.invalid"
NO_ROUTE = rf"processors/sandbox\.yaml:10:7: no route of a pack takes POST https://{HOST}/v1/cards"


async def admitted(_):
    """Nobody is in the way."""


class Live:
    """What a directory of rules holds, for one product that the sandbox's processor charges for."""

    def __init__(self, directory, used=("seaside",)):
        self.pack, self.processor = (
            directory / "sandbox.yaml",
            directory / "processors/sandbox.yaml",
        )
        config = Config.model_construct(
            rules=directory, packs=None, drafts=(), variables={}, callers={}, products={}
        )
        self.rules = Rules.load(config)
        self.processors = ProcessorFiles(
            directory, dict.fromkeys(used, "sandbox"), self.rules.matcher
        )
        self.reload = Reload(self.rules, self.processors)

    def again(self):
        return self.reload.take(self.reload.read())

    def in_force(self):
        return self.rules.current, self.rules.matcher, self.processors.current

    def edit(self, file, was, now):
        text = file.read_text(encoding="utf-8")
        assert was in text
        file.write_text(text.replace(was, now), encoding="utf-8")

    def move(self, file):
        self.edit(file, HOST, ELSEWHERE)


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "processors").mkdir()
    for name in ("sandbox.yaml", "processors/sandbox.yaml"):
        shutil.copy(ROOT / "rules" / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def live(directory):
    return Live(directory)


def test_p37_a_pack_that_no_longer_takes_a_processors_host_is_not_loaded(live):
    before = live.in_force()
    live.move(live.pack)
    with pytest.raises(ConfigurationError, match=NO_ROUTE) as refused:
        live.again()
    requests = live.processors.current["sandbox"].requests
    assert len(refused.value.problems) == len(requests)  # each with its line
    assert live.in_force() == before
    assert live.rules.matcher.knows(HOST)


def test_p37_nor_is_a_shape_that_no_longer_finds_its_token(live):
    before = live.in_force()
    live.edit(live.pack, "number: number", "number: pan")
    with pytest.raises(ConfigurationError, match=r"does not find `\{token\}` where it stands"):
        live.again()
    assert live.in_force() == before


def test_p37_a_processor_and_its_pack_move_together(live):
    """Whichever is saved first waits for the other, and neither is forgotten."""
    before = live.in_force()
    live.move(live.processor)
    with pytest.raises(ConfigurationError, match=f"takes POST https://{ELSEWHERE}"):
        live.again()
    assert live.in_force() == before
    live.move(live.pack)
    assert live.again()
    assert live.rules.matcher.knows(ELSEWHERE)
    assert not live.rules.matcher.knows(HOST)
    (request, *_) = live.processors.current["sandbox"].requests
    assert request.authority.host == ELSEWHERE


def test_p37_a_mistake_in_a_processor_keeps_the_packs_from_changing(live):
    before = live.in_force()
    live.edit(live.pack, "methods: [POST]", "methods: [POST, PUT]")
    live.processor.write_text("processor: sandbox\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"processors/sandbox\.yaml:1"):
        live.again()
    assert live.in_force() == before


def test_p37_every_mistake_is_told_at_once(live):
    live.pack.write_text("system: no\n", encoding="utf-8")
    live.processor.write_text("processor: sandbox\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        live.again()
    assert {str(live.pack), str(live.processor)} == {one.file for one in refused.value.problems}


def test_a_processor_that_no_product_uses_may_have_no_route(directory):
    live = Live(directory, used=())
    live.move(live.pack)
    assert live.again()
    assert live.rules.matcher.knows(ELSEWHERE)


def test_p37_a_folder_of_processors_may_come_later_and_is_watched(directory):
    kept = directory.parent / "kept"
    (directory / "processors").rename(kept)

    async def story():
        live, told, heard = Live(directory, used=()), [], asyncio.Event()

        def tell(what):
            told.append((what, sorted(live.processors.current)))
            heard.set()

        async def failed(_):
            tell("failed")

        async def until_told():
            await asyncio.wait_for(heard.wait(), 10)
            heard.clear()

        watching = asyncio.create_task(
            live.reload.watch(
                loaded=lambda: tell("loaded"), failed=failed, admit=admitted, settle_ms=50
            )
        )
        await asyncio.sleep(0.3)  # the watcher is there
        kept.rename(directory / "processors")
        await until_told()
        await asyncio.sleep(0.1)
        live.processor.write_text("processor: sandbox\n", encoding="utf-8")
        await until_told()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return told

    assert asyncio.run(story()) == [("loaded", ["sandbox"]), ("failed", ["sandbox"])]


def test_p37_reading_puts_nothing_in_force(live):
    """Between reading and taking nothing has changed: a request sees the old ones, both."""
    before = live.in_force()
    live.move(live.processor)
    live.move(live.pack)
    files = live.reload.read()
    assert live.in_force() == before
    assert live.reload.take(files)
    assert live.in_force() == (files.rules.rules, files.rules.matcher, files.processors)


def test_p37_what_the_audit_can_not_be_told_does_not_come_into_force(live, monkeypatch):
    """Not now; what the files hold then comes as soon as it can be told."""
    monkeypatch.setattr(reload, "_AGAIN", 0.05)

    async def story():
        before, tries, there = live.in_force(), [], asyncio.Event()

        async def admit(files):
            tries.append(files.rules.matcher.knows(ELSEWHERE))
            assert live.in_force() == before
            if len(tries) < 3:
                raise VaultUnavailable

        async def failed(error):
            raise AssertionError(error)

        watching = asyncio.create_task(
            live.reload.watch(loaded=there.set, failed=failed, admit=admit, settle_ms=200)
        )
        await asyncio.sleep(0.3)  # the watcher is there
        live.move(live.pack)
        live.move(live.processor)
        await asyncio.wait_for(there.wait(), 10)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return tries

    assert asyncio.run(story()) == [True, True, True]
    assert live.rules.matcher.knows(ELSEWHERE)
