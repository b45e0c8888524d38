"""docs/pages.md: its commands work in their order, and its tables say what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import yaml

from gateway import errors
from gateway.config_pages import PagesSettings, ProductPages
from gateway.control.captures_form import _KNOWN, MINUTES, MOST_MINUTES
from gateway.pages.assets import LOGO_LIMIT
from gateway.pages.capture_order import Profile
from gateway.pages.locales import Locales
from gateway.pages.tries import LIMIT, WINDOW
from tests.pages.serving import TOKEN

TEXT = (Path(__file__).parents[2] / "docs/pages.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_a_capture_in_the_calls_of_the_document(hotel):
    make, look, withdraw = blocks("sh")
    assert len(make.splitlines()) <= 10
    environment = os.environ | {
        "CONTROL": hotel.api.removesuffix("/v1"), "KEY": hotel.key, "NO_PROXY": "*",
    }  # fmt: skip

    def run(command):
        done = subprocess.run(
            ["bash", "-euc", command.replace("curl ", "curl --max-time 20 ")],
            env=environment, capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
        return json.loads(done.stdout) if done.stdout else None

    made = run(make)
    environment["LINK"] = made["id"]
    session = hotel.browse()
    page = session.get(made["url"], timeout=20).text
    assert all(text in page for text in ("Guarantee for your stay", "120.00\xa0EUR", "RES-1"))
    typed = {"number": "5555555555554444", "expiry": "08/29", "holder": "Ana Example"}
    typed["form_token"] = TOKEN.search(page)[1]
    assert session.post(made["url"], typed, timeout=20).status_code == 200
    shown = run(look)
    assert shown["state"] == "used"
    (example,) = (json.loads(block) for block in blocks("json"))
    told = json.loads(hotel.told(made["id"])[0].body)
    assert told["data"].keys() == example.keys()
    own = ("token", "link")
    assert {name: told["data"][name] for name in example if name not in own} == {
        name: example[name] for name in example if name not in own
    }
    assert run(withdraw)["code"] == "page_link_over"


def test_the_configuration_of_the_document_is_one():
    (block,) = blocks("yaml")
    said = yaml.safe_load(block)
    PagesSettings.model_validate_json(json.dumps(said["pages"]))
    shown = said["products"]["seaside"]["pages"]
    ProductPages.model_validate_json(json.dumps(shown))
    assert shown.keys() == ProductPages.model_fields.keys()
    assert said["pages"].keys() == PagesSettings.model_fields.keys()


def test_the_tables_name_what_there_is():
    codes = {getattr(kind, "code", None): kind for kind in vars(errors).values()}
    for code, status in re.findall(r"\| `(\w+)` \| (\d{3}) \|", TEXT):
        assert codes[code].status == int(status)
    fields = re.findall(r"^\| `(\w+)` \| (?!\d{3})", TEXT, re.MULTILINE)
    assert set(fields) == _KNOWN
    assert all(f"`{one.value}`" in TEXT for one in Profile)
    assert f"1 to {MOST_MINUTES} (a week); {MINUTES} (a day)" in TEXT
    assert f"at most {LOGO_LIMIT // 1024} KiB" in TEXT
    assert f"more than {LIMIT} times in ten minutes" in TEXT
    assert WINDOW.total_seconds() == 600
    assert Locales().languages == {"en", "es", "it", "fr", "de"}
