"""`card-gateway cards`: key pairs for files to import, and importing one."""

from __future__ import annotations

import csv
import hashlib
import json
import shlex
import subprocess

import pytest

from gateway.cards.token import parse_alias
from gateway.importing import keys
from tests.importing.files import HEADER, number, private, row

pytestmark = pytest.mark.slow

IMPORT = ("--product", "seaside", "--provider", "pci-booking")


def sent(run, content):
    """A file as the sender makes it, by the command that was printed."""
    made = run.directory / "import.pem"
    if not made.exists():
        code, out, err = run("cards", "import-key", "--out", str(made))
        assert (code, err) == (0, "")
        (run.directory / "command").write_text(out.split("They encrypt the file with:")[1])
    (run.directory / "cards.csv").write_text(content)
    words = shlex.split((run.directory / "command").read_text())
    subprocess.run(words, cwd=run.directory, check=True, capture_output=True)
    return run.directory / "cards.cms"


@pytest.fixture
def one_pair(monkeypatch):
    """Finding the primes of a pair takes half a second. The certificate and all else are each key's own."""
    pair = private()
    monkeypatch.setattr(keys.rsa, "generate_private_key", lambda *_: pair)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_is_imported_with_its_map_and_its_refusals(run):
    file = sent(run, HEADER + row(1) + row(2, pan="4111") + row(3, pan="4929000000000007"))
    paths = run.directory / "map.csv", run.directory / "refused.csv"
    words = ("--map", str(paths[0]), "--refused", str(paths[1]))
    code, out, err = run("cards", "import", str(file), *IMPORT, *words)
    assert code == 1
    assert err == "line 3: number_invalid\nline 4: luhn\n"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert out.splitlines() == [
        "✓ Imported: 2. There already: 0.",
        "Refused: 1. Imported, with a wrong check digit: 1.",
        f"Records in the file: 3. SHA-256 of the file: {digest}",
        "The old tokens count once products.seaside has `accepts_tokens_of: [pci-booking]`.",
    ]
    mapped = table(paths[0])
    assert [one["old_token"] for one in mapped] == ["old-1", "old-3"]
    for one in mapped:
        token = parse_alias(one["token"])
        assert (str(token.iduser), token.tokenuser) == (one["iduser"], one["tokenuser"])
    assert table(paths[1]) == [
        {"line": "3", "code": "number_invalid"}, {"line": "4", "code": "luhn"},
    ]  # fmt: skip
    for path in paths:
        assert path.stat().st_mode & 0o777 == 0o600
        assert number(1) not in path.read_text()


def test_again_it_is_there_already(run, one_pair):
    file = sent(run, HEADER + row(1) + row(2))
    first = run("cards", "import", str(file), *IMPORT, "--map", str(run.directory / "one"))
    again = run(
        "cards", "import", str(file), *IMPORT, "--map", str(run.directory / "two"), "--json"
    )
    assert (first[0], again[0]) == (0, 0)
    told = json.loads(again[1])
    assert (told["records"], told["imported"], told["already_there"]) == (2, 0, 2)
    assert (told["refused"], told["refused_for"], told["doubtful"]) == (0, {}, 0)
    assert (run.directory / "one").read_text() == (run.directory / "two").read_text()


def test_a_map_that_is_there_is_left_alone_and_a_draft_is_not(run, one_pair):
    file, map = sent(run, HEADER + row(1)), run.directory / "map.csv"
    map.write_text("mine")
    code, _, err = run("cards", "import", str(file), *IMPORT, "--map", str(map))
    assert (code, map.read_text()) == (2, "mine")
    assert "is there already" in err
    map.unlink()
    map.with_name("map.csv.draft").write_text("of a run that was killed")
    assert run("cards", "import", str(file), *IMPORT, "--map", str(map))[0] == 0
    assert [one["old_token"] for one in table(map)] == ["old-1"]
    assert not map.with_name("map.csv.draft").exists()


def test_p21_a_column_of_security_codes_is_refused(run, one_pair):
    file = sent(run, "pan,expiry,token,CVV2\n" + f"{number(1)},2029-08,old-1,123\n")
    code, out, err = run("cards", "import", str(file), *IMPORT)
    assert (code, out) == (2, "")
    assert "security codes" in err
    assert "Nothing was imported" in err
    assert number(1) not in err


def test_keys_are_listed_and_erased_and_then_nothing_opens(run, one_pair):
    file = sent(run, HEADER + row(1))
    (key,) = json.loads(run("cards", "import-keys", "--json")[1])
    assert key["sha256"] in run("cards", "import-keys")[1]
    printed = subprocess.run(
        ["openssl", "x509", "-in", "import.pem", "-noout", "-fingerprint", "-sha256"],
        cwd=run.directory, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert key["sha256"] in printed
    assert run("cards", "import-key-erase", key["id"])[0] == 0
    assert run("cards", "import-key-erase", key["id"])[0] == 2
    assert "No import keys" in run("cards", "import-keys")[1]
    code, _, err = run("cards", "import", str(file), *IMPORT)
    assert code == 2
    assert "no import key of this vault opens it" in err


def test_the_private_key_is_in_no_file(run, one_pair):
    sent(run, HEADER)
    for path in run.directory.rglob("*"):
        if path.is_file():
            assert b"PRIVATE KEY" not in path.read_bytes(), path
    assert not [path for path in run.directory.rglob("*.key") if path.is_file()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--product", "seasid", "--provider", "x"), "there is no product"),
        (("--product", "seaside", "--provider", "a b"), "is not a name"),
    ],
)
def test_wrong_use(run, one_pair, words, said):
    code, _, err = run("cards", "import", str(sent(run, HEADER)), *words)
    assert code == 2
    assert said in err.replace("\n", " ")


def test_a_pipe_is_refused_and_a_missing_file_is_told(run, one_pair):
    code, _, err = run("cards", "import", str(run.directory / "none"), *IMPORT)
    assert code == 2
    assert "No such file" in err
    code, _, err = run("cards", "import", "/dev/null", *IMPORT)
    assert code == 2
    assert "no pipe" in err
