"""P37: whoever saves rules never goes on with the old ones unaware, however they come to be there."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from pathlib import Path

import pytest
import watchfiles

from gateway.errors import ConfigurationError
from gateway.rules import changes
from tests.rules.test_watch import MORE, PACK, Live, write


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(changes, "SECONDS", 0.2)


def watched(directory, change, *, until=None):
    """What came of `change`, made while the rules of `directory` are watched, until the route of MORE is there.

    Fails where it does not come, and where the watching ends."""

    async def story():
        live, told = Live(directory), []

        async def failed(error):
            told.append(str(error.problems[0]))

        async def admitted(_):
            """Nobody is in the way."""

        there = until or (lambda _: live.matcher.knows("more.acme.example"))
        watching = asyncio.create_task(
            live.files.watch(
                loaded=lambda: told.append("loaded"), failed=failed, admit=admitted, settle_ms=50
            )
        )
        try:
            await asyncio.sleep(0.3)  # the watcher is there
            change()
            async with asyncio.timeout(10):
                while not there(told):
                    assert not watching.done(), watching.exception()
                    await asyncio.sleep(0.05)
            assert not watching.done()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return told

    return asyncio.run(story())


@pytest.fixture
def rules(tmp_path):
    directory = tmp_path / "rules"
    directory.mkdir()
    write(directory, PACK)
    return directory


def test_p37_a_link_to_a_directory_that_leads_elsewhere(tmp_path):
    """As tools do that unpack each release beside the last one; and what is saved there later is seen."""
    for name, text in (("v1", PACK), ("v2", PACK.replace("v1", "v2"))):
        (tmp_path / name).mkdir()
        write(tmp_path / name, text)
    (tmp_path / "rules").symlink_to("v1")

    def swap():
        (tmp_path / "new").symlink_to("v2")
        (tmp_path / "new").replace(tmp_path / "rules")

    assert watched(tmp_path / "rules", swap, until=lambda told: told) == ["loaded"]
    watched(tmp_path / "rules", lambda: write(tmp_path / "v2", MORE))


def test_p37_what_is_saved_in_another_directory_is_told_at_once(rules, monkeypatch):
    """Once another one stands there the system watches that one."""
    news, asked = [], watchfiles.awatch

    async def awatch(*paths, **more):
        async for told in asked(*paths, **more):
            news.append({path for _, path in told if path.endswith("acme.yaml")})
            yield told

    monkeypatch.setattr(watchfiles, "awatch", awatch)
    swapped = []

    def swap():
        new = rules.parent / "new"
        new.mkdir()
        write(new, PACK.replace("v1", "v2"))
        rules.rename(rules.parent / "old")
        new.rename(rules)

    def there(told):
        if told and not swapped:
            swapped.append(len(news))
        if swapped:
            write(rules, MORE)
        return swapped and any(news[swapped[0] :])

    watched(rules, swap, until=there)


def test_p37_a_directory_in_anothers_place(rules):
    def swap():
        new = rules.parent / "new"
        new.mkdir()
        write(new, MORE)
        rules.rename(rules.parent / "old")
        new.rename(rules)

    watched(rules, swap)


def test_p37_a_directory_that_is_gone_and_comes_back(rules):
    steps = iter([lambda: write(rules, MORE)])

    def goes():
        shutil.rmtree(rules)

    def there(told):
        if any("can not be read" in one or "is gone" in one for one in told):
            for step in steps:
                rules.mkdir()
                step()
        return "loaded" in told

    watched(rules, goes, until=there)


def test_p37_a_file_that_a_link_leads_to(tmp_path, rules):
    kept = tmp_path / "kept"
    kept.mkdir()
    (rules / "acme.yaml").rename(kept / "acme.yaml")
    (rules / "acme.yaml").symlink_to(kept / "acme.yaml")
    watched(rules, lambda: write(kept, MORE))


def test_p37_links_that_are_swapped_as_kubernetes_does(rules):
    (rules / "..v1").mkdir()
    (rules / "acme.yaml").rename(rules / "..v1/acme.yaml")
    (rules / "..data").symlink_to("..v1")
    (rules / "acme.yaml").symlink_to("..data/acme.yaml")

    def swap():
        (rules / "..v2").mkdir()
        write(rules / "..v2", MORE)
        (rules / "..new").symlink_to("..v2")
        (rules / "..new").replace(rules / "..data")
        shutil.rmtree(rules / "..v1")

    watched(rules, swap)


def test_p37_below_a_folder_that_tools_look_away_from(tmp_path):
    directory = tmp_path / ".venv/rules"
    directory.mkdir(parents=True)
    write(directory, PACK)
    watched(directory, lambda: write(directory, MORE))


def test_p37_a_files_name_that_is_not_utf8_ends_nothing(rules):
    def save():
        (rules / os.fsdecode(b"caf\xe9.txt")).write_text("nothing of ours")
        write(rules, MORE)

    watched(rules, save)


def test_p37_where_the_system_has_no_room_to_watch(rules, monkeypatch):
    async def refuses(*_, **__):
        raise OSError(28, "OS file watch limit reached")
        yield  # a generator, as the real one is

    monkeypatch.setattr(watchfiles, "awatch", refuses)
    watched(rules, lambda: write(rules, MORE))


def test_p37_what_is_saved_before_anybody_watches(rules, monkeypatch):
    """Between reading them and watching them a start does other things."""
    live = Live(rules)
    write(rules, MORE)

    async def first():
        async for _ in changes.changes(rules, live.rules.looked, stop=None, settle_ms=50):
            return live.reload()
        return False

    assert asyncio.run(asyncio.wait_for(first(), 10))


def test_p37_a_pipe_holds_nobody_up(rules):
    pipe = rules / "pipe.yaml"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)
    os.write(writer, PACK.replace("acme", "pipe").encode())
    ends = threading.Timer(1, os.close, [writer])  # whoever read it would get this, a second later
    ends.start()
    with pytest.raises(ConfigurationError, match="no file but a pipe"):
        Live(rules)
    ends.join()


@pytest.fixture(params=["too long a name", "no permission"])
def unseen(request, monkeypatch):
    """Makes a link to what nobody can look at."""
    if request.param == "too long a name":
        return lambda link: link.symlink_to("a" * 300)
    links, stat = set(), Path.stat

    def refuses(path, **how):
        if path in links:
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, **how)

    def make(link):
        links.add(link)
        link.symlink_to("nothing")

    monkeypatch.setattr(Path, "stat", refuses)
    return make


def test_p37_a_link_that_can_not_be_followed_ends_nothing(rules, unseen):
    def save():
        unseen(rules / "elsewhere")
        write(rules, MORE)

    watched(rules, save)
    assert Live(rules).matcher.knows("more.acme.example")


def test_p37_a_pack_that_can_not_be_looked_at_is_told(rules, unseen):
    def there(told):
        return any("the file can not be read" in one for one in told)

    watched(rules, lambda: unseen(rules / "more.yaml"), until=there)
    with pytest.raises(ConfigurationError, match="the file can not be read"):
        Live(rules)


def test_p37_a_pipe_of_another_name_is_none_of_ours(rules):
    os.mkfifo(rules / "pipe")
    assert Live(rules).matcher.knows("api.acme.example")
