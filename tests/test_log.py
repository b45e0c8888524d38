"""P33: the log waits for nobody who reads it, and says what it left out."""

from __future__ import annotations

import json
import logging
import os
import threading

import pytest

from gateway import log

LINES = 1000  # more than a pipe has room for, and less than twice as much
PIPE = 65536


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    root, ours = logging.getLogger(), logging.getLogger("card_gateway")
    monkeypatch.setattr(root, "handlers", [])
    before = [(one, one.level) for one in (root, ours)]
    yield
    for one, level in before:
        one.setLevel(level)


def say(count):
    for number in range(count):
        log.event("exchange", id=number, route="siteminder/pull")


def read(descriptor):
    """The lines that a pipe has."""
    return [json.loads(line) for line in os.read(descriptor, PIPE).splitlines()]


@pytest.fixture
def pipe():
    """A pipe that is the log, and where it is read."""
    reads, writes = os.pipe()
    with os.fdopen(writes, "w") as stream:
        log.configure(stream=stream)
        yield reads
    os.close(reads)


def test_p33_a_reader_that_stands_still_holds_nobody(pipe):
    drained = []  # a while later, so that whoever waits for room fails and does not hang
    ends = threading.Timer(5, lambda: drained.append(os.read(pipe, PIPE)))
    ends.start()
    say(LINES)
    ends.cancel()
    ends.join()
    assert not drained
    there = read(pipe)
    assert [one["id"] for one in there] == list(range(len(there)))
    assert not any("left_out" in one for one in there)
    say(2)
    told, then = read(pipe)
    assert told["left_out"] == LINES - len(there) > 0
    assert "left_out" not in then


def test_p33_a_reader_that_is_gone_holds_nobody():
    reads, writes = os.pipe()
    stream = os.fdopen(writes, "w")
    log.configure(stream=stream)
    os.close(reads)
    say(3)
    with pytest.raises(BrokenPipeError):
        stream.close()
    say(3)


def test_a_log_that_is_closed_raises_nothing(tmp_path, capsys):
    with (tmp_path / "log").open("w") as stream:
        log.configure(stream=stream)
        say(1)
    say(1)
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert capsys.readouterr() == ("", "")  # nor does it tell a trace with what was to be written


def test_a_file_has_every_line(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        log.configure(stream=stream)
        say(LINES)
        there = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [one["id"] for one in there] == list(range(LINES))
    assert not any("left_out" in one for one in there)


def test_p16_a_command_tells_the_same_in_plain_words():
    def plain(name, **fields):
        record = logging.LogRecord("card_gateway", logging.ERROR, "", 0, name, None, None)
        record.fields = fields
        return log.PlainLines().format(record)

    assert plain("stopped") == "stopped"
    assert (
        plain("database_failed", error="57014", after=3) == "database_failed: error=57014, after=3"
    )
    assert plain("a", sink="/var/my log", code="") == 'a: sink="/var/my log", code=""'
    assert plain("a", rule="x\n\x1b[31m") == 'a: rule="x\\n\\u001b[31m"'
    try:
        raise ValueError("4111111111111111")
    except ValueError as error:
        failed = (type(error), error, error.__traceback__)
    other = logging.LogRecord("psycopg", logging.WARNING, "", 0, "of %s", ("4111",), failed)
    line = log.PlainLines().format(other)
    assert line.startswith("library_message: logger=psycopg, exception=ValueError, places=")
    assert "4111" not in line
