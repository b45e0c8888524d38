"""An answer in which a card got no token says so, to whoever looks for trouble."""

from __future__ import annotations

import json

import requests

from tests import children
from tests.e2e.process import until


def command(gateway, *arguments):
    done = children.command("exchanges", *arguments, "--json", "--config", gateway.config_file)
    assert done.stderr == b""
    return done.returncode, json.loads(done.stdout)


def over_http(gateway, path, **key):
    url = "http://{}:{}/v1/exchanges{}".format(*gateway.addresses.control, path)
    answer = requests.get(url, headers={"X-Api-Key": gateway.key(**key)}, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def failures(row):
    return [(one["booking"], one["card"], one["code"]) for one in row["failed_cards"]]


def test_a_card_that_failed_is_found_though_its_answer_was_delivered(own_gateway):
    gateway = own_gateway()
    whole, half = gateway.pull("CARDS"), gateway.pull("BADEXPIRY")
    assert half.headers["X-Gateway-Cards"] == (
        "found=1 tokenized=0 failed=1 left=0 ask_again=0; 1.1=expiry_invalid"
    )
    name = half.headers["X-Gateway-Exchange"]
    assert until(10, lambda: over_http(gateway, f"/{name}")["state"] == "delivered")
    assert until(10, lambda: len(over_http(gateway, "?state=delivered")) == 2)
    (row,) = over_http(gateway, "?failed=true")
    assert (row["exchange"], row["failed"], failures(row)) == (name, 1, [(1, 1, "expiry_invalid")])
    assert command(gateway, "list") == (1, [row])
    assert command(gateway, "list", "--failed") == (1, [row])
    assert command(gateway, "show", name) == (0, row)
    (other,) = over_http(gateway, "?failed=false")
    assert other["exchange"] == whole.headers["X-Gateway-Exchange"]
    assert (other["failed"], other["failed_cards"]) == (0, [])


def test_a_hotel_that_nobody_mapped_fails_each_card_by_its_place(own_gateway):
    gateway = own_gateway(hotels={"siteminder": {"10107": "seaside"}})
    answer = gateway.pull("CARDS", session=gateway.session(gateway.key(products=())))
    # of no known product: for those who may see all
    assert over_http(gateway, "?failed=true") == []
    (row,) = over_http(gateway, "?failed=true", products=())
    counts, *told = answer.headers["X-Gateway-Cards"].split("; ")
    failed = int(counts.split()[2].removeprefix("failed="))
    assert told == [f"{booking}.{card}=hotel_unknown" for booking, card, _ in failures(row)]
    assert failed == row["failed"] == len(row["failed_cards"]) > 1
    assert {code for _, _, code in failures(row)} == {"hotel_unknown"}
    places = [(booking, card) for booking, card, _ in failures(row)]
    assert places == sorted(set(places))
    assert places[0] == (1, 1)


def test_a_card_that_the_partner_could_not_read_is_to_be_asked_for_again(gateway):
    def counted(outcome):
        labels = f'{{action="tokenize",outcome="{outcome}",route="siteminder/pull"}}'
        lines = [line for line in gateway.metrics().splitlines() if labels in line]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0

    zeros, masks = counted("ask_again"), counted("left_alone")
    answer = gateway.pull("SENTINEL")
    assert "0000000000000000" in answer.text
    assert answer.headers["X-Gateway-Cards"] == "found=0 tokenized=0 failed=0 left=0 ask_again=1"
    assert (counted("ask_again"), counted("left_alone")) == (zeros + 1, masks)
    answer = gateway.pull("MASKED")
    assert answer.headers["X-Gateway-Cards"] == "found=0 tokenized=0 failed=0 left=1 ask_again=0"
    assert (counted("ask_again"), counted("left_alone")) == (zeros + 1, masks + 1)


def test_at_most_twenty_cards_are_told_of_in_a_header(own_gateway):
    gateway = own_gateway(hotels={"siteminder": {}})
    answer = gateway.pull("BULK-40-1", session=gateway.session(gateway.key(products=())))
    counts, *told = answer.headers["X-Gateway-Cards"].split("; ")
    assert counts == "found=40 tokenized=0 failed=40 left=0 ask_again=0"
    assert told[:2] == ["1.1=hotel_unknown", "2.1=hotel_unknown"]
    assert len(told) == 20
