"""`card-gateway rules explain` on transcripts and HARs: whose route it is, and why nothing was found."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from gateway.cli import explain_shown
from tests.cli.rules_command import MESSAGE, NUMBER, TOKEN

HOST = "https://api.acme.example:8443"
ANSWER = '{"cards": [{"pan": "4444333322221111", "exp": "12/30", "cvc": "737"}]}'


def asked(body=TOKEN, target=f"{HOST}/x", method="POST"):
    return f"{method} {target} HTTP/1.1\nContent-Type: application/json\n\n{body}\n"


def answered(body=ANSWER):
    return f"HTTP/1.1 200 OK\nContent-Type: application/json\n\n{body}\n"


@pytest.fixture
def explained(rules, tmp_path):
    """`explained(text, "--json")` answers (exit code, stdout, stderr) for a transcript."""

    def run(text, *options):
        (tmp_path / "some.http").write_text(text)
        return rules("explain", *options, "some.http")

    return run


def test_both_directions_each_on_the_route_that_takes_it(explained):
    code, out, err = explained(asked() + "\n" + answered())
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        "some.http:1: request POST https://api.acme.example:8443/x",
        "Route acme/both (rules/acme.yaml:27), its request:",
        "1. line 1, column 22: $.payment[1] .[1] pan (shape `in`) holds a token; the card takes its place",
    ]
    assert "some.http:6: response (200) POST https://api.acme.example:8443/x" in out
    assert "becomes 444433******1111 and gets a token" in out
    _, only, _ = explained(asked() + "\n" + answered(), "--as", "response")
    assert "holds a token" not in only
    assert "gets a token" in only


def test_for_scripts_one_message_is_as_before_and_several_are_a_list(explained):
    _, out, _ = explained(answered(), "--route", "acme/both", "--json")
    one = json.loads(out)
    assert (one["route"], one["action"], one["way"], one["line"]) == (
        "acme/both", "tokenize", "response", 1,
    )  # fmt: skip
    assert one["cards"][0]["becomes"] == "444433******1111"
    _, out, _ = explained(asked() + answered(), "--json")
    told = json.loads(out)["messages"]
    assert [each["way"] for each in told] == ["request", "response"]
    assert [each["exchange"] for each in told] == [1, 1]


def test_a_request_to_a_url_of_the_gateway(explained):
    code, out, _ = explained(asked(ANSWER, "/push/acme"))
    assert "Route acme/push" in out
    assert code == 0
    _, out, _ = explained(asked(ANSWER, "https://pms.example/push/acme"))
    assert "taken as a request to a URL of the gateway" in out


def test_p16_a_har_is_explained_without_a_card(rules, tmp_path):
    entry = {
        "request": {"method": "POST", "url": f"{HOST}/x?pan={NUMBER}", "headers": []},
        "response": {"status": 200, "headers": [], "content": {"text": MESSAGE, "size": 1}},
    }
    (tmp_path / "day.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    for options in ([], ["--json"]):
        code, out, err = rules("explain", *options, "day.har")
        assert code == 1  # a card fails
        for secret in (NUMBER, "5555555555554444", "737", "4444 3333"):
            assert secret not in out + err
    assert "cvc_missing" in out


@pytest.mark.parametrize(
    ("target", "method", "reason"),
    [
        ("https://api.acmee.example/x", "POST", "no route goes to the host `api.acmee.example`; nearest: "),
        (f"{HOST}/z", "POST", "no route of this host has the path `/z`; there: /x (acme/both), /y (acme/passes)"),
        ("https://api.acme.example/x", "POST", "it went to port 443; the route's target has 8443"),
        ("http://api.acme.example:8443/x", "POST", "it was sent as http://"),
        (f"{HOST}/x", "PUT", "acme/both takes GET, POST, not PUT"),
        ("/push/acmee", "POST", "no route has `at: /push/acmee`"),
        (f"https://other.test/{NUMBER}", "POST", "no route goes to the host `other.test`"),
    ],
)  # fmt: skip
def test_why_no_route_takes_it(explained, target, method, reason):
    code, out, err = explained(asked(target=target, method=method) + answered())
    assert code == 1
    assert reason in out
    assert "Refused (route_unknown)" in err
    assert "rules rehearse some.http" in err
    assert "response" not in out  # of its answer there is no more to say
    assert NUMBER not in out + err


def test_a_path_that_two_readers_could_read_differently(explained):
    code, _, err = explained(asked(target=f"{HOST}/a/../x"))
    assert code == 1
    assert "Refused (target_ambiguous)" in err


def test_a_route_that_was_named_and_is_another(explained):
    _, out, _ = explained(asked(), "--route", "acme/push")
    assert "--route says acme/push; by what was asked for it is acme/both" in out
    _, out, _ = explained(asked(target="https://api.acmee.example/x"), "--route", "acme/both")
    assert "by what was asked for it is none" in out
    assert "no route goes to the host" in out
    assert "holds a token" in out


def test_what_only_a_person_knows_must_be_said(rules, explained):
    code, _, err = rules("explain", "message.json")
    assert (code, "say --route" in err) == (2, True)
    code, _, err = explained(answered())
    assert (code, "answers a request that was not recorded" in err) == (2, True)
    code, _, err = explained(asked(), "--as", "reply")
    assert (code, "There: request, response." in err) == (2, True)
    code, _, err = explained(asked(), "--as", "response")
    assert (code, "has no response" in err) == (2, True)


def test_labels_and_codings_count_where_the_head_is_known(explained):
    code, _, err = explained(asked().replace("application/json", "text/xml"))
    assert (code, "Refused (label_wrong)" in err) == (1, True)
    unknown = answered("\x01").replace("\n\n", "\nContent-Encoding: br\n\n")
    code, _, err = explained(asked() + unknown)
    assert (code, "Refused (coding_not_supported)" in err) == (1, True)


def test_a_body_of_another_format(explained):
    code, out, err = explained(asked() + answered("<cards/>" + "1" * 12))
    assert (code, "Refused (message_malformed)" in err) == (1, True)
    assert "the shape reads json; the body looks like xml" in out


def test_what_was_not_recorded_is_said(rules, tmp_path):
    entry = {
        "request": {"method": "GET", "url": f"{HOST}/x"},
        "response": {"status": 200, "content": {"size": 7}},
    }
    (tmp_path / "day.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    code, out, _ = rules("explain", "day.har")
    assert code == 0
    assert "Its body is empty" in out
    assert "its body was not recorded" in out


# --- why nothing was found --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            '{"card": [{"pan": "4444333322221111"}], "cards": []}',
            "shape out: `$.cards[*]` leads nowhere",
        ),
        ('{"crads": [], "x": {"card_list": 1}}', "the message has `crads` once, `card_list` once"),
        (
            '{"cards": [{"number": "4444333322221111"}, {"number": ""}]}',
            "`$.cards[*]` is there 2 times, but `pan` leads nowhere",
        ),
        ('{"a": {"cards": {"b": 1}}}', "the message has `cards` once, but elsewhere"),
    ],
)
def test_why_a_shape_finds_nothing(explained, body, reason):
    _, out, _ = explained(asked() + answered(body))
    assert reason in out
    assert "4444333322221111" not in out


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("", "nothing"),
        ("0000000000000000", "zeros"),
        ("XXXXXXXXXXXX1111", "a mask"),
        ("-", "nothing"),
        ("tok_1_Abcdefghijklm", "a token of ours already"),
        ("pm_1N2", "another's token"),
    ],
)
def test_what_is_left_alone_is_told(explained, number, kind):
    _, out, _ = explained(asked() + answered(json.dumps({"cards": [{"pan": number}]})))
    assert f"holds {kind}" in out
    assert "left alone" in out
    assert "Abcdefghijklm" not in out


def test_why_an_expiry_can_not_be_read(explained):
    for card, reason in (
        ({}, "`exp` leads nowhere"),
        ({"exp": " "}, "`exp` is empty"),
        ({"exp": "2030-12-01T00:00:00"}, "`exp` is spelled like `9999-99-99A99:99:99`"),
    ):
        body = json.dumps({"cards": [{"pan": NUMBER, "cvc": "737", **card}]})
        code, out, _ = explained(asked() + answered(body))
        assert (code, reason in out) == (1, True), out


def test_why_a_charge_finds_no_token(explained):
    for text, reason in (
        (NUMBER, "`pan` holds a card's number: the PMS has to send the token"),
        ("tok_1_Abc", "`pan` begins as a token of ours and is none: cut off?"),
        ("****1111", "`pan` holds a mask"),
    ):
        _, out, _ = explained(asked(json.dumps({"payment": {"pan": text}})))
        assert reason in out
        assert "outside of every shape" not in out
        assert NUMBER not in out


def test_xml_that_is_like_what_the_shape_names(rules, tmp_path):
    (tmp_path / "rules" / "acme.yaml").write_text(
        "system: acme\nabout: x\nshapes:\n  ota:\n    format: xml\n    booking: //Reservation[@Type='1']\n"
        '    card: .//PaymentCard\n    number: "@CardNumber"\n'
        "routes:\n  - { name: pull, to: https://a.example/x, methods: [POST], response: { tokenize: ota } }\n"
    )
    for body, reason in (
        (
            "<R><Reservation Type='1'><o:CreditCard/><o:CreditCard/></Reservation></R>",
            "is there once, but `.//PaymentCard` leads nowhere; the message has `CreditCard` 2 times",
        ),
        (
            "<R><Reservation Type='2'/></R>",
            "leads nowhere; the message has `Reservation`, but not with that condition",
        ),
    ):
        text = asked("<a/>", "https://a.example/x") + answered(body.replace("o:", ""))
        (tmp_path / "some.http").write_text(text)
        _, out, _ = rules("explain", "some.http")
        assert reason in out


# --- cards outside of every shape -------------------------------------------------------------------


def test_p16_a_card_outside_of_every_shape_is_told_masked(explained):
    remark = '{"cards": [],\n "remark": "my card: 4111 1111 1111 1111"}'
    code, out, _ = explained(asked() + answered(remark))
    assert code == 0
    assert (
        "! line 2, column 22: 411111******1111, separated in `remark`, outside of every shape"
        in out
    )
    assert "The guard masks it" in out
    assert "1111 1111" not in out
    code, out, err = explained(asked() + answered('{"cards": [], "a": "NDQ0NDMzMzMyMjIyMTExMQ=="}'))
    assert (code, "Refused (card_disguised)" in err) == (1, True)
    assert "444433******1111, base64 in `a`" in out
    assert "so the message is refused" in out


def test_a_body_alone_meets_the_guard_too(rules, tmp_path):
    (tmp_path / "body.json").write_text('{"cards": [], "a": "NDQ0NDMzMzMyMjIyMTExMQ=="}')
    for way in ("response", "request"):
        name = "acme/both" if way == "response" else "acme/push"
        code, _, err = rules("explain", "--route", name, "--as", way, "body.json")
        assert (code, "Refused (card_disguised)" in err) == (1, True)


def test_who_sees_a_card_that_is_not_guarded_is_told(explained):
    _, out, _ = explained(asked('{"note": "4111111111111111"}'))
    assert "it goes on in clear" in out
    _, out, _ = explained(asked("", f"{HOST.removesuffix(':8443')}/y", "GET") + answered(ANSWER))
    assert "The route does nothing with a response: it passes." in out
    assert "The guard masks it; name its place in a shape" in out


# --- on a terminal ----------------------------------------------------------------------------------


def test_p16_on_a_terminal_what_changes_stands_in_colour_between_what_stays(
    explained, monkeypatch, capsys
):
    def terminal(*, stderr=False):
        return Console(
            stderr=stderr, force_terminal=True, width=300, highlight=False, color_system="standard"
        )

    monkeypatch.setattr(explain_shown, "console", terminal)
    body = '{"guest": "Zoe\x9b2J 4111111111111111", ' + ANSWER[1:]
    _, out, _ = explained(asked() + answered(body))
    assert "444433xxxxxx1111" in out
    assert "444433******1111" in out
    assert "\x1b[1;31m" in out
    assert "\x1b[1;32m" in out
    assert "\x9b" not in out  # the message's own orders to a terminal
    for secret in (NUMBER, "4111111111111111", "737"):
        assert secret not in out
