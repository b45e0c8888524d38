"""Rules change while the gateway runs: all or nothing. What they have to do with processors comes in
`tests/processors/test_reload.py`.
"""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.exchange import Authority
from gateway.processors.load import ProcessorFiles
from gateway.processors.reload import Reload
from gateway.rules.load import load_rules
from gateway.rules.watch import Rules

PACK = """\
system: acme
about: ACME
routes:
  - { name: read, to: https://api.acme.example/v1/**, methods: [GET] }
"""
MORE = PACK + "  - { name: more, to: https://more.acme.example/v1/**, methods: [GET] }\n"
MISTAKES = {
    "half a file": PACK[: len(PACK) // 2],
    "an empty file": "",
    "an unknown key": PACK.replace("methods", "method"),
    "a duplicate key": PACK + "about: again\n",
    "a tie": PACK + "  - { name: again, to: https://api.acme.example/v1/**, methods: [GET] }\n",
    "not UTF-8": None,
}


class Live:
    """The rules of a directory, and what brings them into force."""

    def __init__(self, directory: Path) -> None:
        load = functools.partial(load_rules, enabled=None, variables={}, callers=(), products=())
        self.rules = Rules(directory, load)
        self.files = Reload(self.rules, ProcessorFiles(directory, {}, self.rules.matcher))

    @property
    def current(self):
        return self.rules.current

    @property
    def matcher(self):
        return self.rules.matcher

    def reload(self) -> bool:
        return self.files.take(self.files.read())


rules = Live


def write(directory: Path, text: str | None, name: str = "acme.yaml") -> None:
    (directory / name).write_bytes(b"\xff\xfe\xfa" if text is None else text.encode())


def test_the_first_load_must_succeed(tmp_path):
    write(tmp_path, MISTAKES["an unknown key"])
    with pytest.raises(ConfigurationError):
        rules(tmp_path)


def test_reload_brings_new_rules_and_their_matcher_together(tmp_path):
    write(tmp_path, PACK)
    live = rules(tmp_path)
    assert not live.matcher.knows("more.acme.example")
    assert not live.reload()
    before = live.current
    write(tmp_path, MORE)
    assert live.reload()
    assert live.current is not before
    assert live.matcher.knows("more.acme.example")


@pytest.mark.parametrize("name", MISTAKES)
def test_p37_a_mistake_leaves_the_old_rules_untouched(tmp_path, name):
    write(tmp_path, PACK)
    live = rules(tmp_path)
    before = (live.current, live.matcher)
    write(tmp_path, MISTAKES[name])
    with pytest.raises(ConfigurationError):
        live.reload()
    assert (live.current, live.matcher) == before
    write(tmp_path, MORE)
    assert live.reload()


def test_p37_one_bad_file_keeps_all_others_from_changing(tmp_path):
    write(tmp_path, PACK)
    live = rules(tmp_path)
    write(tmp_path, MORE)
    write(tmp_path, "system: no\n", "other.yaml")
    with pytest.raises(ConfigurationError, match=r"other.yaml:1"):
        live.reload()
    assert not live.matcher.knows("more.acme.example")


def test_p37_a_deleted_file_leaves_its_routes_in_force(tmp_path):
    write(tmp_path, PACK)
    live = rules(tmp_path)
    (tmp_path / "acme.yaml").unlink()
    with pytest.raises(ConfigurationError, match="the pack `acme` is gone but in force"):
        live.reload()
    assert live.matcher.knows("api.acme.example")


def test_p37_nor_does_it_vanish_while_other_packs_stay(tmp_path):
    other = PACK.replace("acme", "other")
    write(tmp_path, PACK)
    write(tmp_path, other, "other.yaml")
    live = rules(tmp_path)
    (tmp_path / "acme.yaml").unlink()
    write(tmp_path, other.replace("v1", "v2"), "other.yaml")
    with pytest.raises(ConfigurationError, match="the pack `acme` is gone but in force"):
        live.reload()
    assert live.matcher.knows("api.acme.example")
    assert live.matcher.to(
        "GET", Authority("https", "api.other.example", 443), "api.other.example", "/v1/x"
    )


def test_from_gateway_yaml(tmp_path):
    from gateway.config import Config

    write(tmp_path, PACK)
    config = Config.model_construct(
        rules=tmp_path, packs=None, drafts=(), variables={}, callers={}, products={}
    )
    assert Rules.load(config).matcher.knows("api.acme.example")


def test_p37_saving_a_file_is_enough(tmp_path):
    async def story() -> list[str]:
        write(tmp_path, PACK)
        live, told, stop = rules(tmp_path), [], asyncio.Event()
        heard = asyncio.Event()

        def tell(text: str) -> None:
            told.append(text)
            heard.set()

        async def failed(error: ConfigurationError) -> None:
            tell(f"failed {error.problems[0].line}")

        async def admitted(_: object) -> None:
            """Nobody is in the way."""

        async def until_told() -> None:
            await asyncio.wait_for(heard.wait(), 10)
            heard.clear()

        watching = asyncio.create_task(
            live.files.watch(
                loaded=lambda: tell(f"loaded {len(live.current.routes)}"),
                failed=failed,
                admit=admitted,
                stop=stop,
                settle_ms=50,
            )
        )
        await asyncio.sleep(0.3)  # the watcher is there
        write(tmp_path, MISTAKES["an unknown key"])
        await until_told()
        assert live.matcher.knows("api.acme.example")
        await asyncio.sleep(0.1)
        write(tmp_path, MORE, "acme.yaml.tmp")  # as editors save: write beside, then rename
        (tmp_path / "acme.yaml.tmp").rename(tmp_path / "acme.yaml")
        await until_told()
        assert live.matcher.knows("more.acme.example")
        await asyncio.sleep(0.1)
        write(tmp_path, "nothing of ours", "README.md")  # read again, nothing new, nothing told
        await asyncio.sleep(0.4)
        stop.set()
        await asyncio.wait_for(watching, 10)
        return told

    assert asyncio.run(story()) == ["failed 4", "loaded 2"]


def test_requests_meanwhile_see_one_rule_set_or_the_other(tmp_path):
    write(tmp_path, PACK)
    live = rules(tmp_path)
    matcher = live.matcher
    write(tmp_path, MORE)
    live.reload()
    authority = Authority("https", "api.acme.example", 443)
    assert matcher.to("GET", authority, authority.host, "/v1/x") is not None
