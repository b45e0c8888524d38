"""Secrets that gateway.yaml names: from a file or the environment, and never repeated."""

from pathlib import Path

import pytest

from gateway.config import load_config, read_config
from tests.config.files import PYTHON, messages, problems

CALLER = "callers:\n  push:\n    header: { name: X-Push-Key, value_file: key }\n"


def test_a_secret_that_is_missing_does_not_hinder_reading_but_starting(write):
    file = write(CALLER)
    assert read_config(file, python=PYTHON)
    ((line, message, hint),) = problems(file, read=load_config)
    assert (line, message) == (7, "the file key does not exist")
    assert "card-gateway certs init" in hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_secret_that_others_may_read_is_refused(write, tmp_path, mode):
    (tmp_path / "key").write_text("0123456789abcdef")
    (tmp_path / "key").chmod(mode)
    assert messages(write(CALLER), read=load_config) == [
        (7, f"others may read key; run: chmod 600 {tmp_path / 'key'}")
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"short\n", "the secret in key must have 8 to 1024 characters"),
        (b"x" * 1025, "the secret in key must have 8 to 1024 characters"),
        (b"two lines\nof text", "the secret in key has control characters or several lines"),
        (b"\xff" * 20, "key is not UTF-8 text"),
    ],
)
def test_p16_a_secret_that_is_none_is_refused_without_repeating_it(write, tmp_path, content, said):
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    assert messages(write(CALLER), read=load_config) == [(7, said)]


def test_a_secret_that_can_not_be_read(write, tmp_path, monkeypatch):
    (tmp_path / "key").write_text("0123456789abcdef")
    (tmp_path / "key").chmod(0o600)

    def refuse(path):  # tests may run as root, whom no mode stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert messages(write(CALLER), read=load_config) == [
        (7, "key can not be read: Permission denied")
    ]


def test_a_secret_from_the_environment(write, monkeypatch):
    file = write(CALLER.replace("value_file: key", "value_env: PUSH_KEY"))
    assert messages(file, read=load_config) == [(7, "the environment variable PUSH_KEY is not set")]
    monkeypatch.setenv("PUSH_KEY", "0123456789abcdef")
    config = load_config(file, python=PYTHON)
    assert config.callers["push"].header.secret().reveal() == "0123456789abcdef"
