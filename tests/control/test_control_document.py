"""What `/openapi.json` says is what the control port does: Schemathesis asks a whole gateway, by the
document, for what fits it and for what does not.

Not asked of twelve calls: that whatever fits the document is taken. No schema says which texts are one
printable line, which digits are a card's number, which half of a token goes with which, which events
there are, or which credentials a processor's file names.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys

import pytest
import requests

from gateway import errors
from gateway.audit import FROM_FILES, ITSELF
from gateway.sandbox.server import Sandbox
from gateway.vault.notices import NewNotice
from tests.control.kept import spool
from tests.e2e.test_charge import keep
from tests.recapture.world import ITINERARY, booking
from tests.running import Running
from tests.vault.makers import answer, quarantine

SECONDS = 400  # on a machine that others use too; what is asked is bounded
READ_BY_HAND = (
    "GET /v1/cards",
    "POST /v1/cards",
    "DELETE /v1/cards/{token}/bookings",
    "POST /v1/capture-links",
    "POST /v1/recaptures/{id}/card",
    "POST /v1/notifications/expedia-rapid",
    "PUT /v1/processors/{name}/credentials",
    "GET /v1/charges",
    "POST /v1/charges",
    "POST /v1/charges/{id}/dispute",
    "POST /v1/charges/{id}/settle",
    "GET /v1/collections",
    "POST /v1/collections",
)
_WRITING = ("PATCH", "DELETE", "POST /v1/charges", "POST /v1/collections")
PRODUCTS = {
    "seaside": {
        "merchant_code": "a",
        "terminal": 1,
        "mode": "test",
        "processor": "sandbox",
        "pages": {"name": "Seaside"},
    },
    "hilltop": {"merchant_code": "b", "terminal": 1, "mode": "test"},
}
PANS = ("4539578763621486", "5555555555554444", "378282246310005")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One with every part that has calls, and something behind each."""
    directory = tmp_path_factory.mktemp("document")
    secret = directory / "secret"
    secret.write_text("sandbox-secret\n")
    secret.chmod(0o600)
    source = {"file": str(secret)}
    with Sandbox(directory / "sandbox") as sandbox:
        fails = {"url": sandbox.named_url("pms") + "/fail", "secret": dict(source)}
        rapid = {
            "client": "pms",
            "url": sandbox.named_url("rapid"),
            "api_key": dict(source),
            "shared_secret": dict(source),
            "customer_ip": "5.5.5.5",
            "notifications": {"caller": "expedia"},
        }
        running = Running(
            directory / "gateway",
            sandbox,
            limits={"unknown_tokens": 10_000},
            products=PRODUCTS,
            clients={"pms": {"networks": ["127.0.0.0/8"], "webhook": fails}},
            callers={"expedia": {"networks": ["127.0.0.0/8"]}},
            recaptures={"expedia-rapid": rapid},
        )
        try:
            yield running
        finally:
            running.stop(grace=0.5)


def capture(gateway):
    """The id of a capture link."""
    url = "http://{}:{}/v1/capture-links".format(*gateway.addresses.control)
    said = {"profile": "card", "product": "seaside"}
    key = {"X-Api-Key": gateway.key(scopes=("cards",))}
    return requests.post(url, json=said, headers=key, timeout=20).json()["id"]


def known(gateway):
    """The ids of what there is, by the call that is to find it."""
    vault = gateway.worker._vault
    shown, gone, left = (keep(gateway, pan).alias for pan in PANS)
    spool(vault, "kept")
    spool(vault, "acknowledged")
    quarantine(vault, answer("refused"), "card_disguised")
    gateway.loop.call(vault.notices.put([NewNotice("pms", "charge.failed", "a", {})]))
    (notice,) = gateway.rows("SELECT id FROM notice")[0]
    asyncio.run(gateway.worker.recaptures.recaptures.seen("pms", booking()))
    ((recapture,),) = gateway.rows(f"SELECT id FROM recapture WHERE itinerary = '{ITINERARY}'")
    charge, collection = charged(gateway, shown), collected(gateway, shown)
    opened, withdrawn = (capture(gateway) for _ in range(2))
    return {
        "GET /v1/capture-links/{id}": {"id": opened},
        "DELETE /v1/capture-links/{id}": {"id": withdrawn},
        "GET /v1/cards/{token}": {"token": shown},
        "PATCH /v1/cards/{token}": {"token": shown},
        "DELETE /v1/cards/{token}": {"token": gone},
        "DELETE /v1/cards/{token}/bookings": {"token": left},
        "GET /v1/exchanges/{id}": {"id": "kept"},
        "GET /v1/exchanges/{id}/answer": {"id": "kept"},
        "POST /v1/exchanges/{id}/acknowledge": {"id": "acknowledged"},
        "POST /v1/exchanges/{id}/replay": {"id": "refused"},
        "POST /v1/notices/{id}/redeliver": {"id": notice},
        "GET /v1/processors/{name}/credentials": {"name": "stripe", "product": "seaside"},
        "PUT /v1/processors/{name}/credentials": {"name": "stripe", "product": "seaside"},
        "GET /v1/recaptures/{id}": {"id": recapture},
        "POST /v1/recaptures/{id}/card": {"id": recapture},
        "GET /v1/collections/{id}": {"id": collection},
        "POST /v1/collections/{id}/stop": {"id": collection},
        **{
            f"{method} /v1/charges/{{id}}{name}": {"id": charge}
            for method, name in (
                ("GET", ""),
                ("POST", "/capture"),
                ("POST", "/refund"),
                ("POST", "/cancel"),
                ("POST", "/look"),
                ("POST", "/dispute"),
                ("POST", "/settle"),
            )
        },
    }


def charged(gateway, token):
    """The id of a charge; its processor has no credentials, so it came to nothing."""
    url = "http://{}:{}/v1/charges".format(*gateway.addresses.control)
    headers = {"X-Api-Key": gateway.key(scopes=("charges",), products=("seaside",))}
    said = {"token": token, "amount": 1, "currency": "EUR"}
    return requests.post(url, json=said, headers=headers, timeout=10).json()["id"]


def collected(gateway, token):
    """The id of a collection whose guest has a link."""
    url = "http://{}:{}/v1/collections".format(*gateway.addresses.control)
    headers = {"X-Api-Key": gateway.key(scopes=("charges",), products=("seaside",))}
    said = {
        "token": token, "amount": 1, "currency": "EUR", "initiator": "deposit",
        "steps": {"payment_link": {}},
    }  # fmt: skip
    return requests.post(url, json=said, headers=headers, timeout=10).json()["id"]


def settings(parameters):
    """schemathesis.toml: the ids, and what is not asked."""
    said = []
    for name in sorted({*parameters, *READ_BY_HAND}):
        said.append(f'[[operations]]\ninclude-name = "{name}"')
        values = [f'"{key}" = "{value}"' for key, value in parameters.get(name, {}).items()]
        if values:
            said.append(f"parameters = {{ {', '.join(values)} }}")
        if name in READ_BY_HAND:
            said.append("checks.positive_data_acceptance.enabled = false")
        elif name.startswith(_WRITING) or name.endswith(("/redeliver", "/replay")):
            # One Idempotency-Key is given to several requests.
            expected = '["2xx", "401", "403", "404", "409", "422"]'
            said.append(f"checks.positive_data_acceptance.expected-statuses = {expected}")
    return "\n".join(said) + "\n"


def ask(gateway, directory, *options, parameters=None):
    """Runs Schemathesis; what it tested. Fails with its report where it found anything."""
    config = directory / "schemathesis.toml"
    config.write_text(settings(parameters or {}), encoding="utf-8")
    url = "http://{}:{}/openapi.json".format(*gateway.addresses.control)
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", url,
        "--generation-deterministic", "--generation-with-security-parameters", "false",
        "--continue-on-failure", "--warnings", "off", "--no-color", *options,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=directory, env=os.environ | {"NO_PROXY": "*"},
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    return {
        name: int(count.replace(",", ""))
        for count, name in re.findall(r"([\d,]+) (generated|passed|skipped)", done.stdout)
    } | {"operations": int(re.findall(r"Tested: (\d+)", done.stdout)[0])}


@pytest.mark.slow
def test_every_answer_is_as_the_document_says(gateway, tmp_path):
    key = gateway.key(scopes=("proxy", "detokenize", "cards", "charges", "admin"))
    both = ("-H", f"X-Api-Key: {key}", "-H", f"Authorization: Bearer {key}")
    found = ask(
        gateway, tmp_path, *both, "--phases", "coverage,fuzzing", "--max-examples", "5",
        parameters=known(gateway),
    )  # fmt: skip
    assert found["operations"] >= 22
    assert found["generated"] > 400


@pytest.mark.slow
def test_p28_without_a_key_every_call_is_refused_as_the_document_says(gateway, tmp_path):
    # What the gateway does meanwhile, as a purge, a charge of a collection that somebody with a key began, or
    # reading its files again, is not asked for by these calls.
    asked = (
        f"SELECT count(*) FROM audit WHERE origin NOT IN ('{ITSELF}', '{FROM_FILES}') AND key = ''"
    )
    before = gateway.rows("SELECT count(*) FROM card"), gateway.rows(asked)
    found = ask(gateway, tmp_path, "--phases", "fuzzing", "--max-examples", "3")
    assert found["operations"] >= 22
    after = gateway.rows("SELECT count(*) FROM card"), gateway.rows(asked)
    assert after == before


def document(gateway):
    return gateway.control("/openapi.json").json()


def operations(gateway):
    for path, methods in document(gateway)["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_refusal_in_the_document_is_a_problem_with_codes_that_there_are(gateway):
    codes = {getattr(kind, "code", None) for kind in vars(errors).values()}
    for name, operation in operations(gateway):
        for status, said in operation["responses"].items():
            if not status.isdigit() or int(status) < 400 or name == "GET /readyz":
                continue
            assert list(said["content"]) == ["application/problem+json"], (name, status)
            named = set(re.findall(r"`(\w+)`", said["description"]))
            assert named, (name, status)
            assert named <= codes, (name, status)


# What writes and takes no Idempotency-Key, and why sending it again is the same.
SAME_AGAIN = {
    "POST /v1/exchanges/{id}/acknowledge": "what is acknowledged stays so: no state follows it",
    "POST /v1/notifications/expedia-rapid": "Expedia sends none; the same event_id is one event",
}


def test_p24_every_call_that_writes_takes_an_idempotency_key(gateway):
    without, repeated = set(), {"idempotency_key_reused": "422", "request_in_progress": "409"}
    for name, operation in operations(gateway):
        method = name.partition(" ")[0]
        taken = [one for one in operation.get("parameters", ()) if one["name"] == "Idempotency-Key"]
        if method in {"GET", "HEAD"}:
            assert taken == [], name
        elif taken:
            assert [one["in"] for one in taken] == ["header"], name
            for code, status in repeated.items():
                assert f"`{code}`" in operation["responses"][status]["description"], name
        else:
            without.add(name)
    assert without == set(SAME_AGAIN)


def test_every_call_under_v1_says_who_may_not(gateway):
    for name, operation in operations(gateway):
        if not name.partition(" ")[2].startswith("/v1/") or "notifications" in name:
            continue
        assert {"400", "401", "403", "413", "500", "503"} <= set(operation["responses"]), name
        assert operation["security"], name


def test_what_a_path_takes_is_said_where_it_takes_something_else(gateway):
    url = "http://{}:{}".format(*gateway.addresses.control)
    for path, methods in document(gateway)["paths"].items():
        refused = requests.request("TRACE", url + re.sub(r"\{\w+\}", "any", path), timeout=10)
        assert refused.status_code == 405
        assert refused.headers["Allow"] == ", ".join(sorted(map(str.upper, methods)))
