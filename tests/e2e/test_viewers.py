"""A card that came in with a message is looked at: through a whole gateway, with real hashes."""

from __future__ import annotations

import re

import pytest
import requests

from tests.e2e.test_charge import keep
from tests.running import Running

CODE, WRONG = "sea-otter-42-blue", "sea-otter-43-blue"
PAGES = {"name": "Hotel Seaside", "origins": ["https://pms.example"]}
SEASIDE = {"merchant_code": "seaside01", "terminal": 1, "mode": "test", "pages": PAGES}
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
FORM = re.compile(r'<label for="code">([^<]+)<')


@pytest.fixture
def gateway(sandbox, tmp_path):
    running = Running(tmp_path, sandbox, products={"seaside": SEASIDE})
    yield running
    running.stop(grace=0.5)


@pytest.fixture
def session():
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def test_p35_p36_p16_a_card_of_a_message_is_shown_to_a_viewer(gateway, session):
    token = keep(gateway).alias
    headers = {"X-Api-Key": gateway.key(scopes=("reveal",), products=("seaside",))}
    base = "http://{}:{}/v1".format(*gateway.addresses.control)
    session.verify = gateway.ca

    def make(path, **said):
        answered = session.post(base + path, headers=headers, json=said, timeout=30)
        assert answered.status_code == 201, answered.text
        return answered.json()

    def send(url, **fields):
        form = TOKEN.search(session.get(url, timeout=30).text)[1]
        return session.post(url, data={"form_token": form} | fields, timeout=30)

    viewer = make("/viewers", name="Maria Rossi", role="full")
    assert send(viewer["setup"]["url"], code=CODE, again=CODE).status_code == 200
    link = make("/reveal-links", token=token, viewer=viewer["id"])["url"]
    assert FORM.findall(session.get(link, timeout=30).text) == ["Secret code of Maria Rossi"]
    assert "Tries left: 4" in send(link, code=WRONG).text
    shown = send(link, code=CODE)
    number = "".join(re.findall(r"<span>(\d+)</span>", shown.text))
    assert len(number) == 16
    assert session.get(link, timeout=30).status_code == 404
    query = "SELECT outcome, iduser FROM audit WHERE action = 'reveal' ORDER BY id"
    (intent, iduser), (done, same) = gateway.rows(query)
    assert (intent, done, iduser) == ("intent", "done", same)
    secrets = (number, CODE, WRONG, link.rpartition("/")[2])
    for place, content in gateway.everything_written():
        for text in secrets:
            assert text.encode() not in content, place
