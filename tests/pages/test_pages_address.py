"""What links start with: known before anybody can ask for one."""

from __future__ import annotations

import pytest

from gateway.config import read_config
from gateway.pages.links import Links
from gateway.worker import Worker
from tests.config.files import PYTHON
from tests.pages.site import SECRET, Hotel

BASE = """
products:
  seaside: { merchant_code: a, terminal: 1, mode: test, pages: { name: Hotel Seaside } }
clients:
  pms: { networks: [127.0.0.0/8] }
"""
ANY, SET = "listen: { pages: 127.0.0.1:0 }\n", "listen: { pages: 127.0.0.1:9000 }\n"
NAMED = "pages: { url: https://cards.example.com }\n"


@pytest.fixture
def links(tmp_path):
    def made(said):
        file = tmp_path / "gateway.yaml"
        file.write_text(BASE + said, encoding="utf-8")
        return Links(read_config(file, python=PYTHON), None, None)

    return made


@pytest.mark.parametrize(
    ("said", "base"),
    [
        ("", "https://localhost:8444"),
        (SET, "https://localhost:9000"),
        (SET + NAMED, "https://cards.example.com"),
        (ANY + NAMED, "https://cards.example.com"),
    ],
)
def test_an_address_that_is_configured_is_in_links_from_the_start(links, said, base):
    made = links(said)
    assert made.base == base
    made.listens_on(9000)
    assert made.base == base


def test_no_link_is_made_for_a_port_that_nobody_knows_yet(links):
    made = links(ANY)
    with pytest.raises(RuntimeError, match="not open yet"):
        assert not made.base
    made.listens_on(9000)
    assert made.base == "https://localhost:9000"


def test_the_pages_port_is_open_before_a_link_can_be_asked_for(
    sandbox, framing, tmp_path, monkeypatch
):
    monkeypatch.setenv("PAGES_WEBHOOK", SECRET)
    whole, seen = Worker._claimed, []

    async def claimed(worker, ours):
        if ours is worker._control:
            seen.append(worker._pages.links.base)
        return await whole(worker, ours)

    monkeypatch.setattr(Worker, "_claimed", claimed)
    hotel = Hotel(tmp_path, sandbox, framing.origin)
    try:
        assert seen == [hotel.base]
        assert hotel.make()["url"].startswith(hotel.base + "/c/")
    finally:
        hotel.gateway.stop(grace=0.5)
