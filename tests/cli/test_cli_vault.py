"""`card-gateway vault`: whose KEK opens the vault, and from one to the other."""

import json

import pytest

WORDS = "correct horse battery staple of ours"
NEXT = "vault:\n  next_kek: { passphrase: { file: words } }\n"
THEN = "vault:\n  kek: { passphrase: { file: words } }\n"


@pytest.fixture
def words(run):
    path = run.directory / "words"
    path.write_text(WORDS + "\n")
    path.chmod(0o600)
    return run


def configure(run, more):
    text = run.config.read_text().partition("vault:\n")[0]
    run.config.write_text(text + more)


def key(run):
    code, _, err = run("keys", "create", "--client", "pms", "--name", "desk")
    assert (code, err) == (0, "")


def test_no_vault_yet_and_none_is_made(run):
    assert run("vault", "status") == (
        0, "No vault yet. It is made with the first command that needs it, or by: run\n", "",
    )  # fmt: skip
    assert not (run.state / "vault.db").exists()


def test_p16_the_status_names_keys_and_shows_none(run):
    key(run)
    code, out, err = run("vault", "status")
    assert (code, err) == (0, "")
    assert f"KEK:       file        {run.state}/kek   in use" in out
    assert [line.split()[:2] for line in out.splitlines()[2:5]] == [
        ["data", "1"], ["look_up", "2"], ["tokenuser", "3"],
    ]  # fmt: skip
    _, kek_id, secret = (run.state / "kek").read_text().split()
    told = json.loads(run("vault", "status", "--json")[1])
    assert (told["sealed"], told["provider"]) == (False, "file")
    assert {one["kek"] for one in told["keys"]} == {int(kek_id)}
    assert secret not in out
    assert secret not in json.dumps(told)


def test_p27_a_sealed_vault_is_said_with_its_reason(run):
    key(run)
    (run.state / "kek").unlink()
    code, out, err = run("vault", "status")
    assert code == 1
    assert "in use" not in out
    assert f"{run.state}/kek: the key-encryption key can not be read" in err
    code, out, _ = run("vault", "status", "--json")
    told = json.loads(out)
    assert (code, told["sealed"], told["again_helps"], told["provider"]) == (1, True, False, None)


def test_the_kek_moves_to_another_provider(words):
    key(words)
    configure(words, NEXT)
    code, out, _ = words("check")
    assert f"key-encryption key: file ({words.state}/kek), next passphrase" in out or code
    code, out, err = words("vault", "kek", "move", "--to", "passphrase")
    assert (code, err) == (0, "")
    assert f"Wrapped under the KEK of {words.state}/kek.passphrase" in out
    assert words("keys", "list")[0] == 0  # between the move and the change of gateway.yaml
    assert "kek.passphrase   in use" in words("vault", "status")[1]
    configure(words, THEN)
    (words.state / "kek").unlink()
    assert words("keys", "list")[0] == 0
    assert (words.state / "kek.passphrase").exists()


def test_a_move_that_was_done_is_no_harm(words):
    key(words)
    configure(words, NEXT)
    words("vault", "kek", "move", "--to", "passphrase")
    code, out, _ = words("vault", "kek", "move", "--to", "passphrase")
    assert (code, "before" in out) == (0, True)


@pytest.mark.parametrize(
    ("more", "to", "said"),
    [
        ("", "transit", "Nothing stands under `vault.next_kek`"),
        (NEXT, "transit", "`vault.next_kek` is `passphrase`"),
        (NEXT, "passphrase", "There is no vault"),
    ],
)
def test_what_can_not_be_moved_is_said(words, more, to, said):
    configure(words, more)
    code, _, err = words("vault", "kek", "move", "--to", to)
    assert (code, said in err) == (2, True)
    assert not (words.state / "vault.db").exists()
