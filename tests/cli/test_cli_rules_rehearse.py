"""`card-gateway rules rehearse`: a recorded day through the real pipeline, and nothing sent."""

from __future__ import annotations

import json
import socket
import sys
import tracemalloc

import pytest

from gateway.cli.rules_found import in_force
from gateway.errors import TargetAmbiguous
from gateway.rules.load import load_pack_text
from tests.cli.rules_command import MESSAGE, NUMBER, PACK, PAIR, TOKEN

HOST = "https://api.acme.example:8443"
JSON = [{"name": "Content-Type", "value": "application/json"}]
ANSWER = f'{{"cards": [{{"pan": "{NUMBER}", "exp": "12/30", "cvc": "737"}}]}}'


@pytest.fixture
def day(rules, tmp_path):
    """`day(entry, …)` rehearses a HAR and answers (exit code, stdout, stderr)."""
    (tmp_path / "rules" / "acme.yaml").write_text(PACK.replace("draft: true\n", ""))

    def run(*entries, options=()):
        (tmp_path / "day.har").write_text(json.dumps({"log": {"entries": entries}}, indent=1))
        return rules("rehearse", *options, "day.har")

    return run


def entry(url=f"{HOST}/x", method="GET", text=None, answer=ANSWER, status=200, **response):
    request = {"method": method, "url": url, "headers": JSON if text else []}
    if text is not None:
        request["postData"] = {"mimeType": "application/json", "text": text}
    content = {"mimeType": "application/json", "text": answer, "size": len(answer)}
    return {
        "request": request,
        "response": {"status": status, "headers": JSON, "content": content, **response},
    }


def told(run, *entries):
    code, out, _ = run(*entries, options=["--json"])
    return code, json.loads(out)


# --- what would happen ------------------------------------------------------------------------------


def test_a_day_in_which_nothing_is_refused(day):
    entries = [
        entry(),
        entry(method="POST", text=TOKEN, answer="{}"),
        entry(answer='{"cards": []}'),
    ]
    code, out, err = day(*entries)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (
        lines[0] == "route exchanges changed cards failed left alone guarded refused not recorded"
    )
    assert lines[1] == "acme/both 3 2 2 0 0 0 0 0"
    assert lines[-1] == "✓ 3 exchanges: nothing would be refused."
    code, said = told(day, *entries)
    assert (code, said["fine"], said["exchanges"]) == (0, True, 3)
    assert said["routes"]["acme/both"]["changed"] == 2


def test_each_exchange_in_a_line(day):
    _, out, _ = day(
        entry(url=f"{HOST}/x?pan={NUMBER}"),
        entry(method="POST", text=PAIR, answer="{}"),
        entry(answer='{"cards": [], "remark": "4111111111111111"}'),
        entry(url="https://api.acme.example/y", answer="{}"),
        entry(answer="<no json/>" + "1" * 13),
        entry(url="https://elsewhere.example/"),
        options=["--each"],
    )
    lines = out.splitlines()
    assert [line.partition(" ")[2] for line in lines[:6]] == [
        f"GET {HOST}/x: acme/both: 1 card gets a token",
        f"POST {HOST}/x: acme/both: 1 token is replaced",
        f"GET {HOST}/x: acme/both: 1 number is masked",
        "GET https://api.acme.example/y: acme/passes: passes as it is",
        f"GET {HOST}/x: acme/both: its response is refused (message_malformed)",
        "GET https://elsewhere.example/: refused (route_unknown)",
    ]
    assert lines[0].startswith("day.har:4 ")


def test_p16_what_is_refused_is_told_with_its_code_its_place_and_no_card(day):
    entries = [
        entry(answer="<cards/>" + NUMBER),
        entry(answer='{"cards": [], "a": "NDQ0NDMzMzMyMjIyMTExMQ=="}'),
        entry(method="POST", text=TOKEN.replace("Abcdefghijklm", "Abcdefghijklm\x01")),
        entry(method="POST", text='{"payment": {"iduser": 7}}'),
        entry(url=f"{HOST}/a/%2e%2e/{NUMBER}"),
        entry(answer=MESSAGE),
    ]
    entries[3]["request"]["headers"] = [{"name": "Content-Type", "value": "text/xml"}]
    code, out, err = day(*entries)
    assert code == 1
    for text in (
        "1 x acme/both, its response: refused (message_malformed)",
        "1 x acme/both, its response: refused (card_disguised)",
        "1 x acme/both, its request: refused (message_malformed)",
        "1 x acme/both, its request: refused (label_wrong)",
        "acme/both: 1 card fails (expiry_invalid)",
        "acme/both: 1 card fails (number_invalid)",
        "acme/both: 1 card fails (cvc_missing)",
        "day.har:4 GET https://api.acme.example:8443/x",
    ):
        assert text in out, text
    for secret in (NUMBER, "5555555555554444", "737", "Abcdefghijklm"):
        assert secret not in out + err
    code, said = told(day, *entries)
    assert code == 1
    assert {one["code"] for one in said["refused"]} == {
        "message_malformed", "card_disguised", "label_wrong",
    }  # fmt: skip
    assert [one["why"] for one in said["no_route"]] == [TargetAmbiguous.text]
    assert said["missing"] == []  # no line of YAML would allow it
    assert NUMBER not in json.dumps(said)


def test_the_same_refusal_is_told_once_with_the_first_places(day):
    code, out, _ = day(*[entry(answer="{" + "1" * 13)] * 5)
    assert code == 1
    assert out.count("refused (message_malformed)") == 1
    assert "5 x acme/both" in out
    assert "and 2 more: --each shows all" in out


def test_a_charge_as_it_is_before_the_pms_has_tokens(day):
    text = json.dumps({"payment": {"pan": NUMBER, "name": "Ada"}})
    code, out, _ = day(entry(method="POST", text=text, answer="{}"))
    assert code == 0
    assert "1 x acme/both: a card in clear, where a token will stand" in out
    assert NUMBER not in out


def test_what_was_not_recorded_is_not_vouched_for(day):
    empty = entry()
    empty["response"]["content"] = {"size": 900}
    code, out, _ = day(empty)
    assert code == 1
    assert "the body of its response was not recorded" in out
    assert "nothing would be refused" not in out
    unseen = entry(method="POST", text="", answer="{}")
    unseen["request"] |= {"postData": None, "bodySize": 9}
    code, said = told(day, unseen)
    assert (code, said["not_recorded"][0]["phase"]) == (1, "request")


# --- what needs a route -----------------------------------------------------------------------------


def test_the_yaml_that_is_missing_loads(day):
    entries = [
        entry(url="https://new.example/v1/bookings/1234?pan=4111111111111111", answer="{}"),
        entry(url="https://new.example/v1/bookings/99", method="DELETE", answer="{}"),
        entry(
            url="https://new.example/v1/bookings/5f0c7c52-97b2-4a3c-8d0f-0f3ad3b3a3a1",
            answer=ANSWER,
        ),
        entry(url=f"https://new.example/cards/{NUMBER}/", answer="{}"),
        entry(url="https://api.acme.example:8443/z"),
        entry(url="http://plain.example:81/", answer="{}"),
    ]
    code, out, _ = day(*entries)
    assert code == 1
    assert "# rules/new-example.yaml: for 4 exchanges" in out
    assert "1 number like a card's stands in them" in out
    assert "It came as http://" in out
    assert NUMBER not in out
    _, said = told(day, *entries)
    new, acme, plain = said["missing"]
    pack = load_pack_text(new["yaml"], new["file"])
    assert [(route.to.path.text, route.methods) for route in pack.routes] == [
        ("/cards/*/", {"GET"}),
        ("/v1/bookings/*", {"GET", "DELETE"}),
    ]
    assert (new["count"], new["cards"]) == (4, 1)
    assert (acme["file"], acme["why"]) == (
        "rules/acme.yaml", "Under its `routes:`, beside those there.",
    )  # fmt: skip
    load_pack_text(PACK + acme["yaml"] + "\n", "acme.yaml")  # it ends in its routes
    load_pack_text(plain["yaml"], plain["file"])


def test_names_of_routes_are_not_taken_twice(day):
    entries = [
        entry(url=f"https://new.example/{path}", answer="{}")
        for path in ("a-b", "a.b", "a_b", "long/" * 12, "long/" * 11, "123456/x", "1/" + "y" * 60)
    ]
    _, said = told(day, *entries)
    (new,) = said["missing"]
    assert len(load_pack_text(new["yaml"], new["file"]).routes) == 7


def test_a_request_to_the_gateway_itself_that_no_route_has(rules, day, tmp_path):
    (tmp_path / "some.http").write_text("POST /push/other HTTP/1.1\n\n{}\n")
    code, out, _ = rules("rehearse", "some.http")
    assert code == 1
    assert "no route has `at: /push/other`" in out
    assert "at: /push/other" in out.partition("# rules/")[2]


def test_a_pack_that_is_not_in_force(rules, tmp_path, day):
    (tmp_path / "rules" / "acme.yaml").write_text(PACK)  # a draft
    code, out, _ = day(entry())
    assert code == 1
    assert "1 x a pack that is not in force: acme" in out
    assert "drafts: [acme]" in out
    (tmp_path / "gateway.yaml").write_text("drafts: [acme]\n")
    assert day(entry())[0] == 0
    (tmp_path / "rules" / "acme.yaml").write_text(PACK.replace("draft: true\n", ""))
    (tmp_path / "gateway.yaml").write_text("packs: [stripe]\n")
    code, said = told(day, entry())
    assert (code, said["not_in_force"][0]["system"]) == (1, "acme")
    assert in_force(tmp_path / "gateway.yaml").packs == {"stripe"}


def test_more_targets_than_are_kept_apart(day, monkeypatch):
    monkeypatch.setattr("gateway.cli.rehearsed._MOST_TARGETS", 2)
    entries = [
        entry(url=f"https://{name}.test/", answer="{}") for name in ("aaa", "bbb", "ccc", "ddd")
    ]
    code, out, _ = day(*entries)
    assert code == 1
    assert "And 2 exchanges to other targets that no route takes." in out


# --- files ------------------------------------------------------------------------------------------


def test_transcripts_and_folders(rules, day, tmp_path):
    folder = tmp_path / "recorded"
    folder.mkdir()
    head = f"GET {HOST}/x HTTP/1.1\n\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n"
    (folder / "a.http").write_text(head + ANSWER)
    (folder / "b.txt").write_text(head + ANSWER + "\n" + f"GET {HOST}/x HTTP/1.1\n\n")
    (folder / "c.txt").write_text(ANSWER)
    code, out, err = rules("rehearse", "recorded")
    assert code == 0
    assert "✓ 3 exchanges" in out
    assert "recorded/c.txt: a body alone, left out" in err


def test_an_answer_whose_request_is_not_there(rules, day, tmp_path):
    (tmp_path / "a.http").write_text("HTTP/1.1 200 OK\n\n" + ANSWER)
    code, out, _ = rules("rehearse", "a.http")
    assert code == 1
    assert "its request was not recorded" in out


def test_p16_a_file_that_can_not_be_read_does_not_hide_the_others(rules, day, tmp_path):
    (tmp_path / "bad.har").write_text(f'{{"log": {{"entries": [{{"request": "{NUMBER}"')
    day(entry())
    code, out, err = rules("rehearse", "bad.har", "absent.har", "day.har")
    assert code == 2
    assert "bad.har:1: the file ends in the middle" in err
    assert "absent.har: No such file" in err
    assert "acme/both" in out
    assert NUMBER not in out + err
    code, out, _ = rules("rehearse", "--json", "bad.har", "day.har")
    assert (code, json.loads(out)["complete"], json.loads(out)["fine"]) == (2, False, False)


def test_nothing_at_all(rules, day, tmp_path):
    code, out, _ = day()
    assert (code, out.strip()) == (0, "There is no exchange in it.")


# --- what must not happen ---------------------------------------------------------------------------


def test_not_one_socket_is_made(day, monkeypatch):
    """Not even an event loop's own pair: nothing is there that could send."""
    seen = []
    active = [True]

    def hook(name, arguments):
        if active[0] and name.startswith("socket."):
            seen.append(name)

    def never(*args, **kwargs):
        raise AssertionError("a socket was made")

    sys.addaudithook(hook)
    for name in ("socket", "socketpair", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, never)
    large = json.dumps({"cards": [json.loads(ANSWER)["cards"][0]] * 400})  # what goes to a thread
    try:
        code, said = told(
            day, entry(answer=large), entry(method="POST", text=TOKEN), entry(url="https://x.y/")
        )
    finally:
        active[0] = False
    assert (code, said["routes"]["acme/both"]["found"]) == (1, 402)
    assert seen == []


def test_memory_does_not_grow_with_the_day(day, tmp_path):
    filler = "x" * 200_000
    entries = [entry(answer=ANSWER[:-1] + f', "f": "{filler}"}}') for _ in range(60)]
    day(entries[0])  # what is made once
    tracemalloc.start()
    try:
        day(*entries)
        held = [tracemalloc.get_traced_memory()]
        tracemalloc.reset_peak()
        from gateway.cli.transcript import read

        assert sum(1 for _ in read(tmp_path / "day.har")) == 120
        held.append(tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()
    assert (tmp_path / "day.har").stat().st_size > 12_000_000
    assert held[1][1] < held[1][0] + 6_000_000


# --- what it can not know ---------------------------------------------------------------------------


AGAIN = """
system: again
about: Modifications without their card
shapes:
  list: { format: json, booking: "$[*]", card: pay, number: pan, booking_id: id }
routes:
  - name: pull
    to: https://api.again.example/**
    methods: [GET]
    response:
      tokenize: list
      carry_forward: true
      insert: [{ into: pay, each: card, json: { token: "{alias}" } }]
"""


def test_a_booking_without_its_card_asks_for_the_one_it_had(day, tmp_path):
    (tmp_path / "rules" / "again.yaml").write_text(AGAIN)
    bookings = [{"id": "R1"}, {"id": "R2", "pay": {"pan": "****9999"}}, {"pay": {}}]
    one = entry("https://api.again.example/x", answer=json.dumps(bookings))
    code, out, err = day(one, options=["--each"])
    assert (code, err) == (0, "")
    assert "again/pull: 2 bookings ask for the card it had last" in " ".join(out.split())
