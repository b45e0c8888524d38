"""docs/viewers.md: its commands work in their order, its tables say what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway import errors
from gateway.audit import Action
from gateway.config import ProductSettings
from gateway.control.reveal_links import SECONDS, SECONDS_MOST
from gateway.control.viewers import _INVITATION
from gateway.pages.reveal import SHOWN_SECONDS
from gateway.vault.viewer import TRIES
from gateway.viewers.codes import SHORTEST
from tests.viewers.house import GROUPED, house
from tests.viewers.people import CODE, OTHER, WRONG

TEXT = (Path(__file__).parents[2] / "docs/viewers.md").read_text(encoding="utf-8")


@pytest.fixture
def home(tmp_path):
    with house(tmp_path) as running:
        yield running


def test_the_commands_of_the_document_work(home):
    invite, change, show, unlock, disable = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    environment = os.environ | {
        "CONTROL": "http://{}:{}".format(*home.control.address),
        "KEY": home.control.key("reveal"),
        "TOKEN": home.token(),
        "NO_PROXY": "*",
    }

    def run(command):
        done = subprocess.run(
            ["bash", "-euc", command.replace("curl ", "curl --max-time 20 ")],
            env=environment, capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
        return json.loads(done.stdout)

    maria = run(invite)
    chosen = home.pages.post(maria["setup"]["url"], {"code": CODE, "again": CODE})
    secret = re.search(r"[?&;]secret=(\w+)", chosen.text)[1]
    environment |= {"VIEWER": maria["id"], "SECOND": home.active("Bruno Verdi", OTHER)}
    assert "/v/" in run(change)["url"]
    link = run(show)
    page = home.pages.get(link["url"]).text
    assert "Codice segreto di Maria Rossi" in page
    assert "Late arrival" in page
    password = home.people.password(secret)
    assert GROUPED in home.type(link["url"], password=password).text
    again = run(show)["url"]
    for _ in range(TRIES):
        home.pages.post(again, {"code": WRONG})
    approval = run(unlock)["url"]
    assert home.type(approval, OTHER).status_code == 200
    assert home.call("GET", f"/viewers/{maria['id']}").json()["state"] == "active"
    assert run(disable)["state"] == "disabled"
    assert home.pages.get(again).status_code == 404


def test_what_the_document_says_is_so():
    codes = {getattr(kind, "code", None) for kind in vars(errors).values()}
    refusals = TEXT.partition("## When it is refused")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| [0-9, ]+ \|", refusals, re.MULTILINE):
        assert set(re.findall(r"`(\w+)`", row)) <= codes, row
    audit = TEXT.partition("## The audit")[2]
    named = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", audit, re.MULTILINE)
    actions = {action for row in named for action in re.findall(r"`(\w+)`", row)}
    assert actions <= {action.value for action in Action}
    assert {one.value for one in Action if one.value.startswith("viewer_")} <= actions
    fields = set(re.findall(r"^\| `(\w+)` \|", TEXT.partition("## Invite")[2], re.MULTILINE))
    assert fields >= set(_INVITATION)
    (products,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    for product in yaml.safe_load(products)["products"].values():
        assert ProductSettings.model_validate_json(json.dumps(product)).pages is not None
    assert (SECONDS, SECONDS_MOST, SHOWN_SECONDS, SHORTEST, TRIES) == (300, 900, 60, 12, 5)
    assert "five minutes" in TEXT
    assert "30 to 900" in TEXT
    assert "at least twelve characters" in TEXT
